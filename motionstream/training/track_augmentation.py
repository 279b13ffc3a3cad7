"""Implausible tracks for plausible clips: what hands and networks do to a drag; a model learns to forgive it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class TrackAugmentation:
    """What is done to the told tracks of a share of the clips; their first video frame stays as it is.

    Attributes:
        share: Of the clips.
        jitter: Largest spread of the noise of each point, and of the noise that all share, in widths.
        burst_frames: Longest time by which the motion runs ahead of the clip or behind it, in video frames.
        lost_share: Largest share of the frames in which nothing is seen.
        lost_frames: Longest run of such frames.
    """

    share: float = 0.5
    jitter: float = 0.02
    burst_frames: float = 4.0
    lost_share: float = 0.3
    lost_frames: int = 4

    def apply(self, tracks: Tracks, rng: np.random.Generator) -> Tracks:
        """Returns the tracks as they are told."""
        if rng.random() >= self.share or not tracks.num_points or tracks.num_frames < 2:
            return tracks
        xy, visible = self._hurried(tracks, rng)
        xy = xy + self._jitter(xy.shape, rng)
        lost = self._lost(tracks.num_frames, rng)
        return Tracks(ids=tracks.ids, xy=xy.astype(np.float32), visible=visible & ~lost[:, None])

    def _hurried(self, tracks: Tracks, rng: np.random.Generator) -> tuple[Float[np.ndarray, "t n 2"], np.ndarray]:
        """The tracks at a time that runs unevenly but never back, and ends when the clip ends."""
        t = tracks.num_frames
        knots = np.linspace(0, t - 1, 5)
        displaced = knots + np.concatenate([[0], rng.uniform(-1, 1, 3) * rng.uniform(0, self.burst_frames), [0]])
        times = np.interp(np.arange(t), knots, np.maximum.accumulate(displaced.clip(0, t - 1)))
        before = np.minimum(times.astype(int), t - 2)
        part = (times - before)[:, None, None]
        xy = (1 - part) * tracks.xy[before] + part * tracks.xy[before + 1]
        return xy, tracks.visible[before] & tracks.visible[before + 1]

    def _jitter(self, shape: tuple[int, ...], rng: np.random.Generator) -> Float[np.ndarray, "t n 2"]:
        own, common = rng.uniform(0, self.jitter, 2)
        noise = own * rng.normal(size=shape) + common * rng.normal(size=(shape[0], 1, 2))
        noise[0] = 0
        return np.asarray(noise)

    def _lost(self, num_frames: int, rng: np.random.Generator) -> np.ndarray:
        lost = np.zeros(num_frames, dtype=bool)
        wanted = rng.uniform(0, self.lost_share) * num_frames
        while lost.sum() < wanted:
            start = int(rng.integers(1, num_frames))
            lost[start : start + int(rng.integers(1, self.lost_frames + 1))] = True
        return lost
