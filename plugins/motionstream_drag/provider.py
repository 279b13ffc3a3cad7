"""DragProvider: from pointer events, live or scripted, to tracks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import reduce
from threading import Lock
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ValidationError

from motionstream.errors import InputError, ProviderError
from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks
from motionstream_drag.event import Event, TimedEvent, parse_event
from motionstream_drag.grid_shape import check_size
from motionstream_drag.scene import Scene
from motionstream_drag.script import DragScript
from motionstream_drag.settings import DragSettings


class DragProvider:
    """Grids of points that follow the pointer.

    `handle` may be called from any thread and only puts the event down; all else happens in `read`. Each video frame is
    computed from the events known by then, whatever window it is read in, so a recorded drag gives the same tracks
    again. Between two events a pointer moves in a straight line, and each frame is sampled on that line.

    Attributes:
        settings: What is in force: the script's settings under those that were given.
        limited_points: Ids of the points that the speed limit held back in the last window.
    """

    settings_type: ClassVar[type[BaseModel]] = DragSettings

    def __init__(self, settings: DragSettings | None = None, *, script: DragScript | None = None) -> None:
        given = settings or DragSettings()
        self._script = script or (DragScript.load(given.script) if given.script else DragScript())
        self.settings = _settings_under(self._script, given)
        for event in self._script.events:
            check_size(event, self.settings)
        self.limited_points: frozenset[int] = frozenset()
        self._lock = Lock()
        self._inbox: list[Event] = []
        self._recorded: list[Event] | None = None
        self._scene: Scene | None = None
        self._closed = False

    def start(self, info: StreamInfo) -> None:
        """Begin a stream; events handled before it count from its first frame."""
        scene = Scene(self.settings, info)
        scene.timeline.extend(self._script.events)
        with self._lock:
            self._scene, self._closed = scene, False
            self.limited_points = frozenset()
            if self._recorded is not None:
                self._recorded = list(self._script.events)

    def handle(self, event: Mapping[str, Any] | TimedEvent) -> None:
        """Take in a live event; after `close` it is dropped.

        Raises:
            InputError: It is not an event of this provider, or its grid has too many points.
        """
        parsed = parse_event(event)
        check_size(parsed, self.settings)
        with self._lock:
            if not self._closed:
                self._inbox.append(parsed)

    def read(self, window: Window) -> Tracks:
        """Tracks of all grids, pins and paths that are there in a frame of the window."""
        if self._scene is None:
            raise ProviderError("DragProvider.read: wanted a stream that was started. Call start first.")
        scene, limited = self._scene, set[int]()
        scene.timeline.extend(self._arrived(window.start_seconds))
        frames = []
        for now in window.frame_times:
            frames.append(scene.advance(float(now)))
            limited.update(scene.limited_ids)
        self.limited_points = frozenset(limited)
        return reduce(Tracks.concat_time, frames)

    def close(self) -> None:
        """End the stream and drop what has not been read; what was recorded stays."""
        with self._lock:
            self._scene, self._closed, self._inbox = None, True, []

    def copy(self) -> Self:
        """An independent provider that goes on from here by itself; with the same events both give the same tracks.

        Called from the thread that calls `read`.
        """
        twin = copy.copy(self)
        twin._scene, twin._lock = copy.deepcopy(self._scene), Lock()
        with self._lock:
            twin._inbox = list(self._inbox)
            twin._recorded = None if self._recorded is None else list(self._recorded)
        return twin

    def record(self) -> None:
        """Keep from now on what arrives; call it before the stream starts to get all of it."""
        with self._lock:
            self._recorded = list(self._script.events)

    def script(self) -> DragScript:
        """What was recorded, with the settings: replaying it gives the same tracks."""
        with self._lock:
            settings = self.settings.model_dump(mode="json", exclude={"script"})
            return DragScript(settings=settings, events=tuple(self._recorded or ()))

    @classmethod
    def replay(cls, script: DragScript) -> Self:
        """A provider that does what a script says, with the script's settings."""
        return cls(script=script)

    def _arrived(self, now: float) -> list[Event]:
        """Empty the inbox; note on each event that it is known from `now` on."""
        with self._lock:
            inbox, self._inbox = self._inbox, []
            stamped = [_stamped(event, now) for event in inbox]
            if self._recorded is not None:
                self._recorded += stamped
        return stamped


def _stamped(event: Event, now: float) -> Event:
    time = now if event.time_seconds is None else event.time_seconds
    return event.model_copy(update={"time_seconds": time, "arrived_seconds": now})


def _settings_under(script: DragScript, given: DragSettings) -> DragSettings:
    try:
        return script.settings_under(given)
    except ValidationError as error:
        raise InputError(
            f"Drag script: its settings do not go with those given: {error.errors()[0]['msg']}."
        ) from error
