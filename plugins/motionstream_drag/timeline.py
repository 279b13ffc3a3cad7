"""Timeline: events in the order of their time, from when they are known until they have been applied."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from math import inf

from motionstream_drag.event import Event, Move, Press, Release


class Timeline:
    """Keeps what has not been applied yet, so its size does not grow with the length of a stream."""

    def __init__(self) -> None:
        self._coming: deque[Event] = deque()
        self._known: list[tuple[float, int, Event]] = []
        self._num_known = 0

    def extend(self, events: Iterable[Event]) -> None:
        """Add events; one with `arrived_seconds` stays unknown until then, as it was when it was recorded."""
        self._coming = deque(sorted([*self._coming, *events], key=lambda event: event.arrived_seconds or 0.0))

    def due(self, now: float) -> list[tuple[float, Event]]:
        """Take out what is known to have happened by `now`, with its time, in the order of the times."""
        while self._coming and (self._coming[0].arrived_seconds or 0.0) <= now:
            event = self._coming.popleft()
            self._num_known += 1  # keeps events of the same time in the order they came
            insort(self._known, (_time(event), self._num_known, event))
        count = bisect_right(self._known, (now, inf), key=lambda entry: entry[:2])
        happened, self._known = self._known[:count], self._known[count:]
        return [(seconds, event) for seconds, _, event in happened]

    def next_sample(self, pointer: int) -> tuple[float, Move | Release] | None:
        """When and where a pressed pointer goes next, if that is known already."""
        for seconds, _, event in self._known:
            if isinstance(event, Press | Move | Release) and event.pointer == pointer:
                return None if isinstance(event, Press) else (seconds, event)
        return None


def _time(event: Event) -> float:
    return event.time_seconds if event.time_seconds is not None else event.arrived_seconds or 0.0
