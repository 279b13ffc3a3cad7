"""Surface: the scene as the photograph shows it, a mesh of its depth that is cut where the depth jumps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt32

from motionstream_camera.depth.depth_map import DepthMap
from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.raycasting import Raycaster

MOST_VERTICES_ACROSS = 320  # more make the set-up slow and the z-test no better
Z_TOLERANCE = 0.03  # of the distance: coarser triangles and noise must not hide the points that lie on them


class Surface:
    """What hides what, and where things are, from any camera.

    Args:
        depth: Of the picture.
        lens: With which the picture was taken.
        pose: From which the picture was taken.
        cut_ratio: Neighbours whose depths differ by more than this part belong to different things.
    """

    def __init__(self, depth: DepthMap, lens: Lens, pose: Pose, *, cut_ratio: float = 0.15) -> None:
        self.depth, self.lens, self.pose = depth, lens, pose
        self._cut_ratio = cut_ratio
        self._caster = Raycaster(*self._mesh())

    @property
    def reach(self) -> float:
        """Median depth: the unit of speeds and of presets."""
        known = self.depth.values[self.depth.values > 0]
        return float(np.median(known)) if known.size else 1.0

    def lift(self, xy: Float64[np.ndarray, "n 2"]) -> tuple[Float64[np.ndarray, "n 3"], Bool[np.ndarray, " n"]]:
        """Points of the picture in the world, and which of them have a known depth."""
        depth = self.depth.at(xy, self._cut_ratio)
        in_camera = self.lens.unproject(xy, depth)
        return in_camera @ self.pose[:3, :3].T + self.pose[:3, 3], depth > 0

    def hidden(
        self, points: Float64[np.ndarray, "n 3"], eyes: Float64[np.ndarray, "t 3"], asked: Bool[np.ndarray, "t n"]
    ) -> Bool[np.ndarray, " m"]:
        """Whether something of the surface lies between an eye and a point, for the m pairs that are asked for."""
        rays = np.empty((*asked.shape, 6), np.float32)
        rays[..., :3] = eyes[:, None]
        np.subtract(points.astype(np.float32), rays[..., :3], out=rays[..., 3:])
        return self._caster.blocked(rays[asked], 0.0, 1 - Z_TOLERANCE)

    def depths_from(self, pose: Pose, lens: Lens, xy: Float64[np.ndarray, "n 2"]) -> Float32[np.ndarray, " n"]:
        """Depth along z of what a camera sees at places of its picture; infinite where it sees nothing."""
        return self.depths_along(pose, lens.unproject(xy))

    def depths_along(self, pose: Pose, directions: Float64[np.ndarray, "n 3"]) -> Float32[np.ndarray, " n"]:
        """The same for directions in camera coordinates that are one deep."""
        return self._caster.distances(_rays(pose, directions))

    def seen(self, pose: Pose, lens: Lens, xy: Float64[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
        """Where a camera sees the surface."""
        return self._caster.blocked(_rays(pose, lens.unproject(xy)), 0.0, np.inf)

    def _mesh(self) -> tuple[Float32[np.ndarray, "v 3"], UInt32[np.ndarray, "f 3"]]:
        step = max(1, -(-self.depth.width // MOST_VERTICES_ACROSS))
        z = self.depth.values[
            step // 2 :: step, step // 2 :: step
        ]  # picked, not averaged: a mean of two things is none
        h, w = z.shape
        x, y = np.meshgrid(step * np.arange(w) + step // 2 + 0.5, step * np.arange(h) + step // 2 + 0.5)
        xy = np.stack([x / self.depth.width, y / self.depth.height], axis=-1)
        vertices = self.lens.unproject(xy, z).reshape(-1, 3) @ self.pose[:3, :3].T + self.pose[:3, 3]
        return vertices.astype(np.float32), _triangles(z.astype(np.float64), 1 + self._cut_ratio)


def _triangles(z: Float64[np.ndarray, "h w"], most: float) -> UInt32[np.ndarray, "f 3"]:
    """Two triangles for each square of neighbours that are all known and within a ratio of depth."""
    index = np.arange(z.size, dtype=np.uint32).reshape(z.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    corners = z.ravel()[faces]
    whole = (corners.min(1) > 0) & (corners.max(1) <= most * corners.min(1))
    return np.asarray(faces[whole])


def _rays(pose: Pose, directions: Float64[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 6"]:
    """Rays of a camera: where directions are one deep, multiples of them are depths along z."""
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = pose[:3, 3], directions @ pose[:3, :3].T
    return rays
