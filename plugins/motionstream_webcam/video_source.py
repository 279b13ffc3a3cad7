"""VideoSource: a video file as a camera, looped."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream_webcam.camera_frame import CameraFrame, Seam, fitted_size

_MIN_STEP_SECONDS = 1 / 65
"""Frames that come faster are left out: a tracker gains nothing by them."""

_USUAL_FPS = 30.0


class VideoSource:
    """Frames of a file at the times that it says, upright; after the last one it begins again.

    A file that breaks off in the middle loops at the break.

    Attributes:
        note: What is to be said of the file, such as that it breaks off; empty where all is well.
    """

    def __init__(self, path: Path, shorter_px: int, *, mirror: bool = False) -> None:
        """Look at the file.

        Raises:
            InputError: It is missing, holds no video, or its first frame cannot be used.
        """
        self._path, self._shorter_px, self._mirror = path, shorter_px, mirror
        self.note = ""
        with contextlib.closing(self._once(0.0, "none")) as frames:
            next(frames)

    def frames(self) -> Generator[CameraFrame, None, None]:
        """Frames without end, at seconds that count from 0 and go on from loop to loop."""
        seam: Seam = "none"
        begun = 0.0
        while True:
            begun = yield from self._once(begun, seam)
            seam = "loop"

    def _once(self, begun: float, seam: Seam) -> Generator[CameraFrame, None, float]:
        """The file once; in the end, when the next frame is due."""
        import av

        newest, first, step = -math.inf, None, 1 / _USUAL_FPS
        try:
            with av.open(str(self._path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self._path}: wanted a video, it has no pictures. Choose another file.")
                stream = container.streams.video[0]
                step = 1 / float(stream.average_rate or stream.guessed_rate or _USUAL_FPS)
                for frame in container.decode(stream):
                    time = max(newest, 0.0) + step if frame.time is None else float(frame.time)
                    first = time if first is None else first
                    if time - newest < _MIN_STEP_SECONDS:
                        continue
                    newest = time
                    yield CameraFrame(pixels=self._pixels(frame), seconds=begun + time - first, seam=seam)
                    seam = "none"
        except (OSError, ValueError) as error:  # FFmpegError is one of them
            self._broke(error, first is not None)
        if first is None:
            raise InputError(f"{self._path}: wanted a video, got a file without video frames. Choose another file.")
        return begun + newest - first + step

    def _pixels(self, frame: Any) -> UInt8[np.ndarray, "h w 3"]:
        width, height = fitted_size(frame.width, frame.height, self._shorter_px)
        small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        upright = np.rot90(small.to_ndarray(), round(frame.rotation / 90))
        return np.ascontiguousarray(upright[:, ::-1] if self._mirror else upright)

    def _broke(self, error: Exception, begun: bool) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        if not begun:
            raise InputError(
                f"{self._path}: wanted a video, could not read it: {reason}. Check the path, or choose another file."
            ) from error
        self.note = f"{self._path} breaks off: {reason}; it is looped up to there"
