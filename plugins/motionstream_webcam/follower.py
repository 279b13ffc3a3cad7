"""Follower: the thread that follows a live camera, always at its newest picture."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread
from typing import Protocol

from motionstream.errors import InputError, MotionStreamError
from motionstream_webcam.camera_frame import CameraFrame
from motionstream_webcam.latest import Latest
from motionstream_webcam.puppet import Command, Puppet
from motionstream_webcam.stage import Stage

_RETRY_SECONDS = 1.0
_LOG = logging.getLogger("motionstream")


class Source(Protocol):
    """Where camera pictures come from by themselves."""

    def frames(self) -> Iterator[CameraFrame]:
        """Pictures as they come; an end or an InputError is followed by another try."""


Shot = Callable[[], CameraFrame]
"""A camera picture that is decoded by who follows it, and only if it is."""


class Follower:
    """Follows pictures that are put down, or those of a source; a slow tracker drops pictures and never delays them.

    Attributes:
        reason: What is wrong; empty where all is well.
        failed: Nothing is followed any more.
        num_followed: Pictures followed.
        num_bad: Pictures that could not be read.
        num_late: Pictures that were too old when their turn came.
    """

    def __init__(self, make_puppet: Callable[[], Puppet], stage: Stage, *, max_age_seconds: float) -> None:
        self.reason, self.failed = "", False
        self.num_followed = self.num_bad = self.num_late = 0
        self._make_puppet, self._stage, self._max_age_seconds = make_puppet, stage, max_age_seconds
        self._shots: Latest[tuple[float, Shot]] = Latest()
        self._commands: list[Command] = []
        self._lock, self._over = Lock(), Event()
        self._ends: deque[float] = deque(maxlen=30)
        self._threads = [Thread(target=self._follow, name="webcam tracker", daemon=True)]

    def start(self, source: Source | None = None) -> None:
        """Begin; with a source, read it on a thread of its own."""
        if source is not None:
            self._threads.append(Thread(target=self._read, args=(source,), name="webcam source", daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def num_dropped(self) -> int:
        """Pictures that were not followed as newer ones were there, or that came too late."""
        return self._shots.num_dropped + self.num_late

    @property
    def fps(self) -> float:
        """Pictures followed a second, over the last thirty."""
        ends = tuple(self._ends)
        return (len(ends) - 1) / (ends[-1] - ends[0]) if len(ends) > 1 and ends[-1] > ends[0] else 0.0

    def put(self, seconds: float, shot: Shot) -> None:
        """Lay down a picture, taken at a time by `time.monotonic`; one that still lies there is dropped."""
        self._shots.put((seconds, shot))

    def command(self, command: Command) -> None:
        """Do something at the next picture."""
        with self._lock:
            self._commands.append(command)

    def close(self) -> None:
        """End it; what a tracker has begun is finished on its own thread and thrown away."""
        self._over.set()
        self._shots.close()

    def _follow(self) -> None:
        try:
            puppet = self._make_puppet()
            while (taken := self._shots.take()) is not None:
                self._see(puppet, *taken)
        except MotionStreamError as error:
            self.reason, self.failed = str(error), True
        except Exception as error:  # a stranger's tracker; the target then holds still and people are told why
            _LOG.exception("webcam: the tracker failed")
            self.reason, self.failed = f"The tracker failed: {type(error).__name__}: {error}. Tell its authors.", True

    def _see(self, puppet: Puppet, seconds: float, shot: Shot) -> None:
        if time.monotonic() - seconds > self._max_age_seconds:
            self.num_late += 1
            return
        try:
            frame = shot()
        except InputError as error:
            self.num_bad, self.reason = self.num_bad + 1, str(error)
            return
        with self._lock:
            commands, self._commands = tuple(self._commands), []
        seen = puppet.see(frame, commands)
        if seen is not None and not self._over.is_set():
            self._stage.put(seen)
        self.num_followed, self.reason = self.num_followed + 1, ""
        self._ends.append(time.monotonic())

    def _read(self, source: Source) -> None:
        """Read a source again and again: a camera that was unplugged may come back."""
        while not self._over.is_set():
            try:
                for frame in source.frames():
                    if self._over.is_set():
                        return
                    self.put(frame.seconds, lambda frame=frame: frame)  # type: ignore[misc]
            except InputError as error:
                self.reason = str(error)
            except Exception as error:  # a driver; the target then holds still and people are told why
                _LOG.exception("webcam: the source failed")
                self.reason = f"The camera failed: {type(error).__name__}: {error}."
            self._over.wait(_RETRY_SECONDS)
