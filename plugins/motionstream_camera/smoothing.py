"""How motion starts and stops: limited acceleration, and springs that go after what was asked for.

Both are solved exactly for the time that passes: the result depends neither on the frame rate nor on the chunks.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, " k"]


class Ramp:
    """A velocity that changes no faster than its acceleration allows.

    Args:
        size: Components.
        acceleration: Largest change of the velocity per second (of its length).
    """

    def __init__(self, size: int, acceleration: float) -> None:
        self.velocity: Values = np.zeros(size)
        self.target: Values = np.zeros(size)
        self._acceleration = acceleration

    @property
    def moving(self) -> bool:
        """It moves or is about to."""
        return bool(self.velocity.any() or self.target.any())

    def advance(self, seconds: float) -> Values:
        """The way gone in the time, while the velocity goes after its target."""
        missing = self.target - self.velocity
        before, needed = self.velocity, float(np.linalg.norm(missing)) / self._acceleration
        if needed > seconds:
            self.velocity = before + missing * (seconds / needed)
            return np.asarray((before + self.velocity) * (seconds / 2))
        self.velocity = self.target.copy()
        return np.asarray((before + self.target) * (needed / 2) + self.target * (seconds - needed))


class Spring:
    """A value that follows a target that may jump, critically damped: x'' = w^2 (y - x) - 2 w x'.

    Args:
        size: Components.
        smoothing_seconds: How far it lags behind a steady motion; 0 follows at once.
    """

    def __init__(self, size: int, smoothing_seconds: float) -> None:
        self._missing: Values = np.zeros(size)
        self._velocity: Values = np.zeros(size)
        self._stiffness = 2 / smoothing_seconds if smoothing_seconds > 0 else np.inf

    @property
    def moving(self) -> bool:
        """It has not arrived."""
        return bool(self._missing.any())

    def push(self, way: Values) -> None:
        """Move the target."""
        self._missing = self._missing + way

    def advance(self, seconds: float) -> Values:
        """The way gone in the time."""
        if not np.isfinite(self._stiffness):
            way, self._missing = self._missing, np.zeros_like(self._missing)
            return way
        w, before = self._stiffness, self._missing
        rate = w * before - self._velocity
        decay = np.exp(-w * seconds)
        left = (before + rate * seconds) * decay
        self._velocity = (w * left - rate * decay) if np.abs(left).max() > 1e-9 else np.zeros_like(left)
        self._missing = left if self._velocity.any() else np.zeros_like(left)
        return np.asarray(before - self._missing)

    def stop(self) -> None:
        """Forget the rest of the way."""
        self._missing, self._velocity = np.zeros_like(self._missing), np.zeros_like(self._velocity)
