"""How well a video moves as wanted: its points, found again, against where they were to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from motionstream.evaluation.metrics import epe
from motionstream.streaming.retracking import Retracked
from motionstream.tracks import Tracks

_MOVING_PX = 2.0


@dataclass(frozen=True, kw_only=True)
class MotionScore:
    """One video; a point counts until something covers it, frame 0 not at all. NaN: nothing could be measured.

    Attributes:
        epe_px: Error of the re-tracked points, over those that were not lost.
        lost_epe_px: The same over all of them; a lost one counts as resting where it was seen last, so that a spoilt
            picture, in which only what is easy can be followed, gains nothing.
        moving_epe_px: The same over points that are to move by more than 2 px.
        still_moving_epe_px: What frame 0 repeated has there.
        floor_epe_px: What re-tracking the true clip itself gives: the tracker's own error.
        tracked: Share of the points, over all frames, that were followed.
    """

    epe_px: float
    lost_epe_px: float
    moving_epe_px: float
    still_moving_epe_px: float
    floor_epe_px: float
    tracked: float


def measure_motion(
    found: Retracked, found_in_truth: Retracked, wanted: Tracks, *, height: int, width: int
) -> MotionScore:
    """Compare re-tracked points with the wanted ones.

    Args:
        found: The wanted points, followed through the video that is measured.
        found_in_truth: The same points, followed through the true clip.
        wanted: Where they were to be.
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
    """
    size = np.array([width, height])
    visible = np.logical_and.accumulate(wanted.visible)  # behind something else no tracker can follow
    visible[0] = False  # frame 0 is given
    travel = np.linalg.norm((wanted.xy - wanted.xy[:1]) * size, axis=-1).max(axis=0, initial=0)
    moving = visible & (travel > _MOVING_PX)

    def error(positions_px: np.ndarray, counted: np.ndarray) -> float:
        return epe(positions_px / size, wanted.xy, counted, height=height, width=width)

    return MotionScore(
        epe_px=error(found.positions_px, visible & found.valid),
        lost_epe_px=error(found.positions_px, visible),
        moving_epe_px=error(found.positions_px, moving & found.valid),
        still_moving_epe_px=error(np.broadcast_to(wanted.xy[:1] * size, wanted.xy.shape), moving),
        floor_epe_px=error(found_in_truth.positions_px, visible & found_in_truth.valid),
        tracked=float(found.valid[visible].mean()) if visible.any() else float("nan"),
    )


def draw_points(
    tracks: Tracks, allowed: Bool[np.ndarray, " n"], count: int | None, draw: np.random.Generator
) -> Tracks:
    """At most `count` of the allowed points, drawn at random, in their order."""
    chosen = draw.permutation(np.flatnonzero(allowed))[:count]
    return tracks.select(np.isin(np.arange(tracks.num_points), chosen))


def hidden_share(tracks: Tracks) -> float:
    """Share of points that are hidden at some time though inside the picture, and seen at another."""
    inside = ((tracks.xy >= 0) & (tracks.xy < 1)).all(axis=-1)
    hidden = (inside & ~tracks.visible).any(axis=0) & tracks.visible.any(axis=0)
    return float(hidden.mean()) if tracks.num_points else 0.0
