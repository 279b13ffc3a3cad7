"""Latency: percentiles of the newest times, and how many frames are shown a second."""

from __future__ import annotations

from collections import deque

import numpy as np

from motionstream.serving.messages import Percentiles

_RATE_SECONDS = 3.0


class Latency:
    """The newest times of something, such as from an input to the display of what it moved.

    Args:
        size: How many are remembered.
    """

    def __init__(self, size: int = 512) -> None:
        self._times_ms: deque[float] = deque(maxlen=size)

    def add(self, time_ms: float) -> None:
        """One more."""
        self._times_ms.append(time_ms)

    def percentiles(self) -> Percentiles:
        """Of those that are remembered."""
        if not self._times_ms:
            return Percentiles()
        p50, p95, p99 = np.percentile(list(self._times_ms), [50, 95, 99])
        return Percentiles(p50=float(p50), p95=float(p95), p99=float(p99))


class ShownRate:
    """How many frames a second were shown in the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=1024)

    def add(self, now_seconds: float) -> None:
        """A frame was shown."""
        self._times.append(now_seconds)

    def per_second(self, now_seconds: float) -> float:
        """Over the last three seconds, or since the first frame."""
        while self._times and now_seconds - self._times[0] > _RATE_SECONDS:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(1e-3, now_seconds - self._times[0])
