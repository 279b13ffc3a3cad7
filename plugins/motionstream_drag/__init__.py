"""The drag provider of MotionStream: press on a thing, drag it, and its points follow.

The pieces, from the outside in: `provider` (threads, recording), `script` (a drag as a file), `scene` (what is there in
a frame), `timeline` (events in order), `pointer`, `path`, `grid_shape` and `grid` (what moves), `limits` (how fast, how
smoothly).
"""

from motionstream_drag.event import parse_event
from motionstream_drag.provider import DragProvider
from motionstream_drag.script import DragScript
from motionstream_drag.settings import DragSettings

__all__ = ["DragProvider", "DragScript", "DragSettings", "parse_event"]
