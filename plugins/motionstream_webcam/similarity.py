"""Similarity: shift, turn and growth of the plane, fitted to points with or without wrong ones among them.

A place (x, y) is the complex number x + iy, and a similarity is z -> turn z + shift.
"""

from __future__ import annotations

import cmath
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex128, Float64

Places = Float64[np.ndarray, "n 2"]

_TRIES = 48


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """z -> turn z + shift.

    Attributes:
        turn: Rotation and scale.
        shift: Where 0 goes.
    """

    turn: complex = 1
    shift: complex = 0

    def __call__(self, places: Places) -> Places:
        """Where places go."""
        return _places(self.turn * _complex(places) + self.shift)

    def inverse(self) -> Similarity:
        """The way back."""
        return Similarity(turn=1 / self.turn, shift=-self.shift / self.turn)

    def part(self, *, rotation: bool, scale: bool) -> complex:
        """What is left of `turn` if it may not rotate or not scale."""
        return cmath.rect(abs(self.turn) if scale else 1.0, cmath.phase(self.turn) if rotation else 0.0)

    @classmethod
    def fit(cls, before: Places, after: Places) -> Similarity:
        """Least squares; of a single point, or of points in one place, only the shift."""
        if len(before) == 0:
            return cls()
        z, w = _complex(before), _complex(after)
        middle, end = z.mean(), w.mean()
        spread = float((abs(z - middle) ** 2).sum())
        turn = complex((np.conj(z - middle) * (w - end)).sum() / spread) if spread > 1e-18 else 1
        if abs(turn) < 1e-6:  # all went into one point: there is no way back from there
            turn = 1
        return cls(turn=turn, shift=complex(end - turn * middle))


@dataclass(frozen=True, kw_only=True, eq=False)
class Consensus:
    """What most points agree on.

    Attributes:
        motion: Fitted to those that agree.
        agree: Which do, bool [n].
    """

    motion: Similarity
    agree: Bool[np.ndarray, " n"]


def consensus(before: Places, after: Places, tolerance: float) -> Consensus:
    """The similarity that the most points follow to within a tolerance: RANSAC, the same for the same input."""
    count = len(before)
    if count < 3:
        return Consensus(motion=Similarity.fit(before, after), agree=np.ones(count, bool))
    z, w = _complex(before), _complex(after)
    first, second = _pairs(count)
    apart = z[second] - z[first]
    usable = abs(apart) > 1e-9
    turns = np.where(usable, (w[second] - w[first]) / np.where(usable, apart, 1), 1)
    misses = abs(turns[:, None] * (z[None] - z[first][:, None]) + w[first][:, None] - w[None])
    best = misses[int((misses < tolerance).sum(axis=1).argmax())] < tolerance
    motion = Similarity.fit(before[best], after[best])
    agree = abs(motion.turn * z + motion.shift - w) < tolerance
    return Consensus(motion=motion, agree=np.asarray(agree))


def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of different points, the same each time; all are drawn at once, so that nothing is looped over."""
    rng = np.random.default_rng(count)
    first = rng.integers(0, count, _TRIES)
    return first, (first + rng.integers(1, count, _TRIES)) % count


def _complex(places: Places) -> Complex128[np.ndarray, " n"]:
    return np.ascontiguousarray(places, np.float64).view(np.complex128)[..., 0]


def _places(numbers: Complex128[np.ndarray, " n"]) -> Places:
    return np.stack([numbers.real, numbers.imag], axis=-1)
