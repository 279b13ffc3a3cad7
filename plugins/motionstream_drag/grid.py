"""Grid: points that were picked together and move as one.

Inside the provider all lengths are in widths of the picture: x in [0, 1), y in [0, height / width), so that a circle is
a circle on a picture of any aspect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Float64, Int64

from motionstream_drag.limits import Follower

Vector = Float64[np.ndarray, " 2"]
Points = Float64[np.ndarray, "n 2"]

_ARRIVED = 1e-3  # widths; below a pixel at any size the models make
_TOUCH = 0.02  # widths; a grid of one point can still be touched
_TOUCH_PAINTED = 0.05  # widths; a press between two painted points means them


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Sketch:
    """What a grid will be once it has ids.

    Attributes:
        middle: Position of its middle [2].
        offsets: Of its points from the middle [n, 2].
        weights: How much of the middle's motion each point takes [n].
        radius: In widths.
        smoothing_seconds: How far it lags behind what moves it.
        pinned: It never moves.
        painted: Its points lie anywhere; it is touched near one of them, not near its middle.
    """

    middle: Vector
    offsets: Points
    weights: Float64[np.ndarray, " n"]
    radius: float
    smoothing_seconds: float
    pinned: bool = False
    painted: bool = False

    @classmethod
    def paint(cls, points: Points, *, pinned: bool, smoothing_seconds: float) -> Self:
        """Points as they are, rigid."""
        middle: Vector = (points.min(axis=0) + points.max(axis=0)) / 2
        offsets = points - middle
        return cls(
            middle=middle,
            offsets=offsets,
            weights=np.ones(len(points)),
            radius=float(np.hypot(*offsets.T).max()),
            smoothing_seconds=smoothing_seconds,
            pinned=pinned,
            painted=True,
        )

    def inside(self, height: float) -> Sketch:
        """Without the points outside a picture of that height, in widths."""
        places = self.middle + self.offsets
        seen = ((places >= 0) & (places < (1, height))).all(axis=1)
        return replace(self, offsets=self.offsets[seen], weights=self.weights[seen])


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

    def __init__(self, ids: Int64[np.ndarray, " n"], sketch: Sketch, *, since_seconds: float, max_speed: float) -> None:
        self.ids, self.middle, self.radius, self.pinned = ids, sketch.middle, sketch.radius, sketch.pinned
        self.origin = sketch.middle + sketch.offsets
        self.target = np.zeros(2)
        self.held, self.leaving = False, False
        self._sketch, self._since_seconds = sketch, since_seconds
        self._follower = Follower(max_speed, sketch.smoothing_seconds)

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
        moved: Points = self.origin + self._sketch.weights[:, None] * self.shift
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
        if self._sketch.painted:
            return float(np.hypot(*(self.positions - place).T).min()) <= _TOUCH_PAINTED
        return self.distance(place) <= max(self.radius, _TOUCH)

    def as_it_is(self) -> Sketch:
        """A sketch of it with its points where they are now."""
        middle = self.middle + self.shift
        return replace(self._sketch, middle=middle, offsets=self.positions - middle)
