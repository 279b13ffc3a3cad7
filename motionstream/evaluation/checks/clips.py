"""Held-out clips: is the video closer to the true one than its first frame repeated, and does it move as told?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.metrics import psnr, ssim
from motionstream.evaluation.motion import draw_points, measure_motion
from motionstream.evaluation.report import Section
from motionstream.streaming.retracking import retrack, trackable
from motionstream.tracks import Tracks

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
    told = draw_points(clip.tracks, np.ones(clip.tracks.num_points, bool), told_points, draw)
    height, width = clip.frames.shape[1:3]
    usable = clip.tracks.visible[0] & trackable(clip.frames[0], clip.tracks.xy[0] * (width, height))
    measured = draw_points(clip.tracks, usable, measured_points, draw)
    start = measured.xy[0] * (width, height)
    frames = generated(generate, clip.frames[0], told, clip.caption, seed)
    still = np.broadcast_to(clip.frames[:1], clip.frames.shape)
    motion = measure_motion(retrack(frames, start), retrack(clip.frames, start), measured, height=height, width=width)
    return ClipScore(
        psnr_db=psnr(frames[1:], clip.frames[1:]),
        still_psnr_db=psnr(still[1:], clip.frames[1:]),
        ssim=ssim(frames[1:], clip.frames[1:]),
        epe_px=motion.epe_px,
        moving_epe_px=motion.moving_epe_px,
        still_moving_epe_px=motion.still_moving_epe_px,
        floor_epe_px=motion.floor_epe_px,
        tracked=motion.tracked,
    )
