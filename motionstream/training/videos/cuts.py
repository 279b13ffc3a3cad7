"""Scene cuts: neighbouring frames that differ both place by place and in their colours as a whole."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

_SIDE = 32
_BINS = 16


@dataclass(frozen=True, kw_only=True)
class CutSettings:
    """From when on two frames belong to different scenes; both must be exceeded.

    A fast camera changes every place and keeps the colours; a fade changes neither fast enough and is not found.

    Attributes:
        difference: Mean difference of two frames' thumbnails, of 255.
        colour_difference: Sum of the differences of their colour histograms, each summing to 1: 0 to 2.
    """

    difference: float = 20.0
    colour_difference: float = 0.4


def thumbnail(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """A frame shrunk to what cuts are seen by."""
    import cv2

    return np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))


def is_cut(before: UInt8[np.ndarray, "s s 3"], after: UInt8[np.ndarray, "s s 3"], settings: CutSettings) -> bool:
    """Whether a new scene begins between the thumbnails of neighbouring frames."""
    difference = np.abs(before.astype(np.int16) - after.astype(np.int16)).mean()
    if difference <= settings.difference:
        return False
    return bool(np.abs(_colours(before) - _colours(after)).sum() > settings.colour_difference)


def _colours(pixels: UInt8[np.ndarray, "s s 3"]) -> Float[np.ndarray, "3 bins"]:
    counts = [np.histogram(pixels[..., channel], _BINS, (0, 256))[0] for channel in range(3)]
    return np.stack(counts) / (3 * _SIDE * _SIDE)
