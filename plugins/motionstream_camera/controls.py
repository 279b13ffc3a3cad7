"""What keys and sticks mean: how fast to go and to turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64

_KEYS = {
    "w": (0, 0, 1, 0, 0),
    "s": (0, 0, -1, 0, 0),
    "a": (-1, 0, 0, 0, 0),
    "d": (1, 0, 0, 0, 0),
    "q": (0, 1, 0, 0, 0),
    "e": (0, -1, 0, 0, 0),
    "arrowleft": (0, 0, 0, -1, 0),
    "arrowright": (0, 0, 0, 1, 0),
    "arrowup": (0, 0, 0, 0, 1),
    "arrowdown": (0, 0, 0, 0, -1),
}
"""Right, down, forward, turn right, turn up."""

_DEAD_ZONE = 0.12  # sticks never rest exactly at zero

Wish = Float64[np.ndarray, " 5"]


def wish_of_keys(keys: Iterable[str]) -> Wish:
    """The sum of the held keys; Shift doubles it."""
    names = {key.lower().removeprefix("key") for key in keys}
    wish = np.sum([_KEYS.get(name, (0, 0, 0, 0, 0)) for name in names] or [(0, 0, 0, 0, 0)], axis=0, dtype=np.float64)
    return np.asarray(_limited(np.asarray(wish)) * (2 if names & {"shift", "shiftleft", "shiftright"} else 1))


def wish_of_axes(axes: Sequence[float]) -> Wish:
    """Left stick goes, right stick turns; pushed away from the user a stick tells -1."""
    left_x, left_y, right_x, right_y = (_live(axis) for axis in (*axes[:4], 0, 0, 0, 0)[:4])
    return _limited(np.array([left_x, 0, -left_y, right_x, -right_y]))


def _live(axis: float) -> float:
    beyond = max(abs(axis) - _DEAD_ZONE, 0) / (1 - _DEAD_ZONE)
    return float(np.copysign(beyond, axis))


def _limited(wish: Wish) -> Wish:
    """Two keys together are not faster than one."""
    move, turn = (part / max(1.0, float(np.linalg.norm(part))) for part in (wish[:3], wish[3:]))
    return np.concatenate([move, turn])
