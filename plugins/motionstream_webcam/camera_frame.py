"""CameraFrame: a camera picture at the size at which it is followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError

MIN_SIDE = 32
MAX_SIDE = 8192
"""Pixels; an 8K picture has 7,680 x 4,320."""

Seam = Literal["none", "loop", "new"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraFrame:
    """What a camera saw.

    Attributes:
        pixels: RGB.
        seconds: When, by a steady clock.
        seam: How it follows the one before: "none" seen; "loop", the video begins again; "new", another camera or size.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    seconds: float
    seam: Seam = "none"

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])

    @property
    def aspect(self) -> float:
        """Height in widths."""
        return self.height / self.width


def fitted_size(width: int, height: int, shorter_px: int) -> tuple[int, int]:
    """Width and height so that the shorter side has at most `shorter_px` pixels; nothing is enlarged.

    Raises:
        InputError: The picture is too small or too large to be followed.
    """
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        raise InputError(
            f"Camera picture: wanted sides from {MIN_SIDE} to {MAX_SIDE} pixels, got {width}x{height}. "
            "Choose another resolution."
        )
    scale = min(1.0, shorter_px / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def fitted(pixels: UInt8[np.ndarray, "h w 3"], shorter_px: int, *, mirror: bool) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A picture at the size at which it is followed.

    Raises:
        InputError: The picture is too small or too large to be followed.
    """
    import cv2

    size = fitted_size(pixels.shape[1], pixels.shape[0], shorter_px)
    if size != (pixels.shape[1], pixels.shape[0]):
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(pixels[:, ::-1] if mirror else pixels)
