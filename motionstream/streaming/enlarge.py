"""Video frames made larger by a whole factor, so that a small stream can be watched and drawn upon."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError

Enlargement = Literal["nearest", "lanczos"]


def enlarge(
    frames: UInt8[np.ndarray, "t h w 3"], factor: int, how: Enlargement = "lanczos"
) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Frames whose sides are `factor` times as long: "nearest" shows the pixels, "lanczos" is smooth.

    Raises:
        InputError: The factor is not a whole number of at least 1, or `how` is unknown.
    """
    check_enlargement(factor, how)
    if factor == 1:
        return frames
    if how == "nearest" or not len(frames):
        return frames.repeat(factor, axis=1).repeat(factor, axis=2)
    import cv2

    size = (frames.shape[2] * factor, frames.shape[1] * factor)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_LANCZOS4) for frame in frames])


def check_enlargement(factor: int, how: str) -> None:
    """Refuse a factor or a method that `enlarge` does not know, before anything is computed for it."""
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise InputError(f"Enlargement: wanted a whole factor of at least 1, got {factor!r}.")
    if how not in get_args(Enlargement):
        raise InputError(f"Enlargement: wanted one of {', '.join(get_args(Enlargement))}; got {how!r}.")
