"""Scene: everything that is picked, pinned or on its way, advanced frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from motionstream.providers import StreamInfo
from motionstream.tracks import Tracks
from motionstream_drag.background import Background
from motionstream_drag.event import Clear, Event, Move, Path, Pause, Pin, Press, Release, Remove, Resume
from motionstream_drag.grid import Grid, Vector, flat_grid, follow_weights
from motionstream_drag.limits import Follower
from motionstream_drag.path import Polyline
from motionstream_drag.pointer import HeldPointer
from motionstream_drag.settings import DragSettings
from motionstream_drag.timeline import Timeline


@dataclass(kw_only=True)
class _Walk:
    """A grid on a pre-drawn path."""

    grid: Grid
    line: Polyline
    seconds: float = 0.0


class Scene:
    """The state of one stream. Ids are counted up and never given twice.

    Attributes:
        timeline: What is known to happen; the provider fills it.
    """

    def __init__(self, settings: DragSettings, info: StreamInfo) -> None:
        self.timeline = Timeline()
        self._settings, self._fps, self._aspect = settings, info.fps, info.height / info.width
        self._grids: list[Grid] = []
        self._pointers: dict[int, HeldPointer] = {}
        self._walks: list[_Walk] = []
        self._paused = False
        self._before = np.inf
        self._num_ids = 0
        across = settings.background_points
        self._background = Background(self._new_ids(across**2), across, self._aspect, settings.background_clearance)

    @property
    def limited_ids(self) -> list[int]:
        """Points that the speed limit held back in the last frame."""
        return [int(point) for grid in self._grids if grid.limited for point in grid.ids]

    def advance(self, now: float) -> Tracks:
        """Go on to the frame at stream time `now` and tell where everything is: tracks of one frame."""
        if now <= self._before:  # the first frame, or the stream was wound back
            self._before = now - 1 / self._fps
        self._let_go([grid for grid in self._grids if grid.done])
        for seconds, event in self.timeline.due(now):
            self._apply(event, seconds)
        self._drive_pointers(now)
        self._drive_walks(now)
        for grid in self._grids:
            grid.follow(grid.step_seconds(self._before, now))
        self._before = now
        return self._tracks()

    def _tracks(self) -> Tracks:
        grids, background = self._grids, self._background
        ids = np.concatenate([background.ids, *(grid.ids for grid in grids)])
        places = np.concatenate([background.positions, *(grid.positions for grid in grids)])
        visible = np.concatenate([background.visible(grids), np.ones(len(ids) - len(background.ids), bool)])
        return Tracks(ids=ids, xy=(places / (1, self._aspect))[None], visible=visible[None])

    def _apply(self, event: Event, seconds: float) -> None:
        match event:
            case Press():
                self._press(event, seconds)
            case Move() | Release():
                self._sample(event, seconds)
            case Pin():
                self._pick(self._place(event.x, event.y), event.radius, seconds, pinned=True)
            case Path():
                self._walk(event, seconds)
            case Remove():
                self._let_go([grid for grid in self._grids if grid.touches(self._place(event.x, event.y))])
            case Clear():
                self._let_go(self._grids)
            case Pause() | Resume():
                self._paused = isinstance(event, Pause)

    def _press(self, event: Press, seconds: float) -> None:
        place = self._place(event.x, event.y)
        self._release(event.pointer)  # a press without a release before it: the release was lost
        grid = self._touched(place) or self._pick(place, self._settings.radius, seconds)
        if grid is not None:
            self._walks = [walk for walk in self._walks if walk.grid is not grid]
            grid.held, grid.leaving = True, False
            self._pointers[event.pointer] = HeldPointer(
                grid=grid, grip=grid.shift - place, seconds=seconds, place=place
            )

    def _sample(self, event: Move | Release, seconds: float) -> None:
        pointer = self._pointers.get(event.pointer)
        if pointer is None:
            return
        pointer.see(seconds, self._place(event.x, event.y))
        if isinstance(event, Release):
            self._release(event.pointer)

    def _release(self, number: int) -> None:
        pointer = self._pointers.pop(number, None)
        if pointer is not None:
            pointer.aim(pointer.seconds, None)
            self._rest(pointer.grid)

    def _rest(self, grid: Grid) -> None:
        grid.held, grid.leaving = False, self._settings.after_release == "let_go"

    def _walk(self, event: Path, seconds: float) -> None:
        corners = np.array([self._place(x, y) for x, y in event.points])
        grid = self._pick(corners[0], self._settings.radius, seconds, smoothing_seconds=0)
        if grid is not None:
            grid.held = True
            self._walks.append(_Walk(grid=grid, line=Polyline(corners, event.speed, event.ease)))

    def _drive_pointers(self, now: float) -> None:
        for number, pointer in self._pointers.items():
            later = self.timeline.next_sample(number)
            pointer.aim(now, None if later is None else (later[0], self._place(later[1].x, later[1].y)))

    def _drive_walks(self, now: float) -> None:
        for walk in () if self._paused else self._walks:
            walk.seconds += walk.grid.step_seconds(self._before, now)
            walk.grid.target = walk.line.at(walk.seconds) - walk.grid.middle
            if walk.seconds >= walk.line.duration_seconds:
                self._rest(walk.grid)
        self._walks = [walk for walk in self._walks if walk.seconds < walk.line.duration_seconds]

    def _touched(self, place: Vector) -> Grid | None:
        """The nearest grid under a press that no other pointer holds."""
        pointed = [pointer.grid for pointer in self._pointers.values()]
        free = [grid for grid in self._grids if not grid.pinned and grid not in pointed and grid.touches(place)]
        return min(free, key=lambda grid: grid.distance(place), default=None)

    def _pick(
        self,
        middle: Vector,
        radius: float,
        seconds: float,
        *,
        pinned: bool = False,
        smoothing_seconds: float | None = None,
    ) -> Grid | None:
        """Pick a new grid of the points that lie in the picture, if there are any and there is room for them."""
        settings = self._settings
        offsets = flat_grid(radius, settings.spacing, settings.shape)
        places = middle + offsets
        offsets = offsets[((places >= 0) & (places < (1, self._aspect))).all(axis=1)]
        if len(offsets) == 0 or not self._make_room(len(offsets)):
            return None
        smoothing = settings.smoothing_seconds if smoothing_seconds is None else smoothing_seconds
        grid = Grid(
            self._new_ids(len(offsets)),
            middle,
            offsets,
            follow_weights(offsets, radius, settings.falloff),
            radius=radius,
            since_seconds=seconds,
            follower=Follower(settings.max_speed, smoothing),
            pinned=pinned,
        )
        self._grids.append(grid)
        return grid

    def _make_room(self, num_points: int) -> bool:
        """Let go the oldest resting grids until `num_points` more are within the limit; none if that is not enough."""
        resting = [grid for grid in self._grids if not grid.held]
        excess = sum(len(grid.ids) for grid in self._grids) + num_points - self._settings.max_points
        if excess > sum(len(grid.ids) for grid in resting):
            return False
        while excess > 0:
            excess -= len(resting[0].ids)
            self._let_go([resting.pop(0)])
        return True

    def _let_go(self, grids: list[Grid]) -> None:
        gone = set(map(id, grids))
        self._grids = [grid for grid in self._grids if id(grid) not in gone]
        self._walks = [walk for walk in self._walks if id(walk.grid) not in gone]
        self._pointers = {number: held for number, held in self._pointers.items() if id(held.grid) not in gone}

    def _new_ids(self, count: int) -> Int64[np.ndarray, " n"]:
        first, self._num_ids = self._num_ids, self._num_ids + count
        return np.arange(first, first + count, dtype=np.int64)

    def _place(self, x: float, y: float) -> Vector:
        return np.array([x, y * self._aspect])
