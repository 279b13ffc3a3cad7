"""HeldPointer: a pressed pointer and the grid that it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from motionstream_drag.grid import Grid

Vector = Float64[np.ndarray, " 2"]


@dataclass(kw_only=True)
class HeldPointer:
    """Where a pressed pointer was last seen.

    Attributes:
        grid: What it moves.
        grip: Shift of the grid minus the pointer's place, fixed by the press [2].
        seconds: Time of the last sample.
        place: Place of the last sample, in widths [2].
    """

    grid: Grid
    grip: Vector
    seconds: float
    place: Vector

    def see(self, seconds: float, place: Vector) -> None:
        """Take a sample, unless a newer one has been seen: the network may swap them."""
        if seconds >= self.seconds:
            self.seconds, self.place = seconds, place

    def aim(self, now: float, later: tuple[float, Vector] | None) -> None:
        """Point the grid at where the pointer is at `now`: on the line to its `later` sample if there is one."""
        place = self.place
        if later is not None and later[0] > self.seconds:
            part = np.clip((now - self.seconds) / (later[0] - self.seconds), 0, 1)
            place = (1 - part) * place + part * later[1]
        self.grid.target = self.grip + place
