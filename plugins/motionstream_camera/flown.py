"""FlownPath: where the camera has been, frame by frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose

_MOST_FRAMES = 60 * 60 * 16  # an hour: the memory of a stream that never ends must end


class FlownPath:
    """The poses and lenses of the frames that have been read, the newest hour of them."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, Pose, Lens]] = deque(maxlen=_MOST_FRAMES)
        self._num_frames = 0  # also those that are forgotten

    def add(self, seconds: float, pose: Pose, lens: Lens) -> None:
        """Remember a frame."""
        self._frames.append((seconds, pose, lens))
        self._num_frames += 1

    def at(self, seconds: float | None) -> tuple[Pose, Lens] | None:
        """Pose and lens of the frame that was shown at a time, or of the newest; None before the first."""
        if not self._frames:
            return None
        if seconds is None:
            return self._frames[-1][1], self._frames[-1][2]
        for index in range(len(self._frames) - 1, -1, -1):  # by index: another thread may add frames meanwhile
            shown, pose, lens = self._frames[index]
            if shown <= seconds + 1e-6:
                return pose, lens
        return self._frames[0][1], self._frames[0][2]

    def frame(self, index: int) -> tuple[Pose, Lens] | None:
        """Pose and lens of a frame by its number; None where it is not known."""
        behind = self._num_frames - index  # 1 is the newest
        if not 0 < behind <= len(self._frames):
            return None
        return self._frames[-behind][1], self._frames[-behind][2]

    def newest(self, count: int) -> tuple[int, list[tuple[Pose, Lens]]]:
        """The newest frames, at most so many, and the number of the first of them."""
        count = min(count, len(self._frames))
        return self._num_frames - count, [self._frames[index][1:] for index in range(-count, 0)]

    def path(self, size: tuple[int, int]) -> CameraPath:
        """All of it as a path that can be written."""
        if not self._frames:
            raise InputError("Camera path: nothing has been flown yet. Read a chunk first.")
        return CameraPath(
            poses=np.stack([pose for _, pose, _ in self._frames]),
            lenses=tuple(lens for _, _, lens in self._frames),
            size=size,
        )
