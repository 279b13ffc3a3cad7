"""JPEG pictures that a page sends: checked at the border, decoded when they are to be followed."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream_webcam.camera_frame import fitted_size

MAX_BYTES = 4 * 2**20
_START = b"\xff\xd8\xff"


def check_jpeg(data: object) -> bytes:
    """What was sent, if it can be a JPEG at all; it is not decoded.

    Raises:
        InputError: It is something else, or too large.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"Camera picture: wanted the bytes of a JPEG, got {type(data).__name__}.")
    if not len(_START) <= len(data) <= MAX_BYTES:
        raise InputError(f"Camera picture: wanted at most {MAX_BYTES} bytes, got {len(data)}. Send smaller pictures.")
    if bytes(data[: len(_START)]) != _START:
        raise InputError("Camera picture: wanted a JPEG, got something else. Send JPEG pictures.")
    return bytes(data)


def decode_jpeg(data: bytes, shorter_px: int) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels, upright, decoded at no more than about twice the size at which they are followed.

    Raises:
        InputError: It is corrupt, too small or too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            picture.draft("RGB", fitted_size(*picture.size, shorter_px))
            return np.asarray(ImageOps.exif_transpose(picture.convert("RGB")))
    except InputError:
        raise
    except Exception as error:  # a decoder fails in many ways on bytes that are made to break it
        raise InputError(f"Camera picture: the JPEG could not be read: {error}. It is skipped.") from error
