"""Clock: a client's own time, and how it relates to the server's."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from motionstream.serving.messages import Ping, Pong

_PONGS = 16


class _Sample(NamedTuple):
    round_trip_ms: float
    offset_ms: float


class Clock:
    """A monotonic clock in milliseconds; of the last answers to pings the quickest one tells the server's time."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_PONGS)

    def now_ms(self) -> float:
        """Now, by the client's clock."""
        return time.monotonic() * 1000

    def ping(self) -> Ping:
        """A ping of now."""
        return Ping(t_ms=self.now_ms(), round_trip_ms=self.round_trip_ms)

    def take(self, pong: Pong) -> None:
        """Take in the answer to a ping."""
        now = self.now_ms()
        self._samples.append(_Sample(now - pong.t_ms, pong.server_ms - (now + pong.t_ms) / 2))

    @property
    def round_trip_ms(self) -> float | None:
        """The quickest round trip lately; None before the first."""
        return min(self._samples).round_trip_ms if self._samples else None

    @property
    def offset_ms(self) -> float | None:
        """The server's clock minus the client's; wrong by at most half a round trip."""
        return min(self._samples).offset_ms if self._samples else None
