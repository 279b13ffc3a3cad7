"""Pictures that move along tracks: every pixel and share against a slow float64 walk over the whole history."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.moved_picture import PLACES_PER_CELL
from motionstream.tracks import Tracks

CHUNKS = (9, 12, 12)
ROUNDING = 1e-5  # what float32 may change in a position, in places
SQUARE_ROUNDING = 2e-4  # and in a squared distance, which is a difference of squares of positions


def surely(gap: float, rounding: float) -> bool:
    """Whether a gap is positive. The positions of these tests are chosen so that float32 answers the same."""
    assert abs(gap) > rounding, "a place lies on a threshold: choose other positions"
    return gap > 0


def keys_weight(distance: np.ndarray) -> np.ndarray:
    """What a neighbour at a distance in pixels counts in cubic convolution (Keys 1981), a = -0.75 as in torch."""
    a, d = -0.75, np.abs(distance)
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def read_cubic(anchor: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of `3 y x` at continuous pixel positions, pixel i centred at i + 0.5, in float64."""
    x, y = x.clip(0.5, anchor.shape[2] - 0.5), y.clip(0.5, anchor.shape[1] - 0.5)
    sums = np.zeros((3, *x.shape))
    for down in range(-1, 3):
        for right in range(-1, 3):
            row, column = np.floor(y - 0.5).astype(int) + down, np.floor(x - 0.5).astype(int) + right
            value = anchor[:, row.clip(0, anchor.shape[1] - 1), column.clip(0, anchor.shape[2] - 1)]
            sums += value * keys_weight(y - 0.5 - row) * keys_weight(x - 0.5 - column)
    return sums


