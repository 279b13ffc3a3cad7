"""Likeness of two pictures around points."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

_OFFSETS = np.stack(np.meshgrid(np.arange(-6, 7, 3), np.arange(-6, 7, 3)), axis=-1).reshape(-1, 2)


def difference(
    before: UInt8[np.ndarray, "h w"],
    after: UInt8[np.ndarray, "h w"],
    here: Float32[np.ndarray, "n 2"],
    there: Float32[np.ndarray, "n 2"],
) -> Float32[np.ndarray, " n"]:
    """Mean difference of grey values around places of one picture and of the other, of 13 x 13 pixels each."""
    first, second = (_values(picture, places) for picture, places in ((before, here), (after, there)))
    return np.asarray(np.abs(first - second).mean(axis=-1), np.float32)


def _values(picture: UInt8[np.ndarray, "h w"], places: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n k"]:
    """Values at 5 x 5 places around each, to the nearest pixel; beyond the edge, those of the edge."""
    pixel = np.clip(np.floor(places), -1e6, 1e6).astype(np.int64)[:, None] + _OFFSETS
    column = np.clip(pixel[..., 0], 0, picture.shape[1] - 1)
    row = np.clip(pixel[..., 1], 0, picture.shape[0] - 1)
    return np.asarray(picture[row, column], np.float32)
