"""Marker: a time written into a frame's pixels so that it survives every codec; it says when the frame was made."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

_BLOCK_PX = 8
_COLUMNS = 16
_TIME_BITS, _CHECK_BITS = 24, 8
_UNITS_PER_MS = 4
HEIGHT_PX = _BLOCK_PX * (_TIME_BITS + _CHECK_BITS) // _COLUMNS
WIDTH_PX = _BLOCK_PX * _COLUMNS
PERIOD_MS = (1 << _TIME_BITS) / _UNITS_PER_MS
"""Times are known modulo this, 70 minutes."""


def draw_marker(frame: UInt8[np.ndarray, "h w 3"], time_ms: float) -> None:
    """Write a time into the upper left corner: black and white blocks, in place."""
    units = round(time_ms * _UNITS_PER_MS) % (1 << _TIME_BITS)
    value = units << _CHECK_BITS | _checksum(units)
    bits = np.array([value >> i & 1 for i in range(_TIME_BITS + _CHECK_BITS)], np.uint8).reshape(-1, _COLUMNS)
    strip = np.kron(bits * 255, np.ones((_BLOCK_PX, _BLOCK_PX), np.uint8))
    frame[:HEIGHT_PX, :WIDTH_PX] = strip[..., None]


def read_marker(frame: UInt8[np.ndarray, "h w 3"]) -> float | None:
    """The time in a frame, modulo `PERIOD_MS`; None where there is none or it is damaged."""
    if frame.shape[0] < HEIGHT_PX or frame.shape[1] < WIDTH_PX:
        return None
    blocks = frame[:HEIGHT_PX, :WIDTH_PX].mean(axis=2).reshape(-1, _BLOCK_PX, _COLUMNS, _BLOCK_PX).mean(axis=(1, 3))
    value = sum(1 << i for i, level in enumerate(blocks.ravel().tolist()) if level > 127.5)
    units, check = value >> _CHECK_BITS, value % (1 << _CHECK_BITS)
    return units / _UNITS_PER_MS if check == _checksum(units) else None


def age_ms(marker_ms: float, now_ms: float) -> float:
    """How long ago a marked frame was made."""
    return (now_ms - marker_ms) % PERIOD_MS


def _checksum(units: int) -> int:
    return (units ^ units >> 8 ^ units >> 16 ^ 0x5A) % (1 << _CHECK_BITS)
