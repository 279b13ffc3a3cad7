"""OneEuro: a low-pass filter that is slow for a hand at rest and quick for a fast one (Casiez et al. 2012)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, "n d"]

_SPEED_CUTOFF_HZ = 1.0


class OneEuro:
    """The filter of n values at once, each with the cut-off of its own speed.

    Args:
        cutoff_hz: At rest.
        beta: Added to the cut-off per unit of speed.
    """

    def __init__(self, cutoff_hz: float, beta: float) -> None:
        self._cutoff_hz, self._beta = cutoff_hz, beta
        self._seconds: float | None = None
        self._value: Values = np.zeros((0, 2))
        self._speed: Values = np.zeros((0, 2))

    def __call__(self, seconds: float, value: Values) -> Values:
        """The filtered value; of the first one, itself. Time that does not go on changes nothing."""
        if self._seconds is None:
            self._seconds, self._value, self._speed = seconds, value, np.zeros_like(value)
            return value
        step = seconds - self._seconds
        if step <= 0:
            return self._value
        part = _part(np.array(_SPEED_CUTOFF_HZ), step)
        self._speed = self._speed + part * ((value - self._value) / step - self._speed)
        length = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._value = self._value + _part(self._cutoff_hz + self._beta * length, step) * (value - self._value)
        self._seconds = seconds
        return self._value


def _part(cutoff_hz: np.ndarray, step: float) -> np.ndarray:
    """How much of the new value is taken."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step))
