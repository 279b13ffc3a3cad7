"""Pictures on their way to a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError


def picture_bytes(picture: str | Path | bytes | UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture as a file's bytes; pixels become a PNG.

    Raises:
        InputError: The path cannot be read, or the array is no picture.
    """
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        return _as_png(picture)
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{picture}: wanted a picture, could not read it: {reason}. Check the path.") from error


def _as_png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    import cv2

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise InputError(f"Picture: wanted uint8 [h, w, 3], got {pixels.dtype} {list(pixels.shape)}.")
    _, data = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR))
    return data.tobytes()
