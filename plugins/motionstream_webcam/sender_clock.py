"""SenderClock: times by a sender's clock -> the same by ours, without the network's jitter."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 150
"""Pictures whose delay is remembered, about five seconds."""


class SenderClock:
    """Learns how far two clocks are apart: as little as the fastest of the last messages says."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)
        self._newest = float("-inf")

    def here(self, sent_seconds: float | None, arrived_seconds: float) -> float:
        """When something was sent, by our clock: never later than it arrived, never before the one before."""
        if sent_seconds is None:
            at = arrived_seconds
        else:
            if self._offsets and abs(arrived_seconds - sent_seconds - self._offsets[-1]) > 5:
                self._offsets.clear()  # another clock: the page was loaded again
            self._offsets.append(arrived_seconds - sent_seconds)
            at = min(sent_seconds + min(self._offsets), arrived_seconds)
        self._newest = max(self._newest, at)
        return self._newest