def halved(maps: np.ndarray) -> np.ndarray:
    """Means over half as many rows and columns of `c y x`; of an odd number the middle ones count twice."""

    def weights(fine: int) -> np.ndarray:
        coarse = -(-fine // 2)
        parts = [(i * fine // coarse, -(-(i + 1) * fine // coarse)) for i in range(coarse)]
        return np.array([[(a <= j < b) / (b - a) for j in range(fine)] for a, b in parts])

    return np.asarray(weights(maps.shape[1]) @ maps @ weights(maps.shape[2]).T)


def grown(maps: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Values of `c y x` read linearly at the centres of a finer grid over the same square."""

    def weights(coarse: int, fine: int) -> np.ndarray:
        at = ((np.arange(fine) + 0.5) * coarse / fine).clip(0.5, coarse - 0.5)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(coarse) - 0.5))

    return np.asarray(weights(maps.shape[1], rows) @ maps @ weights(maps.shape[2], columns).T)


def pulled_and_pushed(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture `3 y x` with its hole filled, coarser values counting where less than a quarter is known."""
    levels = [(picture * ~hole, 1.0 - hole[None])]
    while max(levels[-1][1].shape[1:]) > 1:
        levels.append((halved(levels[-1][0]), halved(levels[-1][1])))
    filled = levels[-1][0] / levels[-1][1]
    for colour, weight in reversed(levels[:-1]):
        own = np.divide(colour, weight, out=np.zeros_like(colour), where=weight > 0)
        filled = grown(filled, *colour.shape[1:])
        filled += np.minimum(1, 4 * weight) * (own - filled)
    return np.where(hole, filled, picture)


class SlowMove:
    """The rules as loops over frames, places and points, with whole histories; positions are in places."""

    def __init__(self, scene: Any, told: Tracks, pictures: list[Tensor], reach: float) -> None:
        self.shape = scene.height * PLACES_PER_CELL, scene.width * PLACES_PER_CELL
        self.side, self.reach = scene.side, reach * PLACES_PER_CELL
        self.pictures = [one.double().numpy() for one in pictures]
        self.visible, self.xy = told.visible, told.xy.astype(np.float64) * self.shape[::-1]
        self.birth = told.visible.argmax(0)
        self.origins = self.xy[self.birth, np.arange(told.num_points)]
        self.chunk_of = np.repeat(np.arange(len(CHUNKS)), CHUNKS)
        self.born_in = self.chunk_of[self.birth]
        self.outside = self.foreign = 0

    def before(self, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """Where points were in the frame before a chunk (before the first in its first), and which were visible.

        Hidden ones were where they were last seen, those that are yet to be born at their origin.
        """
        frame = max(int(np.flatnonzero(self.chunk_of == chunk)[0]) - 1, 0)
        return self.last_seen(frame), self.visible[frame]

    def last_seen(self, frame: int) -> np.ndarray:
        """Where each point was last visible up to a frame; one that is yet to be born, at its origin."""
        xy = self.origins.copy()
        for point, seen in enumerate(self.visible[: frame + 1].T):
            if seen.any():
                xy[point] = self.xy[np.flatnonzero(seen)[-1], point]
        return xy

    def nearest(self, x: float, y: float, xy: np.ndarray, among: np.ndarray, reach: float = np.inf) -> int:
        """The nearest of the points in `among`, or -1 where there is none within reach."""
        found = sorted((float(((xy[point] - (x, y)) ** 2).sum()), int(point)) for point in np.flatnonzero(among))
        if not found or not surely(reach**2 - found[0][0], SQUARE_ROUNDING):
            return -1
        assert len(found) == 1 or surely(found[1][0] - found[0][0], SQUARE_ROUNDING)
        return found[0][1]

    def leader(self, x: float, y: float, xy: np.ndarray, visible: np.ndarray) -> int:
        """The point that brings to a place what is its own, or -1."""
        point = self.nearest(x, y, xy, visible, self.reach)
        if point < 0:
            return -1
        ways = xy - self.origins
        at_border = ((xy < PLACES_PER_CELL) | (xy > np.array(self.shape[::-1]) - PLACES_PER_CELL)).any(1)
        source = np.array([x, y]) - ways[point]
        if not all(surely(at, ROUNDING) and surely(end - at, ROUNDING) for at, end in zip(source, self.shape[::-1])):
            self.outside += 1
            return -1
        assert surely(np.abs(source - source.round()).min(), ROUNDING)
        owner = self.nearest(*np.floor(source) + 0.5, self.origins, self.born_in == self.born_in[point])
        part = 1.0
        if at_border[owner] and not visible[owner]:
            part = float(np.clip(ways[owner] @ ways[point] / max(ways[point] @ ways[point], 1e-6), 0, 1))
        alike = surely(1 - ((ways[owner] - part * ways[point]) ** 2).sum(), ROUNDING)
        self.foreign += not alike
        return point if alike else -1

    def leaders(self, xy: np.ndarray, visible: np.ndarray) -> np.ndarray:
        chosen = [self.leader(x + 0.5, y + 0.5, xy, visible) for y, x in np.ndindex(*self.shape)]
        return np.array(chosen).reshape(self.shape)

    def frame(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture and the shares."""
        chunk = self.chunk_of[frame]
        then, now = self.leaders(*self.before(chunk)) >= 0, self.leaders(self.last_seen(frame), self.visible[frame])
        made, leader = self.pictures[chunk].copy(), self.by_pixel(now)
        for point in np.unique(now[now >= 0]):
            y, x = np.nonzero(leader == point)
            dx, dy = (self.xy[frame, point] - self.origins[point]) * self.side
            made[:, y, x] = read_cubic(self.pictures[self.born_in[point]], x + 0.5 - dx, y + 0.5 - dy).clip(0, 1)
        share, had = self.by_cell(now >= 0).mean((1, 3)), self.by_cell(then).any((1, 3))
        filled = pulled_and_pushed(made, self.by_pixel(then & (now < 0)))
        return filled, np.where(had & (share == 0), -1, share)

    def by_pixel(self, places: np.ndarray) -> np.ndarray:
        return places.repeat(self.side, 0).repeat(self.side, 1)

    def by_cell(self, places: np.ndarray) -> np.ndarray:
        return places.reshape(self.shape[0] // 2, 2, self.shape[1] // 2, 2)


def crowds(num_points: int, seed: int, wandering: Callable[..., Tracks]) -> Tracks:
    """Three crowds on random ways of their own, in which every point strays a little."""
    led = wandering(3, seed, births=range(1), step=0.02).xy
    told = wandering(num_points, seed + 1, births=range(29), step=0.003)
    xy = told.xy + (led - led[:1])[:, np.arange(num_points) % 3]
    visible = told.visible.copy()
    birth, points = told.visible.argmax(0), np.arange(num_points)
    xy += xy[birth, points].clip(0, 0.999) - xy[birth, points]  # all are born inside
    return Tracks(ids=told.ids, xy=xy, visible=visible)


SMALL, ODD = (4, 8, 4), (5, 7, 8)  # cells down and across, pixels along one side of a cell


@pytest.mark.parametrize(
    ("scene", "num_points", "reach", "seed"),
    [(SMALL, 1, 3.0, 2), (SMALL, 12, 1.1, 2), (SMALL, 40, 1.5, 2), (ODD, 24, 1.5, 1)],
    indirect=["scene"],
)
def test_crowds_move_every_pixel_and_share_as_in_a_slow_walk(
    scene: Any, num_points: int, reach: float, seed: int, wandering: Callable[..., Tracks]
) -> None:
    told = crowds(num_points, seed, wandering)
    check_against_slow_walk(scene, told, reach, every_rule=num_points > 1)


@pytest.mark.parametrize(("num_points", "reach", "seed"), [(6, 1.5, 2), (12, 0.5, 4)])
def test_points_on_ways_of_their_own_move_every_pixel_and_share_as_in_a_slow_walk(
    scene: Any, num_points: int, reach: float, seed: int, wandering: Callable[..., Tracks]
) -> None:
    check_against_slow_walk(scene, wandering(num_points, seed, births=range(29)), reach, every_rule=True)


def check_against_slow_walk(scene: Any, told: Tracks, reach: float, every_rule: bool) -> None:
    pictures = [scene.picture(seed) for seed in range(3)]
    made, slow = scene.stream(told, pictures, reach), SlowMove(scene, told, pictures, reach)
    video, carried = torch.cat([one.video for one in made]), torch.cat([one.carried for one in made])
    for frame in range(33):
        wanted, wanted_share = slow.frame(frame)
        assert np.abs(video[frame].double().numpy() - wanted).max() < 3e-5
        assert (carried[frame].numpy() == wanted_share).all()
    if every_rule:
        assert slow.outside > 0
        assert slow.foreign > 0
        assert (carried == -1).any()
