"""Interval: a mean with how much it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and the interval in which it lies with the stated confidence.

    Attributes:
        mean: Mean of the values; NaN if there are none.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: Share of repetitions of the experiment in which such an interval holds the true mean.
        count: How many finite values there were; others are left out.
    """

    mean: float
    low: float
    high: float
    confidence: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_interval(
    values: Sequence[float], *, confidence: float = 0.95, num_resamples: int = 5000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of the mean (Efron 1979): draw as many values anew, with replacement, many times."""
    finite = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if finite.size == 0:
        nothing = float("nan")
        return Interval(mean=nothing, low=nothing, high=nothing, confidence=confidence, count=0)
    draws = np.random.default_rng(seed).integers(0, finite.size, (num_resamples, finite.size))
    low, high = np.quantile(finite[draws].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        mean=float(finite.mean()), low=float(low), high=float(high), confidence=confidence, count=int(finite.size)
    )
