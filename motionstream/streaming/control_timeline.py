"""ControlTimeline: what a user did, by the client's clock -> the same in stream time, for the chunk that is begun."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

from motionstream.errors import InputError
from motionstream.providers import Window
from motionstream.streaming.clock_offset import ClockOffset

MAX_WAITING_EVENTS = 4096
"""Events that wait for their chunk; beyond it moves are thinned."""

MAX_WAITING_VALUES = 200_000
"""Numbers and names in all waiting events together; a path may have thousands of points."""


@dataclass(frozen=True, kw_only=True)
class TimedControl:
    """An event at its place in the video.

    Attributes:
        seq: The client's number of the event.
        client_ms: When, by the client's clock.
        event: What happened, with `time_seconds`: the same in stream time.
        frame: First video frame that shows it, always one of the window's.
    """

    seq: int
    client_ms: float
    event: Mapping[str, Any]
    frame: int


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    seq: int
    client_ms: float
    event: Mapping[str, Any]
    num_values: int
    happened: float | None = None  # by the server's clock, once the clock of its client is forgotten

    @property
    def moves(self) -> str | None:
        """The pointer that it moves."""
        return self.pointer if self.event.get("type") == "move" else None

    @property
    def pointer(self) -> str:
        return repr(self.event.get("pointer", 0))


class ControlTimeline:
    """Events that wait for their chunk, in the order in which they came.

    A chunk shows what was done since the last one was begun, at the pace at which it was done: the time since then, by
    the server's clock, is laid over the window's frames so that the window's last frame shows what is newest. So a
    pointer's path is kept whole, and a slow engine shows it squeezed. `put` and `take` may be called from two threads.

    Args:
        chunk_seconds: Playing time of a chunk; what a first chunk looks back on.
    """

    def __init__(self, chunk_seconds: float) -> None:
        self._chunk_seconds = chunk_seconds
        self._taken_seconds: float | None = None
        self._waiting: list[_Waiting] = []
        self._num_values = 0
        self._clock = ClockOffset()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, seq: int, client_ms: float, event: Mapping[str, Any], received_seconds: float) -> None:
        """Add an event.

        Args:
            seq: The client's number of the event.
            client_ms: When it happened, by the client's clock.
            event: What happened; a `time_seconds` in it is overwritten.
            received_seconds: When it arrived, by the server's clock.

        Raises:
            InputError: Too much waits already, and none of it is the middle of a pointer's path.
        """
        waiting = _Waiting(seq=seq, client_ms=client_ms, event=event, num_values=_num_values(event))
        with self._lock:
            self._make_room(waiting)
            self._clock.see(client_ms / 1000, received_seconds)
            self._waiting.append(waiting)
            self._num_values += waiting.num_values

    def take(self, window: Window, now_seconds: float) -> list[TimedControl]:
        """Take out all that waits, timed for the frames of the chunk that is begun now.

        Times lie in the window, never decrease and keep the order of the events.

        Args:
            window: Of the chunk.
            now_seconds: By the server's clock.
        """
        with self._lock:
            since = now_seconds - self._chunk_seconds if self._taken_seconds is None else self._taken_seconds
            self._taken_seconds = now_seconds
            waiting, self._waiting, self._num_values = self._waiting, [], 0
            happened = [self._happened(entry) for entry in waiting]
        laid = _Laid(since, now_seconds, window)
        controls, frame = list[TimedControl](), 0.0
        for entry, seconds in zip(waiting, happened, strict=True):
            frame = max(frame, laid.frame(seconds))
            controls.append(_timed(entry, window, frame))
        return controls

    def restart(self, now_seconds: float) -> None:
        """Look back no further than a chunk's playing time from now: after a start, a pause or a seek.

        What waits is kept; `clear` drops it.
        """
        with self._lock:
            self._taken_seconds = now_seconds - self._chunk_seconds

    def clear(self) -> None:
        """Drop what waits: after a seek it belongs to another branch."""
        with self._lock:
            self._waiting, self._num_values = [], 0

    def forget_clock(self) -> None:
        """Learn the client's clock anew: after a reconnect it may be another page, and another clock."""
        with self._lock:
            self._waiting = [replace(entry, happened=self._happened(entry)) for entry in self._waiting]
            self._clock = ClockOffset()

    def _happened(self, entry: _Waiting) -> float:
        return self._clock.at_receiver(entry.client_ms / 1000) if entry.happened is None else entry.happened

    def _make_room(self, new: _Waiting) -> None:
        if self._has_room(new):
            return
        self._waiting = _thinned(self._waiting)
        self._num_values = sum(entry.num_values for entry in self._waiting)
        if not self._has_room(new):
            raise InputError(
                f"Events: {len(self._waiting)} wait for their chunk, and no more than {MAX_WAITING_EVENTS} events or "
                f"{MAX_WAITING_VALUES} numbers can. Wait for the video to go on, or resume it."
            )

    def _has_room(self, new: _Waiting) -> bool:
        return len(self._waiting) < MAX_WAITING_EVENTS and self._num_values + new.num_values <= MAX_WAITING_VALUES


class _Laid:
    """The server's time (since, now] laid over a window so that its last frame is at `now`."""

    def __init__(self, since: float, now: float, window: Window) -> None:
        self._since, self._seconds = since, now - since
        self._num_frames = window.num_frames

    def frame(self, seconds: float) -> float:
        """Place among the window's frames, from 0 to num_frames - 1; the frames between are fractions."""
        part = (seconds - self._since) / self._seconds if self._seconds > 0 else 1.0
        return min(max(part * self._num_frames - 1, 0.0), self._num_frames - 1.0)


def _timed(entry: _Waiting, window: Window, frame: float) -> TimedControl:
    event = {**entry.event, "time_seconds": (window.start_frame + frame) / window.fps}
    shown = window.start_frame + math.ceil(frame)
    return TimedControl(seq=entry.seq, client_ms=entry.client_ms, event=event, frame=shown)


def _thinned(waiting: list[_Waiting]) -> list[_Waiting]:
    """Without every second of the moves that lie between two other moves of the same pointer."""
    before: dict[str, str | None] = {}
    between: list[bool] = []
    for entry in waiting:
        between.append(entry.moves is not None and before.get(entry.pointer) == entry.moves)
        before[entry.pointer] = entry.moves
    after: dict[str, str | None] = {}
    for place in reversed(range(len(waiting))):
        entry = waiting[place]
        between[place] &= after.get(entry.pointer) == entry.moves
        after[entry.pointer] = entry.moves
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    return [
        entry
        for entry, middle in zip(waiting, between, strict=True)
        if not (middle and next(numbers[entry.pointer]) % 2 == 0)
    ]


def _num_values(value: Any) -> int:
    """Numbers and names in a JSON value; a long text counts as several."""
    if isinstance(value, Mapping):
        return sum(1 + _num_values(part) for part in value.values())
    if isinstance(value, list | tuple):
        return 1 + sum(map(_num_values, value))
    return 1 + len(value) // 16 if isinstance(value, str) else 1
