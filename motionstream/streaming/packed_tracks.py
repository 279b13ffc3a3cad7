"""Tracks as a short text: what a control log keeps of motion whose source cannot be kept."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from motionstream.errors import InputError
from motionstream.tracks import Tracks

_SIZES = struct.Struct("<II")
_UNITS = 8192
"""Positions are int16 in parts of 1/8192 of the picture's width and height, within [-4, 4)."""
_MAX_BYTES = 64 * 2**20


def pack_tracks(tracks: Tracks) -> str:
    """u32 frames t, u32 points n, int64 ids [n], int16 positions [t, n, 2], u8 visible [t, n]; deflated, base64."""
    units = np.clip(np.rint(tracks.xy * _UNITS), -32768, 32767).astype("<i2")
    sizes = _SIZES.pack(tracks.num_frames, tracks.num_points)
    visible = tracks.visible.astype(np.uint8)
    content = b"".join((sizes, tracks.ids.astype("<i8").tobytes(), units.tobytes(), visible.tobytes()))
    return base64.b64encode(zlib.compress(content, 6)).decode()


def unpack_tracks(text: str) -> Tracks:
    """The tracks, their positions rounded.

    Raises:
        InputError: The text holds no tracks.
    """
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(base64.b64decode(text, validate=True), _MAX_BYTES)
    except (ValueError, zlib.error) as error:
        raise InputError(f"Packed tracks: wanted deflated base64, got something else: {error}.") from error
    t, n = _SIZES.unpack_from(content) if len(content) >= _SIZES.size else (0, 0)
    if t < 1 or len(content) != _SIZES.size + 8 * n + 5 * t * n or not inflater.eof:
        raise InputError(f"Packed tracks of {n} points over {t} video frames: got {len(content)} bytes.")
    ids = np.frombuffer(content, "<i8", n, _SIZES.size)
    start = _SIZES.size + 8 * n
    units = np.frombuffer(content, "<i2", 2 * t * n, start).reshape(t, n, 2)
    visible = np.frombuffer(content, np.uint8, t * n, start + 4 * t * n).reshape(t, n)
    return Tracks(ids=ids, xy=units.astype(np.float32) / _UNITS, visible=visible.astype(bool))
