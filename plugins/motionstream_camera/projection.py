"""Projection of the world's points into the pictures of a moving camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from motionstream_camera.lens import Lens

NEAREST = 1e-4  # as a part of the scene's depth it would be on the lens: such points are not projected but clipped
FARTHEST_OUTSIDE = 10.0  # widths or heights: a point that leaves goes no farther than this


def project(
    points: Float64[np.ndarray, "n 3"], poses: Float64[np.ndarray, "t 4 4"], lenses: Sequence[Lens]
) -> tuple[Float64[np.ndarray, "t n 2"], Float64[np.ndarray, "t n"]]:
    """Where points of the world appear in each picture, and how deep they lie.

    Args:
        points: In world coordinates.
        poses: Camera to world.
        lenses: One for each pose.

    Returns:
        Positions in fractions of the picture, clipped far outside it, and depths along z; behind the camera the depth
        is negative and the position means nothing.
    """
    rotations, positions = poses[:, :3, :3], poses[:, :3, 3]
    shift = np.einsum("tji,tj->ti", rotations, positions)
    # [3, n] by axis: contiguous rows are several times faster than rows of three
    x, y, z = np.einsum("tji,jn->itn", rotations, points.T, optimize=True) - shift.T[..., None]
    inverse = 1 / np.maximum(z, NEAREST)
    fx, fy, cx, cy = np.array([(lens.fx, lens.fy, lens.cx, lens.cy) for lens in lenses]).T[..., None]
    xy = np.empty((*z.shape, 2))
    xy[..., 0], xy[..., 1] = fx * x * inverse + cx, fy * y * inverse + cy
    return np.clip(xy, -FARTHEST_OUTSIDE, 1 + FARTHEST_OUTSIDE, out=xy), z
