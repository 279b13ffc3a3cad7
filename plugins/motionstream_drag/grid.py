"""Grid: points that were picked together and move as one.

Inside the provider all lengths are in widths of the picture: x in [0, 1), y in [0, height / width), so that a circle is
a circle on a picture of any aspect.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from motionstream_drag.limits import Follower

Vector = Float64[np.ndarray, " 2"]
Points = Float64[np.ndarray, "n 2"]

_ARRIVED = 1e-3  # widths; below a pixel at any size the models make
_TOUCH = 0.02  # widths; a grid of one point can still be touched


def flat_grid(radius: float, spacing: float, shape: Literal["disc", "square"]) -> Points:
    """Offsets of a regular grid around (0, 0), the middle first.

    Args:
        radius: Half the grid's width, in widths.
        spacing: Distance of neighbours, in widths.
        shape: "disc" leaves out the corners.
    """
    reach = int(radius / spacing + 1e-9)  # 0.3 / 0.1 is a little less than 3
    steps = np.arange(-reach, reach + 1) * spacing
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    distance = np.hypot(*offsets.T)
    order: Int64[np.ndarray, " n"] = np.argsort(distance, kind="stable")
    if shape == "disc":
        order = order[distance[order] <= radius * (1 + 1e-9)]
    chosen: Points = offsets[order]
    return chosen


def follow_weights(offsets: Points, radius: float, falloff: float) -> Float64[np.ndarray, " n"]:
    """How much of the middle's motion each point takes: 1 in the middle, 1 - falloff at the rim and beyond."""
    part = np.minimum(np.hypot(*offsets.T) / radius, 1) if radius > 0 else np.zeros(len(offsets))
    weights: Float64[np.ndarray, " n"] = 1 - falloff * (1 - np.cos(np.pi * part)) / 2
    return weights


class Grid:
    """A picked grid: where it was, where it is, where it should be.

    Attributes:
        ids: int64 [n], for ever its own.
        origin: Positions at the pick [n, 2].
        middle: Position of its middle at the pick [2].
        radius: In widths.
        pinned: It never moves.
        target: Where its middle should be, relative to `middle` [2].
        held: A pointer or a path moves it.
        leaving: It lets go once it has arrived.
    """

    def __init__(
        self,
        ids: Int64[np.ndarray, " n"],
        middle: Vector,
        offsets: Points,
        weights: Float64[np.ndarray, " n"],
        *,
        radius: float,
        since_seconds: float,
        follower: Follower,
        pinned: bool = False,
    ) -> None:
        self.ids, self.middle, self.radius, self.pinned = ids, middle, radius, pinned
        self.origin = middle + offsets
        self.target = np.zeros(2)
        self.held, self.leaving = False, False
        self._weights, self._follower, self._since_seconds = weights, follower, since_seconds

    @property
    def shift(self) -> Vector:
        """How far its middle has come."""
        return self._follower.position

    @property
    def limited(self) -> bool:
        """The speed limit held it back in the last step."""
        return self._follower.limited

    @property
    def positions(self) -> Points:
        """Where its points are now."""
        moved: Points = self.origin + self._weights[:, None] * self.shift
        return moved

    @property
    def done(self) -> bool:
        """It was to let go on arrival and has arrived."""
        return self.leaving and float(np.hypot(*(self.target - self.shift))) < _ARRIVED

    def step_seconds(self, before: float, now: float) -> float:
        """Time that passed for this grid since frame `before`; less in the frame in which it was picked."""
        return now - max(before, self._since_seconds)

    def follow(self, seconds: float) -> None:
        """Go towards the target for `seconds`."""
        if not self.pinned:
            self._follower.follow(self.target, seconds)

    def distance(self, place: Vector) -> float:
        """From its middle, as it is now, to a place."""
        return float(np.hypot(*(self.middle + self.shift - place)))

    def touches(self, place: Vector) -> bool:
        """Whether a press at `place` means this grid."""
        return self.distance(place) <= max(self.radius, _TOUCH)
