"""Outbox: events that the server has not receipted, to be sent again where a connection is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from motionstream.serving.messages import MAX_EVENTS, Events, TimedInput

_KEPT = 4096


class Outbox:
    """Numbers events; keeps the newest ones until they are receipted.

    Args:
        first: Number of the first event. To the server 0 means that somebody counts anew in an old stream.

    Attributes:
        received: The last event that the server receipted; one less than the first before there is any.
    """

    def __init__(self, first: int) -> None:
        self.received = first - 1
        self._waiting: deque[TimedInput] = deque(maxlen=_KEPT)
        self._next = first

    def put(self, events: Sequence[TimedInput]) -> list[Events]:
        """Number events and give the messages that carry them."""
        first = self._next
        self._waiting.extend(events)
        self._next += len(events)
        return list(_messages(events, first))

    def take_receipt(self, seq: int) -> None:
        """All events up to this one have arrived."""
        self.received = max(self.received, min(seq, self._next - 1))
        while self._waiting and self._next - len(self._waiting) <= self.received:
            self._waiting.popleft()

    def again(self) -> list[Events]:
        """The messages of all events that are not receipted."""
        return list(_messages(tuple(self._waiting), self._next - len(self._waiting)))


def _messages(events: Sequence[TimedInput], first: int) -> Iterator[Events]:
    for start in range(0, len(events), MAX_EVENTS):
        yield Events(seq=first + start, events=tuple(islice(events, start, start + MAX_EVENTS)))
