"""Background: a lattice of points that stay, so that the rest of the picture stays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Int64

from motionstream_drag.grid import Grid, Points


class Background:
    """Static points over the whole picture that are silent near whatever moves.

    Args:
        ids: int64 [n * n].
        num_across: Points n along each side.
        aspect: Height of the picture divided by its width.
        clearance: Room around a moving grid, in widths.
    """

    def __init__(self, ids: Int64[np.ndarray, " n"], num_across: int, aspect: float, clearance: float) -> None:
        middle = (np.arange(num_across) + 0.5) / num_across
        self.ids, self._clearance = ids, clearance
        self.positions: Points = np.stack(np.meshgrid(middle, middle * aspect), axis=-1).reshape(-1, 2)

    def visible(self, grids: Iterable[Grid]) -> Bool[np.ndarray, " n"]:
        """Which points speak: those far from where each moving grid is and from where it came from."""
        free = np.ones(len(self.ids), bool)
        for grid in grids:
            for place in () if grid.pinned else (grid.middle, grid.middle + grid.shift):
                free &= np.hypot(*(self.positions - place).T) > grid.radius + self._clearance
        return free
