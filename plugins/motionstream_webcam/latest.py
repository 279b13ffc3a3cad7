"""Latest: a place for one thing, in which the newest replaces what nobody took in time."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest thing from one thread to another; old ones are dropped, never queued.

    Attributes:
        num_dropped: Things that were replaced before they were taken.
    """

    def __init__(self) -> None:
        self.num_dropped = 0
        self._thing: T | None = None
        self._closed = False
        self._changed = Condition()

    def put(self, thing: T) -> None:
        """Lay down the newest; does nothing after `close`."""
        with self._changed:
            if self._closed:
                return
            self.num_dropped += self._thing is not None
            self._thing = thing
            self._changed.notify()

    def take(self) -> T | None:
        """Wait for a thing and take it; None once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._thing is not None)
            thing, self._thing = self._thing, None
            return None if self._closed else thing

    def close(self) -> None:
        """Let go of what lies there, and of who waits."""
        with self._changed:
            self._closed, self._thing = True, None
            self._changed.notify_all()
