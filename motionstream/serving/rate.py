"""TokenBucket: how fast a client may go; one that is faster is slowed down, or loses what may be lost."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """Fills steadily, and holds what one second brings.

    Args:
        per_second: Steady rate.
        clock: Seconds that never go back.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._capacity = max(1.0, per_second)
        self._level, self._filled_at = self._capacity, clock()

    def take(self, amount: float = 1) -> float:
        """Take `amount`, on credit if need be; returns the seconds to wait until the bucket is no longer in debt."""
        self._fill()
        self._level -= amount
        return max(0.0, -self._level / self._per_second)

    def try_take(self) -> bool:
        """Take one if there is one, never on credit; whether it was taken."""
        self._fill()
        enough = self._level >= 1
        self._level -= enough
        return enough

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._filled_at) * self._per_second)
        self._filled_at = now
