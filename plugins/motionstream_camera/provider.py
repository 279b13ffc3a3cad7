"""CameraProvider: from a flight through the photograph to tracks."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel

from motionstream.errors import ProviderError
from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks
from motionstream_camera.anchoring import NewAnchor, anchored, picture_of
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.depth import DepthEstimator, estimator_called
from motionstream_camera.event import Anchor, TimedEvent, parse_event
from motionstream_camera.inbox import Inbox
from motionstream_camera.lens import Lens
from motionstream_camera.posefiles import read_camera_path
from motionstream_camera.settings import CameraSettings
from motionstream_camera.shown_scene import shown_scene
from motionstream_camera.stage import Stage

logger = logging.getLogger("motionstream.camera")  # below the library's logger, which the command line shows

DEFAULT_FIELD_OF_VIEW = 55.0


class CameraProvider:
    """Points of the picture, lifted by its depth and seen by a camera that the user moves.

    Depth is computed in `start`, which may take seconds with a network; `read` only moves the camera and projects.

    Attributes:
        settings: What is in force.
    """

    settings_type: ClassVar[type[BaseModel]] = CameraSettings

    def __init__(self, settings: CameraSettings | None = None) -> None:
        self.settings = settings or CameraSettings()
        chosen = self.settings
        self._estimator: DepthEstimator = estimator_called(
            chosen.depth if chosen.depth_source is None else str(chosen.depth_source),
            near=chosen.near,
            far=chosen.far,
            horizon=chosen.horizon,
            unit=chosen.depth_unit,
            inverse=chosen.depth_inverse,
        )
        self._file = None if chosen.path_file is None else read_camera_path(chosen.path_file)
        self._inbox = Inbox()
        self._stage: Stage | None = None
        self._scene: Mapping[str, Any] = {}
        self._anchor: tuple[NewAnchor, Mapping[str, Any]] | None = None
        self._closed = False

    def start(self, info: StreamInfo) -> None:
        """Begin a stream: tell the picture's depth, lift its points, place the camera.

        Raises:
            InputError: The depth cannot be told.
            ProviderError: Open3D is missing.
        """
        aspect = info.height / info.width
        lens, source = self._lens(aspect)
        depth = self._estimator.estimate(info.image, aspect)
        logger.info("camera: depth from %s; field of view %.0f degrees, %s.", self._estimator.description,
                    lens.field_of_view, source)  # fmt: skip
        stage = Stage(self.settings, info, lens, depth, self._file)
        self._scene = shown_scene(stage.surface, info.image, self._estimator.description, self.settings)
        self._stage, self._closed = stage, False

    def handle(self, event: Mapping[str, Any] | TimedEvent) -> None:
        """Take in a live event; after `close` it is dropped.

        Raises:
            InputError: It is not an event of this provider.
        """
        parsed = parse_event(event)
        if self._closed:
            return
        if isinstance(parsed, Anchor):
            self.anchor(picture_of(parsed.image), parsed.time_seconds, parsed.frame)
        else:
            self._inbox.put(parsed)

    def anchor(self, image: UInt8[np.ndarray, "h w 3"], seconds: float | None = None, frame: int | None = None) -> None:
        """Make the depth of a later picture of the stream the scene, from the next chunk on.

        Computes the depth on the calling thread, while chunks go on with the scene before.

        Args:
            image: The video frame.
            seconds: When it was shown; by default it is the newest one.
            frame: Its number in the stream, which is more exact.

        Raises:
            InputError: The picture shows too little of the scene so far, or its depth cannot be told.
        """
        stage, cut_ratio = self.stage, self.settings.cut_ratio
        camera = stage.camera_at(seconds) if frame is None else stage.camera_in(frame)
        new = anchored(image, self._estimator, stage.surface, camera, cut_ratio=cut_ratio)
        self._anchor = new, shown_scene(new.surface, image, self._estimator.description, self.settings)

    def read(self, window: Window) -> Tracks:
        """Where the points are in the frames of the window."""
        anchor, self._anchor = self._anchor, None
        if anchor is not None:
            new, self._scene = anchor
            self.stage.anchor(new)
        return self.stage.read(window, self._inbox)

    def report(self) -> Mapping[str, Any]:
        """What there is to draw of the flight: depth, a thin cloud, where the camera is and was; from any thread."""
        stage = self._stage
        if stage is None:
            return {}
        return {**self._scene, **stage.shown_flight.values(stage.rig.photograph_lens.fx)}

    def close(self) -> None:
        """End the stream; what was flown is forgotten."""
        self._stage, self._anchor, self._closed = None, None, True
        self._inbox.clear()

    def copy(self) -> Self:
        """An independent provider that goes on from here; with the same events both give the same tracks."""
        twin = copy.copy(self)
        twin._stage = None if self._stage is None else self._stage.copy()
        twin._inbox = self._inbox.copy()
        return twin

    @property
    def stage(self) -> Stage:
        """The stream's scene and camera.

        Raises:
            ProviderError: No stream is under way.
        """
        if self._stage is None:
            raise ProviderError("CameraProvider: wanted a stream that was started. Call start first.")
        return self._stage

    @property
    def flown(self) -> CameraPath:
        """Where the camera has been in each frame of this stream; `write_camera_path` saves it."""
        return self.stage.flown_path

    def _lens(self, aspect: float) -> tuple[Lens, str]:
        """The lens, and where it is known from."""
        chosen = self.settings
        if chosen.field_of_view > 0:
            return Lens.of_field_of_view(chosen.field_of_view, aspect), "as set"
        if chosen.photograph is not None:
            lens = Lens.of_exif(chosen.photograph)
            if lens is None:
                logger.warning("camera: %s does not tell its focal length.", chosen.photograph)
            else:
                return lens.cropped(aspect), "of the photograph's EXIF"
        if self._file is not None and self._file.lenses is not None:
            lens = self._file.lenses[0]
            return lens.cropped(aspect) if chosen.path_lens == "crop" else lens, "of the camera path"
        return Lens.of_field_of_view(DEFAULT_FIELD_OF_VIEW, aspect), "assumed"
