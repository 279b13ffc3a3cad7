"""CameraPath: poses over time, as they are read from files, flown, or drawn as a preview."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from motionstream.errors import InputError
from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose, between, inverse

DEFAULT_SIZE = (832, 480)


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraPath:
    """One pose for each video frame.

    Attributes:
        poses: Camera to world, OpenCV axes (x right, y down, z forward), float64 [t, 4, 4]; made exact rotations.
        lenses: One for each pose; None where the file does not tell.
        size: Width and height of the pictures in pixels, for files that count in pixels.
        names: Of the pictures, where the file tells them.
        bounds: Nearest and farthest depth of each picture [t, 2], where the file tells them.
    """

    poses: Float64[np.ndarray, "t 4 4"]
    lenses: tuple[Lens, ...] | None = None
    size: tuple[int, int] | None = None
    names: tuple[str, ...] | None = None
    bounds: Float64[np.ndarray, "t 2"] | None = None

    def __post_init__(self) -> None:
        poses = np.array(self.poses, dtype=np.float64)
        if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
            raise InputError(f"Camera path: wanted poses [t, 4, 4] with t >= 1, got {list(poses.shape)}.")
        turns = poses[:, :3, :3]
        square = np.einsum("tij,tik->tjk", turns, turns)
        proper = np.abs(square - np.eye(3)).max() < 0.02 and (np.linalg.det(turns) > 0).all()
        if not (np.isfinite(poses).all() and proper):
            raise InputError(
                "Camera path: wanted finite poses whose rotations are rotations. Check the file's convention."
            )
        for kind, values in (("lenses", self.lenses), ("names", self.names), ("bounds", self.bounds)):
            if values is not None and len(values) != len(poses):
                raise InputError(f"Camera path: wanted {kind} for {len(poses)} poses, got {len(values)}.")
        left, _, right = np.linalg.svd(turns)  # files hold rotations to a few digits; errors would add up in a flight
        poses[:, :3, :3] = left @ right
        poses.setflags(write=False)
        object.__setattr__(self, "poses", poses)

    def __len__(self) -> int:
        return len(self.poses)

    @cached_property
    def relative(self) -> Float64[np.ndarray, "t 4 4"]:
        """The poses seen from the first one, which becomes the identity."""
        result: Float64[np.ndarray, "t 4 4"] = inverse(self.poses[0]) @ self.poses
        return result

    @property
    def extent(self) -> float:
        """Largest distance from the first position, in the file's own unit."""
        return float(np.linalg.norm(self.relative[:, :3, 3], axis=-1).max())

    def at(self, position: float) -> Pose:
        """The pose, relative to the first, at a fractional index; the ends stay the ends."""
        position = min(max(position, 0.0), len(self) - 1.0)
        low = min(int(position), max(len(self) - 2, 0))
        return between(self.relative[low], self.relative[min(low + 1, len(self) - 1)], position - low)

    def zoom_at(self, position: float) -> float:
        """The focal length at a fractional index, as a multiple of the first one."""
        if self.lenses is None:
            return 1.0
        focal = [lens.fx for lens in self.lenses]
        return float(np.interp(position, np.arange(len(focal)), focal)) / focal[0]

    def sized_lenses(self, format_name: str) -> tuple[tuple[Lens, ...], tuple[int, int]]:
        """Lenses and size in pixels for a format that needs them.

        Raises:
            InputError: The path has no lenses.
        """
        if self.lenses is None:
            raise InputError(f"Camera path: {format_name} wants intrinsics, the path has none. Give it lenses.")
        return self.lenses, self.size or DEFAULT_SIZE
