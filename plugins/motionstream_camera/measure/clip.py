"""Clip: a real video with the poses of its camera, and the depth of its first frame where somebody measured it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.depth import DepthEstimator, DepthMap
from motionstream_camera.lens import Lens


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """Frames and what is known of the camera that took them.

    Attributes:
        name: What tables call it.
        group: The set that it belongs to.
        frames: RGB.
        path: Pose and lens of each frame.
        depth: Of frame 0, in the unit of the positions; None where nobody measured it.
    """

    name: str
    group: str
    frames: UInt8[np.ndarray, "t h w 3"]
    path: CameraPath
    depth: DepthMap | None = None

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.path) or len(self.frames) < 2:
            raise InputError(
                f"Clip {self.name}: wanted at least 2 frames with a pose each, got {len(self.frames)} frames and "
                f"{len(self.path)} poses. Check the files."
            )
        if self.path.lenses is None:
            raise InputError(f"Clip {self.name}: wanted intrinsics, the poses have none. Take another format.")

    @property
    def aspect(self) -> float:
        """Height divided by width."""
        return float(self.frames.shape[1] / self.frames.shape[2])

    @property
    def lenses(self) -> list[Lens]:
        """One for each frame."""
        return list(self.path.lenses or ())

    def depth_from(self, estimator: DepthEstimator) -> DepthMap:
        """The measured depth of frame 0, or that of an estimator."""
        return self.depth or estimator.estimate(self.frames[0], self.aspect)

    def squared(self) -> Self:
        """What is left when the frames are cut to squares at the centre."""
        height, width = self.frames.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        lenses = tuple(_cut(lens, (left / width, top / height), (side / width, side / height)) for lens in self.lenses)
        return replace(
            self,
            frames=self.frames[:, top : top + side, left : left + side],
            path=replace(self.path, lenses=lenses, size=(side, side)),
            depth=None if self.depth is None else self.depth.cropped(1.0),
        )


def _cut(lens: Lens, corner: tuple[float, float], part: tuple[float, float]) -> Lens:
    """The lens of a part of the picture; the picture may be stretched, so its shape says nothing."""
    (left, top), (across, down) = corner, part
    return Lens(fx=lens.fx / across, fy=lens.fy / down, cx=(lens.cx - left) / across, cy=(lens.cy - top) / down)
