"""The camera provider of MotionStream: fly through a photograph.

The picture's depth (`depth`) makes a surface (`surface`), on which points lie (`cloud`). A camera (`pose`, `lens`) is
carried by a rig (`rig`), which does what keys, mouse and flights (`presets`, `keyframes`, `posefiles`) want as far as
the guard (`guard`) allows. The projections of the points are the tracks.

Conventions: x right, y down, z forward; poses are camera to world; the photograph's camera is the world's origin.
Pictures run from 0 to 1 across and down.
"""

from motionstream_camera.camera_path import CameraPath
from motionstream_camera.composed import CameraWithDrag, CameraWithDragSettings
from motionstream_camera.event import parse_event
from motionstream_camera.lens import Lens
from motionstream_camera.posefiles import read_camera_path, write_camera_path
from motionstream_camera.presets import PRESETS, PresetFlight
from motionstream_camera.provider import CameraProvider
from motionstream_camera.settings import CameraSettings

__all__ = [
    "PRESETS",
    "CameraPath",
    "CameraProvider",
    "CameraSettings",
    "CameraWithDrag",
    "CameraWithDragSettings",
    "Lens",
    "PresetFlight",
    "parse_event",
    "read_camera_path",
    "write_camera_path",
]
