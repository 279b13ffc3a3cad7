"""Which of a clip's many true tracks the student is told: dense, sparse, drag-like or none, and with which gaps.

A drag is sparse and partial, and a model trained on dense tracks alone ignores it (method: "also train on sparse
tracks and on partial ones").
"""

from dataclasses import dataclass

import numpy as np

from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class TrackSampling:
    """Shares of the kinds of track sets, and how often points come late or drop out."""

    none: float = 0.05
    dense: float = 0.35
    sparse: float = 0.2
    dense_points: tuple[int, int] = (60, 500)
    sparse_points: tuple[int, int] = (1, 50)
    drag_radius: tuple[float, float] = (0.05, 0.2)
    pinned_share: float = 0.5
    pinned_points: tuple[int, int] = (1, 60)
    partial_share: float = 0.2

    def sample(self, tracks: Tracks, layer: np.ndarray, rng: np.random.Generator) -> Tracks:
        """Chooses the tracks of one training example.

        Args:
            tracks: all known points of the clip.
            layer: the object each point lies on, int `n`; 0 is the background.
            rng: decides everything; the same state gives the same choice.
        """
        kind = rng.random()
        if kind < self.none:
            return Tracks.empty(tracks.num_frames)
        if kind < self.none + self.dense:
            chosen = _some(np.arange(tracks.num_points), self.dense_points, rng)
        elif kind < self.none + self.dense + self.sparse:
            chosen = _some(np.arange(tracks.num_points), self.sparse_points, rng)
        else:
            chosen = self._drag(tracks, layer, rng)
        mask = np.zeros(tracks.num_points, dtype=bool)
        mask[chosen] = True
        told = tracks.select(mask)
        return self._partial(told, rng) if rng.random() < self.partial_share else told

    def _drag(self, tracks: Tracks, layer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Points of one or two moving objects within a radius of a pressed point, and perhaps some of the rest."""
        travel = np.abs(np.diff(tracks.xy, axis=0)).sum(axis=(0, 2)) * tracks.visible[0]
        chosen: list[np.ndarray] = []
        for _ in range(int(rng.integers(1, 3))):
            pressed = int(rng.choice(len(travel), p=_shares(travel)))
            distance = np.linalg.norm(tracks.xy[0] - tracks.xy[0, pressed], axis=1)
            near = (distance <= rng.uniform(*self.drag_radius)) & (layer == layer[pressed]) & tracks.visible[0]
            points = np.flatnonzero(near)
            chosen.append(points[rng.random(len(points)) < rng.uniform(0.3, 1.0)] if len(points) > 4 else points)
        if rng.random() < self.pinned_share:
            chosen.append(_some(np.arange(len(travel)), self.pinned_points, rng))
        return np.concatenate(chosen)

    def _partial(self, tracks: Tracks, rng: np.random.Generator) -> Tracks:
        """Hides a run of frames of a share of the points: late starts, early ends and drop-outs."""
        t, n = tracks.visible.shape
        begin = rng.integers(-t // 2, t, size=n)
        end = begin + rng.integers(4, t + 4, size=n)
        frames = np.arange(t)[:, None]
        gap = (frames >= begin) & (frames < end) & (rng.random(n) < rng.uniform(0.1, 0.6))
        return Tracks(ids=tracks.ids, xy=tracks.xy, visible=tracks.visible & ~gap)


def _some(points: np.ndarray, count: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    size = int(rng.integers(count[0], min(count[1], len(points)) + 1))
    return np.asarray(rng.choice(points, size=size, replace=False))


def _shares(travel: np.ndarray) -> np.ndarray:
    weights = travel.astype(np.float64) + 1e-3
    return np.asarray(weights / weights.sum())
