"""Polyline: a drawn line, walked at a speed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


class Polyline:
    """A line of straight pieces, addressed by the time since its start.

    Args:
        corners: Its corners [k, 2], in widths.
        speed: Mean speed in widths per second.
        ease: Start and stop gently: the way gone is 3 u^2 - 2 u^3 of the whole after the part u of the time.
    """

    def __init__(self, corners: Float64[np.ndarray, "k 2"], speed: float, ease: bool = False) -> None:
        self._corners, self._ease = corners, ease
        self._gone_at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
        self.duration_seconds = float(self._gone_at[-1]) / speed

    def at(self, seconds: float) -> Float64[np.ndarray, " 2"]:
        """The place after `seconds`; the ends stay the ends."""
        part = min(max(seconds / self.duration_seconds, 0.0), 1.0) if self.duration_seconds > 0 else 1.0
        if self._ease:
            part = part * part * (3 - 2 * part)
        gone = part * self._gone_at[-1]
        return np.array([np.interp(gone, self._gone_at, axis) for axis in self._corners.T])
