"""Region: a part of a picture, in widths: x from 0 to 1, y from 0 to the picture's aspect."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64

from motionstream_webcam.settings import WHOLE, Box

Places = Float64[np.ndarray, "n 2"]

_STEPS = 256
_DIRECTIONS = 16
_FINE = 96


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A box, or what a brush touched.

    Attributes:
        box: left, top, right, bottom.
        brush: Middle of the brush along its strokes [k, 2]; none where it is a box.
        radius: Of the brush.
    """

    box: Box
    brush: Places = field(default_factory=lambda: np.zeros((0, 2)))
    radius: float = 0.0

    @classmethod
    def of_box(cls, box: Box, aspect: float) -> Region:
        """A box that is given from 0 to 1 both ways."""
        left, top, right, bottom = box
        return cls(box=(left, top * aspect, right, bottom * aspect))

    @classmethod
    def of_brush(cls, points: Places, radius: float, aspect: float) -> Region:
        """What a brush touched along a line of points that are given from 0 to 1 both ways."""
        line = _dense(points * (1, aspect), radius / 2)
        low = np.maximum(line.min(axis=0) - radius, 0)
        high = np.minimum(line.max(axis=0) + radius, (1, aspect))
        return cls(box=(low[0], low[1], high[0], high[1]), brush=line, radius=radius)

    @classmethod
    def whole(cls, aspect: float) -> Region:
        """The whole picture."""
        return cls.of_box(WHOLE, aspect)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box."""
        left, top, right, bottom = self.box
        return right - left, bottom - top

    @property
    def middle(self) -> Float64[np.ndarray, " 2"]:
        """Of the box."""
        left, top, right, bottom = self.box
        return np.array([(left + right) / 2, (top + bottom) / 2])

    def contains(self, places: Places) -> Bool[np.ndarray, " n"]:
        """Which places lie in it."""
        left, top, right, bottom = self.box
        x, y = places[:, 0], places[:, 1]
        inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        if len(self.brush) and inside.any():
            near = ((places[inside][:, None] - self.brush[None]) ** 2).sum(axis=-1).min(axis=1)
            inside[inside] = near <= self.radius**2
        return np.asarray(inside)

    def grid(self, count: int) -> Places:
        """About so many places, evenly spread; at least one."""
        width, height = self.size
        fine = _lattice(self.box, max(width, height) / _FINE)
        filled = max(self.contains(fine).mean(), 1 / len(fine))
        places = _lattice(self.box, float(np.sqrt(width * height * filled / count)))
        places = places[self.contains(places)]
        return places if len(places) else (fine[self.contains(fine)] if filled * len(fine) > 1 else self.brush)[:1]

    def outline(self) -> Places:
        """Its middle, and how far it reaches in 16 directions, which are stretched as its box is [17, 2]."""
        fine = self.grid(2000)
        middle = fine.mean(axis=0)
        angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * self.size
        lengths = np.linspace(0, 1, _STEPS)
        along = middle + rays[:, None] * lengths[None, :, None]
        inside = self.contains(along.reshape(-1, 2)).reshape(len(rays), -1)
        farthest = lengths[inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)] * inside.any(axis=1)
        return np.concatenate([middle[None], middle + rays * farthest[:, None]])


def _lattice(box: Box, spacing: float) -> Places:
    """Middles of about square cells that fill a box."""
    left, top, right, bottom = box
    columns = max(1, round((right - left) / spacing))
    rows = max(1, round((bottom - top) / spacing))
    x = left + (right - left) * (np.arange(columns) + 0.5) / columns
    y = top + (bottom - top) * (np.arange(rows) + 0.5) / rows
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _dense(points: Places, spacing: float) -> Places:
    """The line through points, sampled so that no gap is wider than `spacing`."""
    parts = [points[:1]]
    for start, end in pairwise(points):
        steps = max(1, int(np.ceil(np.hypot(*(end - start)) / spacing)))
        parts.append(start + (end - start) * (np.arange(1, steps + 1) / steps)[:, None])
    return np.concatenate(parts)
