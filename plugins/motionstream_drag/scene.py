"""Scene: everything that is picked, pinned or on its way, advanced frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from motionstream.providers import StreamInfo
from motionstream.tracks import Tracks
from motionstream_drag.background import Background
from motionstream_drag.event import (
    Brush,
    Clear,
    Event,
    Move,
    Path,
    Pause,
    Pin,
    Press,
    Redo,
    Release,
    Remove,
    Resume,
    Undo,
)
from motionstream_drag.grid import Grid, Sketch, Vector
from motionstream_drag.grid_shape import GridShape
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


@dataclass(frozen=True, kw_only=True)
class _Undone:
    """What an undo let go, and the rest of its path."""

    sketch: Sketch
    walk: _Walk | None


_MOST_UNDONE = 64


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
        self._undone: deque[_Undone] = deque(maxlen=_MOST_UNDONE)
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
                shape = GridShape.of(event, self._settings)
                self._place_new(shape.sketch(self._place(event.x, event.y), pinned=True), seconds)
            case Brush():
                points = np.array(event.points) * (1, self._aspect)
                smoothing = self._settings.smoothing_seconds
                self._place_new(Sketch.paint(points, pinned=event.pinned, smoothing_seconds=smoothing), seconds)
            case Path():
                self._walk(event, seconds)
            case Remove():
                self._let_go([grid for grid in self._grids if grid.touches(self._place(event.x, event.y))])
            case Clear():
                self._let_go(self._grids)
            case Undo():
                self._undo()
            case Redo():
                self._redo(seconds)
            case Pause() | Resume():
                self._paused = isinstance(event, Pause)

    def _press(self, event: Press, seconds: float) -> None:
        place = self._place(event.x, event.y)
        self._release(event.pointer)  # a press without a release before it: the release was lost
        grid = self._touched(place) or self._place_new(self._sketch(event, place), seconds)
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
        sketch = replace(self._sketch(event, corners[0]), smoothing_seconds=0)
        grid = self._place_new(sketch, seconds)
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

    def _sketch(self, event: Press | Path, place: Vector) -> Sketch:
        return GridShape.of(event, self._settings).sketch(place, smoothing_seconds=self._settings.smoothing_seconds)

    def _place_new(self, sketch: Sketch, seconds: float) -> Grid | None:
        """Place a grid that nobody let go before; what was undone cannot be redone after it."""
        grid = self._add(sketch, seconds)
        if grid is not None:
            self._undone.clear()
        return grid

    def _add(self, sketch: Sketch, seconds: float) -> Grid | None:
        """A new grid of the points that lie in the picture, if there are any and there is room for them."""
        sketch = sketch.inside(self._aspect)
        if len(sketch.offsets) == 0 or not self._make_room(len(sketch.offsets)):
            return None
        ids = self._new_ids(len(sketch.offsets))
        grid = Grid(ids, sketch, since_seconds=seconds, max_speed=self._settings.max_speed)
        self._grids.append(grid)
        return grid

    def _undo(self) -> None:
        if self._grids:
            grid = self._grids[-1]
            walk = next((walk for walk in self._walks if walk.grid is grid), None)
            self._undone.append(_Undone(sketch=grid.as_it_is(), walk=walk))
            self._let_go([grid])

    def _redo(self, seconds: float) -> None:
        if not self._undone:
            return
        undone = self._undone.pop()
        grid = self._add(undone.sketch, seconds)
        if grid is not None and undone.walk is not None:
            grid.held = True
            self._walks.append(replace(undone.walk, grid=grid))

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
