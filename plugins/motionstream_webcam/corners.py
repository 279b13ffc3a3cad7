"""Corners: places that can be followed, near places that are wanted."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

_WINDOW_PX = 7
_EDGE_PX = 4


def near_corners(
    frame: UInt8[np.ndarray, "h w 3"], wanted: Float32[np.ndarray, "n 2"], reach_px: float
) -> Float32[np.ndarray, "n 2"]:
    """Each place, or the strongest corner no farther away than `reach_px` along x and y; all inside the picture.

    Args:
        frame: The picture.
        wanted: Continuous pixel positions.
        reach_px: How far to look.
    """
    import cv2

    height, width = frame.shape[:2]
    strength = cv2.cornerMinEigenVal(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), _WINDOW_PX)
    strength[:_EDGE_PX] = strength[-_EDGE_PX:] = strength[:, :_EDGE_PX] = strength[:, -_EDGE_PX:] = -1
    inside = np.clip(wanted, 0.5, np.array((width, height)) - 0.5)
    reach = int(reach_px)
    found = np.empty_like(inside, np.float32)
    for index, (x, y) in enumerate(np.floor(inside).astype(int)):
        left, top = max(0, x - reach), max(0, y - reach)
        cell = strength[top : y + reach + 1, left : x + reach + 1]
        row, column = np.unravel_index(int(cell.argmax()), cell.shape)
        flat = cell[row, column] <= 0
        found[index] = inside[index] if flat else (left + column + 0.5, top + row + 0.5)
    return found
