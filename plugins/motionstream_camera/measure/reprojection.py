"""Reprojection: the points of frame 0 drawn where another camera sees them, the holes painted in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from motionstream_camera.depth import DepthMap
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.prediction import known, predicted
from motionstream_camera.projection import NEAREST

_POINTS_PER_PIXEL = 4  # along each axis, so that going nearer opens no gaps between neighbours
_SAME_SURFACE = 1.03  # points up to so much farther than the nearest one share its pixel
_INPAINT_PX = 3


def reprojected(
    clip: Clip, depth: DepthMap, scale: float, size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "t h w 3"], float]:
    """Frame 0 as the camera of each frame sees it, and which part of the pixels was painted in.

    Args:
        clip: Its first frame, poses and lenses.
        depth: Of frame 0.
        scale: Depth units in one unit of the positions.
        size: Width and height of the pictures.
    """
    import cv2

    across, down = (_POINTS_PER_PIXEL * side for side in size)
    x, y = np.meshgrid((np.arange(across) + 0.5) / across, (np.arange(down) + 0.5) / down)
    xy = np.stack([x, y], axis=-1).reshape(-1, 2)
    colours = cv2.resize(clip.frames[0], (across, down), interpolation=cv2.INTER_LINEAR).reshape(-1, 3)
    lifted = known(depth, xy)
    places, z = predicted(clip, depth, xy[lifted], scale)
    drawn = [_drawn(at, deep, colours[lifted], size) for at, deep in zip(places, z, strict=True)]
    frames = np.stack(
        [cv2.inpaint(picture, holes.astype(np.uint8), _INPAINT_PX, cv2.INPAINT_TELEA) for picture, holes in drawn]
    )
    return frames, float(np.mean([holes.mean() for _, holes in drawn]))


def _drawn(
    places: Float64[np.ndarray, "n 2"],
    z: Float64[np.ndarray, " n"],
    colours: UInt8[np.ndarray, "n 3"],
    size: tuple[int, int],
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """The mean colour of the nearest points in each pixel, and which pixels have none."""
    width, height = size
    inside = ((places >= 0) & (places < 1)).all(axis=1) & (z > NEAREST)
    column, row = np.floor(places[inside] * size).astype(np.int64).T
    pixel, deep = row * width + column, z[inside]
    nearest = np.full(width * height, np.inf)
    np.minimum.at(nearest, pixel, deep)
    front = deep <= _SAME_SURFACE * nearest[pixel]
    pixel, seen = pixel[front], colours[inside][front].astype(np.float64)
    count = np.bincount(pixel, minlength=width * height)
    total = np.stack([np.bincount(pixel, seen[:, channel], width * height) for channel in range(3)], axis=-1)
    picture = np.round(total / np.maximum(count, 1)[:, None]).astype(np.uint8)
    return picture.reshape(height, width, 3), (count == 0).reshape(height, width)
