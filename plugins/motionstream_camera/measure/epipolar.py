"""Epipolar distance: what of a track's error no depth at all could take away."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from motionstream_camera.lens import Lens
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.prediction import RealTracks
from motionstream_camera.pose import inverse

_STANDING = 1e-9  # of a move: below it there is no epipolar line


def epipolar_px(clip: Clip, real: RealTracks, counted: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, " m"]:
    """Distances of the real tracks from the lines on which the poses say they must lie."""
    start = _homogeneous(real.start * real.size)
    lines = np.stack(
        [start @ _fundamental(pose, clip.lenses[0], lens, real.size).T
         for pose, lens in zip(clip.path.relative, clip.lenses, strict=True)]
    )  # fmt: skip
    places = _homogeneous(real.xy * real.size)
    length = np.linalg.norm(lines[..., :2], axis=-1)
    away = np.abs((lines * places).sum(axis=-1)) / np.maximum(length, _STANDING)
    return np.asarray(away[1:][real.valid[1:] & counted & (length[1:] > _STANDING)])


def _fundamental(
    pose: Float64[np.ndarray, "4 4"], first: Lens, second: Lens, size: tuple[int, int]
) -> Float64[np.ndarray, "3 3"]:
    """Takes a place of frame 0 to its line in the frame taken from `pose`, in pixels."""
    seen_from = inverse(pose)
    x, y, z = seen_from[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    back = [np.linalg.inv(_matrix(lens, size)) for lens in (first, second)]
    return np.asarray(back[1].T @ cross @ seen_from[:3, :3] @ back[0])


def _matrix(lens: Lens, size: tuple[int, int]) -> Float64[np.ndarray, "3 3"]:
    width, height = size
    return np.array(
        [[lens.fx * width, 0.0, lens.cx * width], [0.0, lens.fy * height, lens.cy * height], [0.0, 0.0, 1.0]]
    )


def _homogeneous(places: Float64[np.ndarray, "*b 2"]) -> Float64[np.ndarray, "*b 3"]:
    return np.concatenate([places, np.ones((*places.shape[:-1], 1))], axis=-1)
