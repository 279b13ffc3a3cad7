"""Cloud: the tracked points in the world, each with an id of its own."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.surface import Surface

_MOST_SEEDS = 300  # in one chunk: rays that ask for a distance are dear
_MUCH = 0.05  # part of the cells
_WAIT_CHUNKS = 4  # a model keeps each picture on which points were born, so births in few chunks are better


class Cloud:
    """Points that are known by now; ids are counted up and never given twice.

    Args:
        across: Points of the first grid along each side; new points are as dense.
        most: Points at a time.

    Attributes:
        ids: int64 [n].
        points: In the world [n, 3].
    """

    def __init__(self, across: int, most: int) -> None:
        self.ids: Int64[np.ndarray, " n"] = np.zeros(0, np.int64)
        self.points: Float64[np.ndarray, "n 3"] = np.zeros((0, 3))
        self._out_of_view: Int64[np.ndarray, " n"] = np.zeros(0, np.int64)  # for how many chunks
        self._across, self._most, self._num_ids = across, most, 0
        self._waited = 0  # chunks since points were added

    def add_grid(self, surface: Surface) -> None:
        """Lift a grid of points that covers the picture; where no depth is known there is no point."""
        middle = (np.arange(self._across) + 0.5) / self._across
        xy = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
        points, known = surface.lift(xy)
        self._add(points[known])

    def seed(
        self, surface: Surface, pose: Pose, lens: Lens, xy: Float64[np.ndarray, "n 2"], visible: Bool[np.ndarray, " n"]
    ) -> None:
        """Add points where a camera sees the scene and no point is in view, as far as there is room.

        In every chunk while much of the picture is empty, else in every fourth.

        Args:
            surface: The scene.
            pose: Of the camera.
            lens: Of the camera.
            xy: Where the points of the cloud are in its picture.
            visible: Which of them are seen.
        """
        places = self._empty_places(xy[visible])
        places = places[surface.seen(pose, lens, places)]
        self._waited += 1
        if len(places) <= _MUCH * self._cells**2 and self._waited < _WAIT_CHUNKS:
            return
        self._waited = 0
        places = places[:: -(-len(places) // _MOST_SEEDS) or 1]  # what is left out now is seeded in the next chunk
        depth = surface.depths_from(pose, lens, places)
        hit = np.isfinite(depth)
        points = lens.unproject(places[hit], depth[hit].astype(np.float64)) @ pose[:3, :3].T + pose[:3, 3]
        self._make_room(len(points))
        self._add(points[: self._most - len(self.ids)])

    def note_seen(self, seen: Bool[np.ndarray, " n"]) -> None:
        """Remember which points were in view in a chunk."""
        self._out_of_view = np.where(seen, 0, self._out_of_view + 1)

    def move(self, which: Bool[np.ndarray, " n"], points: Float64[np.ndarray, "m 3"]) -> None:
        """Put points elsewhere, with their ids."""
        self.points = self.points.copy()
        self.points[which] = points

    @property
    def _cells(self) -> int:
        return max(1, self._across * 5 // 6)  # so a whole grid fills every cell wherever it is shifted to

    def _empty_places(self, xy: Float64[np.ndarray, "m 2"]) -> Float64[np.ndarray, "k 2"]:
        """The middle of each cell in which no point is; a cell is a little wider than the grid's distance."""
        cells = self._cells
        column, row = np.clip((xy * cells).astype(np.int64), 0, cells - 1).T
        empty = np.ones((cells, cells), bool)
        empty[row, column] = False
        rows, columns = np.nonzero(empty)
        return (np.stack([columns, rows], axis=-1) + 0.5) / cells

    def _add(self, points: Float64[np.ndarray, "m 3"]) -> None:
        ids = np.arange(self._num_ids, self._num_ids + len(points), dtype=np.int64)
        self._num_ids += len(points)
        self.ids, self.points = np.concatenate([self.ids, ids]), np.concatenate([self.points, points])
        self._out_of_view = np.concatenate([self._out_of_view, np.zeros(len(points), np.int64)])

    def _make_room(self, num_points: int) -> None:
        """Let go those that have been out of view longest, never one that is in view."""
        excess = len(self.ids) + num_points - self._most
        if excess <= 0:
            return
        oldest = np.argsort(-self._out_of_view, kind="stable")[:excess]
        keep = np.ones(len(self.ids), bool)
        keep[oldest[self._out_of_view[oldest] > 0]] = False
        self.ids, self.points, self._out_of_view = self.ids[keep], self.points[keep], self._out_of_view[keep]
