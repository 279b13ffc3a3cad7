"""Seats: how many streams take turns at a time; the others queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from motionstream.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stream stands.

    Attributes:
        position: 0 has a seat, 1 is next.
        waiting: How many wait.
    """

    position: int
    waiting: int


Moved = Callable[[Place], None]


class Seats:
    """A number of seats and a queue before them, first come, first served; for one thread.

    Args:
        num_seats: Streams that take turns.
        max_waiting: Streams that may queue.
    """

    def __init__(self, num_seats: int, max_waiting: int) -> None:
        self._num_seats, self._max_waiting = num_seats, max_waiting
        self._people: dict[str, Moved] = {}  # in order: those with seats first, as nobody is ever put in before others
        self._told: dict[str, Place] = {}

    @property
    def num_waiting(self) -> int:
        """How many queue."""
        return max(0, len(self._people) - self._num_seats)

    def request(self, name: str, moved: Moved) -> None:
        """Ask for a seat; `moved` is called now and whenever the place changes, until it is given back.

        Raises:
            InputError: The queue is full.
        """
        if name not in self._people and len(self._people) >= self._num_seats + self._max_waiting:
            raise InputError(
                f"All {self._num_seats} places are taken and {self._max_waiting} people wait already. Try again later."
            )
        self._people[name] = moved
        self._told.pop(name, None)
        self._tell()

    def give_back(self, name: str) -> None:
        """Leave the seat or the queue; does nothing for one who has neither."""
        if self._people.pop(name, None) is not None:
            self._told.pop(name, None)
            self._tell()

    def has_seat(self, name: str) -> bool:
        """Whether a stream may take turns."""
        return name in self._people and list(self._people).index(name) < self._num_seats

    def _tell(self) -> None:
        waiting = self.num_waiting
        for index, (name, moved) in enumerate(list(self._people.items())):
            position = max(0, index - self._num_seats + 1)
            place = Place(position=position, waiting=waiting if position else 0)
            if self._told.get(name) != place:
                self._told[name] = place
                moved(place)
