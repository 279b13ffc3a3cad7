"""Inbox: events from any thread, handed out in the order of their time."""

from __future__ import annotations

from threading import Lock

from motionstream_camera.event import Event


class Inbox:
    """Keeps events until their time has come."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: list[tuple[float, Event]] = []

    def put(self, event: Event) -> None:
        """Take in an event; one without a time happens as soon as possible."""
        with self._lock:
            time = event.time_seconds
            self._events.append((-1.0 if time is None else time, event))
            self._events.sort(key=lambda entry: entry[0])  # stable: those of one time stay in the order they came

    def due(self, now: float) -> list[tuple[float, Event]]:
        """Take out what has happened by now, with its time."""
        with self._lock:
            count = sum(time <= now for time, _ in self._events)
            happened, self._events = self._events[:count], self._events[count:]
        return happened

    def copy(self) -> Inbox:
        """One with the same events."""
        twin = Inbox()
        with self._lock:
            twin._events = list(self._events)
        return twin

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._events = []
