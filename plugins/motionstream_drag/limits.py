"""Follower: a point that goes after its target smoothly and never faster than allowed.

The smoothing is a critically damped spring, x'' = w^2 (y - x) - 2 w x', solved exactly for a target y that moves in a
straight line during the step. So the result does not depend on the frame rate, and a steady drag is followed
2 / w seconds late.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Vector = Float64[np.ndarray, " 2"]


class Follower:
    """Speed limit and smoothing of one moving point.

    Attributes:
        position: Where it is, in widths [2].
        limited: The speed limit cut the last step short.
    """

    def __init__(self, max_speed: float, smoothing_seconds: float) -> None:
        self.position: Vector = np.zeros(2)
        self.limited = False
        self._max_speed = max_speed
        self._stiffness = 2 / smoothing_seconds if smoothing_seconds > 0 else None
        self._velocity: Vector = np.zeros(2)
        self._target: Vector = np.zeros(2)

    def follow(self, target: Vector, seconds: float) -> None:
        """Go after a target that moves from where it was to `target` within `seconds`."""
        if seconds <= 0:
            self.limited = False
            return
        wanted, velocity = self._smoothed(target, seconds)
        step = wanted - self.position
        farthest, length = self._max_speed * seconds, float(np.hypot(*step))
        self.limited = length > farthest * (1 + 1e-6)
        self.position = self.position + step * (farthest / length) if self.limited else wanted
        self._velocity = _cut(velocity, self._max_speed)
        self._target = target

    def _smoothed(self, target: Vector, seconds: float) -> tuple[Vector, Vector]:
        slope = (target - self._target) / seconds
        if self._stiffness is None:
            return target, slope
        w, lag = self._stiffness, 2 * slope / self._stiffness
        a = self.position - (self._target - lag)
        b = self._velocity - slope + w * a
        decay = np.exp(-w * seconds)
        return target - lag + (a + b * seconds) * decay, slope + (b - w * (a + b * seconds)) * decay


def _cut(velocity: Vector, most: float) -> Vector:
    speed = float(np.hypot(*velocity))
    return velocity if speed <= most else velocity * (most / speed)
