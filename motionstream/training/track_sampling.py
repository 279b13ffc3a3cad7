"""Which of a clip's many true tracks the student is told: dense, sparse, drag-like or none, and with which gaps.

A drag is sparse and partial, and a model trained on dense tracks alone ignores it (method: "also train on sparse
tracks and on partial ones"). But whatever moves is told of by a few points at least, and nothing is told only where
nothing moves: what is not told stays, and a loss that asks for motion that nobody told teaches a student to blur.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from motionstream.tracks import Tracks

Movers: TypeAlias = dict[int, tuple[int, int]]
"""The smallest and largest number of points to tell of each layer that moves."""

_BACKGROUND = 0
_MOVING_WIDTHS = 0.02
"""Way, in widths, from which on a point counts as moving."""


@dataclass(frozen=True, kw_only=True)
class TrackSampling:
    """Shares of the kinds of track sets (the rest are drags), and how often points come late or drop out."""

    none: float = 0.05
    dense: float = 0.35
    sparse: float = 0.2
    dense_points: tuple[int, int] = (60, 500)
    sparse_points: tuple[int, int] = (4, 60)
    drag_radius: tuple[float, float] = (0.05, 0.2)
    pinned_share: float = 0.5
    pinned_points: tuple[int, int] = (1, 60)
    mover_points: tuple[int, int] = (4, 24)
    partial_share: float = 0.2

    def sample(self, tracks: Tracks, layer: np.ndarray, rng: np.random.Generator) -> Tracks:
        """Chooses the tracks of one training example.

        Args:
            tracks: all known points of the clip.
            layer: the object each point lies on, int `n`; 0 is the background.
            rng: decides everything; the same state gives the same choice.
        """
        movers = self._movers(tracks, layer)
        kind = rng.random()
        if kind < self.none and not movers:
            return Tracks.empty(tracks.num_frames)
        if kind < self.none + self.dense:
            chosen = _some(np.arange(tracks.num_points), self.dense_points, rng)
        elif kind < self.none + self.dense + self.sparse:
            chosen = self._with_movers(_some(np.arange(tracks.num_points), self.sparse_points, rng), movers, layer, rng)
        else:
            chosen = self._drag(tracks, layer, movers, rng)
        mask = np.zeros(tracks.num_points, dtype=bool)
        mask[chosen] = True
        told = tracks.select(mask)
        return self._partial(told, rng) if rng.random() < self.partial_share else told

    def _movers(self, tracks: Tracks, layer: np.ndarray) -> Movers:
        """What moves, the background among it, and between how many of its points are told at the least.

        Of a background that moves as a whole many are: nobody says with a single drag how a camera pans.
        """
        moving = _travel(tracks) > _MOVING_WIDTHS
        shares = {int(one): float(moving[layer == one].mean()) for one in np.unique(layer)}
        return {
            one: self.dense_points if one == _BACKGROUND and share > 0.5 else self.mover_points
            for one, share in shares.items()
            if share > 0.05
        }

    def _drag(self, tracks: Tracks, layer: np.ndarray, movers: Movers, rng: np.random.Generator) -> np.ndarray:
        """Points of everything that moves within a radius of a pressed point, and perhaps some of the rest."""
        travel = _travel(tracks) * tracks.visible[0]
        chosen = [np.zeros(0, dtype=np.int64)]
        for mover in (one for one, points in movers.items() if points == self.mover_points):
            pressed = int(rng.choice(len(travel), p=_shares(np.where(layer == mover, travel, 0))))
            distance = np.linalg.norm(tracks.xy[0] - tracks.xy[0, pressed], axis=1)
            near = (distance <= rng.uniform(*self.drag_radius)) & (layer == mover) & tracks.visible[0]
            points = np.flatnonzero(near)
            chosen.append(points[rng.random(len(points)) < rng.uniform(0.3, 1.0)] if len(points) > 4 else points)
        if rng.random() < self.pinned_share:
            chosen.append(_some(np.arange(len(travel)), self.pinned_points, rng))
        return self._with_movers(np.concatenate(chosen), movers, layer, rng)

    def _with_movers(
        self, chosen: np.ndarray, movers: Movers, layer: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Adds points of what moves where hardly any was chosen."""
        parts = [chosen]
        for mover, (least, most) in movers.items():
            points = np.flatnonzero(layer == mover)
            if (layer[chosen] == mover).sum() < min(least, len(points)):
                parts.append(_some(points, (min(least, len(points)), most), rng))
        return np.unique(np.concatenate(parts))

    def _partial(self, tracks: Tracks, rng: np.random.Generator) -> Tracks:
        """Hides a run of frames of a share of the points: late starts, early ends and drop-outs."""
        t, n = tracks.visible.shape
        begin = rng.integers(-t // 2, t, size=n)
        end = begin + rng.integers(4, t + 4, size=n)
        frames = np.arange(t)[:, None]
        gap = (frames >= begin) & (frames < end) & (rng.random(n) < rng.uniform(0.1, 0.6))
        return Tracks(ids=tracks.ids, xy=tracks.xy, visible=tracks.visible & ~gap)


def _travel(tracks: Tracks) -> np.ndarray:
    """Returns the farthest that each point comes from where it is first, in widths."""
    return np.asarray(np.linalg.norm(tracks.xy - tracks.xy[:1], axis=-1).max(axis=0))


def _some(points: np.ndarray, count: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    size = int(rng.integers(count[0], min(count[1], len(points)) + 1))
    return np.asarray(rng.choice(points, size=size, replace=False))


def _shares(travel: np.ndarray) -> np.ndarray:
    weights = travel.astype(np.float64) + 1e-3
    return np.asarray(weights / weights.sum())
