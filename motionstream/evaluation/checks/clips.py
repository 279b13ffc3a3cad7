"""Held-out clips: is the video closer to the true one than its first frame repeated, and does it move as told?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.metrics import epe, psnr, ssim
from motionstream.evaluation.report import Section
from motionstream.streaming.retracking import retrack, trackable
from motionstream.tracks import Tracks

_MOVING_PX = 2.0
_COLUMNS = {
    "psnr_db": "psnr dB",
    "still_psnr_db": "still dB",
    "gain_db": "gain dB",
    "ssim": "ssim",
    "epe_px": "epe px",
    "moving_epe_px": "moving px",
    "still_moving_epe_px": "still px",
    "floor_epe_px": "floor px",
    "tracked": "tracked",
}


@runtime_checkable
class TrueClip(Protocol):
    """A clip whose motion is known."""

    @property
    def frames(self) -> UInt8[np.ndarray, "t h w 3"]:
        """RGB video frames."""

    @property
    def tracks(self) -> Tracks:
        """Points of frame 0 followed over all frames."""

    @property
    def caption(self) -> str:
        """What the clip shows."""


@dataclass(frozen=True, kw_only=True)
class ClipScore:
    """One clip. PSNR and SSIM leave out frame 0, which is given; NaN means that no point could be measured.

    Attributes:
        psnr_db: Generated against true frames.
        still_psnr_db: Frame 0 repeated, against true frames.
        ssim: Generated against true frames.
        epe_px: Error of the re-tracked points, over those visible and not lost.
        moving_epe_px: The same over points that truly move by more than 2 px.
        still_moving_epe_px: What frame 0 repeated has there.
        floor_epe_px: What re-tracking the true clip itself gives: the tracker's own error.
        tracked: Share of the points, over all frames until something covers them, that were followed.
    """

    psnr_db: float
    still_psnr_db: float
    ssim: float
    epe_px: float
    moving_epe_px: float
    still_moving_epe_px: float
    floor_epe_px: float
    tracked: float

    @property
    def gain_db(self) -> float:
        """How much closer than a still picture."""
        return self.psnr_db - self.still_psnr_db


@dataclass(frozen=True, kw_only=True)
class ClipsResult:
    """All held-out clips, with means and their 95 % bootstrap intervals.

    Attributes:
        scores: One per clip, in their order.
        demanded_gain_db: Mean PSNR above the still picture that was asked for.
    """

    scores: tuple[ClipScore, ...]
    demanded_gain_db: float

    def mean(self, name: str) -> Interval:
        """Mean of a figure of `ClipScore` over the clips; `gain_db` is paired clip by clip."""
        return bootstrap_interval([getattr(score, name) for score in self.scores])

    @property
    def pooled_gain_db(self) -> float:
        """How much closer than still pictures over all clips' pixels at once: PSNR of the mean squared errors."""
        errors = [[10 ** (-value / 10) for value in (s.psnr_db, s.still_psnr_db)] for s in self.scores]
        made, still = np.mean(errors, axis=0)
        with np.errstate(divide="ignore"):  # without any error it is infinite
            return float(10 * np.log10(still / made))

    @property
    def passed(self) -> bool:
        """Whether the mean gain is as large as asked."""
        return self.mean("gain_db").mean >= self.demanded_gain_db

    def section(self) -> Section:
        """The result for a report."""
        gain = self.mean("gain_db")
        return Section(
            title="Held-out clips",
            passed=self.passed,
            verdict=f"{gain} dB above repeating frame 0 on {gain.count} clips (95 % interval), wanted "
            f"{self.demanded_gain_db:g}; over all their pixels {self.pooled_gain_db:.2f} dB; moving "
            f"points off by {self.mean('moving_epe_px')} px, "
            f"in a still picture {self.mean('still_moving_epe_px')} px",
            summary={name: self.mean(name) for name in _COLUMNS} | {"pooled_gain_db": self.pooled_gain_db},
            columns=("clip", *_COLUMNS.values()),
            rows=tuple(
                (index, *(getattr(score, name) for name in _COLUMNS)) for index, score in enumerate(self.scores)
            ),
        )


def check_clips(
    generate: Generate,
    clips: Iterable[TrueClip],
    *,
    told_points: int | None = None,
    measured_points: int = 200,
    demanded_gain_db: float = 3.0,
    seed: int = 0,
) -> ClipsResult:
    """Generate every clip anew from its first frame, caption and tracks, and compare.

    Args:
        generate: The model.
        clips: Clips that it was not trained on; each is let go before the next is taken.
        told_points: How many of a clip's tracks the model is told, drawn at random; all by default.
        measured_points: How many points of frame 0 are re-tracked, drawn at random among those with texture.
        demanded_gain_db: PSNR above a still picture to ask for.
        seed: Decides the draws; the model gets seed + index.
    """
    scores = tuple(
        _score(generate, clip, told_points, measured_points, seed + index) for index, clip in enumerate(clips)
    )
    return ClipsResult(scores=scores, demanded_gain_db=demanded_gain_db)


def _score(generate: Generate, clip: TrueClip, told_points: int | None, measured_points: int, seed: int) -> ClipScore:
    draw = np.random.default_rng(seed)
    told = _some(clip.tracks, np.ones(clip.tracks.num_points, bool), told_points, draw)
    size = (clip.frames.shape[2], clip.frames.shape[1])
    usable = clip.tracks.visible[0] & trackable(clip.frames[0], clip.tracks.xy[0] * size)
    measured = _some(clip.tracks, usable, measured_points, draw)
    frames = generated(generate, clip.frames[0], told, clip.caption, seed)
    still = np.broadcast_to(clip.frames[:1], clip.frames.shape)
    return ClipScore(
        psnr_db=psnr(frames[1:], clip.frames[1:]),
        still_psnr_db=psnr(still[1:], clip.frames[1:]),
        ssim=ssim(frames[1:], clip.frames[1:]),
        **_motion_scores(frames, clip.frames, measured),
    )


def _some(tracks: Tracks, allowed: Bool[np.ndarray, " n"], count: int | None, draw: np.random.Generator) -> Tracks:
    """At most `count` of the allowed points, in their order."""
    chosen = draw.permutation(np.flatnonzero(allowed))[:count]
    return tracks.select(np.isin(np.arange(tracks.num_points), chosen))


def _motion_scores(
    frames: UInt8[np.ndarray, "t h w 3"], true_frames: UInt8[np.ndarray, "t h w 3"], wanted: Tracks
) -> dict[str, Any]:
    size = np.array([frames.shape[2], frames.shape[1]])
    seen = retrack(frames, wanted.xy[0] * size)
    floor = retrack(true_frames, wanted.xy[0] * size)
    visible = np.logical_and.accumulate(wanted.visible)  # behind something else no tracker can follow
    visible[0] = False  # frame 0 is given
    travel = np.linalg.norm((wanted.xy - wanted.xy[:1]) * size, axis=-1).max(axis=0, initial=0)
    moving = visible & (travel > _MOVING_PX)

    def error(positions_px: np.ndarray, counted: np.ndarray) -> float:
        return epe(positions_px / size, wanted.xy, counted, height=frames.shape[1], width=frames.shape[2])

    still = np.broadcast_to(wanted.xy[:1] * size, wanted.xy.shape)
    return {
        "epe_px": error(seen.positions_px, visible & seen.valid),
        "moving_epe_px": error(seen.positions_px, moving & seen.valid),
        "still_moving_epe_px": error(still, moving),
        "floor_epe_px": error(floor.positions_px, visible & floor.valid),
        "tracked": float(seen.valid[visible].mean()) if visible.any() else float("nan"),
    }
