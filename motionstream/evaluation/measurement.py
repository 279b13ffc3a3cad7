"""Measurement: one clip made anew by a model, with all figures and what they were taken from."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from motionstream.evaluation.checks.clips import TrueClip
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.metrics import psnr, ssim
from motionstream.evaluation.motion import MotionScore, draw_points, hidden_share, measure_motion
from motionstream.evaluation.perceptual import perceptual_distance
from motionstream.evaluation.retracker import Retracker
from motionstream.streaming.retracking import Retracked
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedClip:
    """A true clip and where it comes from.

    Attributes:
        name: For the report.
        source: Tells it from every other clip: its seed, or a hash of its file.
        clip: Frames, tracks and caption.
    """

    name: str
    source: str
    clip: TrueClip


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How close a made clip is to the true one; frame 0, which is given, is left out. NaN: nothing to measure.

    Attributes:
        psnr_db: Over all pixels of the clip.
        ssim: Mean over the frames.
        perceptual: Mean perceptual distance of the frames; it stands in for LPIPS.
        motion: Of the told points that can be followed.
    """

    psnr_db: float
    ssim: float
    perceptual: float
    motion: MotionScore


@dataclass(frozen=True, kw_only=True)
class ClipRecord:
    """What is written down of a clip.

    Attributes:
        name: Of the clip.
        source: Its seed, or a hash of its file.
        caption: The prompt.
        seed: Of the model's noise and of the draw of points.
        num_frames: Video frames.
        num_told: Points that the model was told.
        num_measured: Those of them that frame 0 shows with enough texture to be followed.
        hidden: Share of the told points that are hidden at some time though inside the picture.
        seconds: That the model took.
        figures: How close it came.
    """

    name: str
    source: str
    caption: str
    seed: int
    num_frames: int
    num_told: int
    num_measured: int
    hidden: float
    seconds: float
    figures: Figures


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A clip with its record, to be looked at.

    Attributes:
        record: All figures.
        true_frames: The true clip.
        frames: The made one.
        wanted: The measured points, where they were to be.
        found: Where the tracker found them.
    """

    record: ClipRecord
    true_frames: UInt8[np.ndarray, "t h w 3"]
    frames: UInt8[np.ndarray, "t h w 3"]
    wanted: Tracks
    found: Retracked


def measure_clips(
    generate: Generate, clips: Iterable[NamedClip], retracker: Retracker, *, told_points: int | None, seed: int = 0
) -> Iterator[Measured]:
    """Makes every clip anew from its first frame, caption and tracks, and measures it.

    Args:
        generate: The model.
        clips: Each is let go before the next is taken.
        retracker: Finds the motion of what was made.
        told_points: How many of a clip's tracks the model is told, drawn at random; None tells all.
        seed: Of the first clip; each further one has the next number.
    """
    for index, named in enumerate(clips):
        yield _measured(generate, named, retracker, told_points, seed + index)


def _measured(
    generate: Generate, named: NamedClip, retracker: Retracker, told_points: int | None, seed: int
) -> Measured:
    clip, size = named.clip, np.array(named.clip.frames.shape[2:0:-1])
    everything = np.ones(clip.tracks.num_points, bool)
    told = draw_points(clip.tracks, everything, told_points, np.random.default_rng(seed))
    usable = told.visible[0] & retracker.follow(clip.frames[:1], told.xy[0] * size).valid[0]
    wanted = told.select(usable)
    began = time.perf_counter()
    frames = generated(generate, clip.frames[0], told, clip.caption, seed)
    seconds = time.perf_counter() - began
    found = retracker.follow(frames, wanted.xy[0] * size)
    record = ClipRecord(
        name=named.name,
        source=named.source,
        caption=clip.caption,
        seed=seed,
        num_frames=len(frames),
        num_told=told.num_points,
        num_measured=wanted.num_points,
        hidden=hidden_share(told),
        seconds=seconds,
        figures=_figures(clip.frames, frames, wanted, found, retracker),
    )
    return Measured(record=record, true_frames=clip.frames, frames=frames, wanted=wanted, found=found)


def _figures(
    true_frames: UInt8[np.ndarray, "t h w 3"],
    frames: UInt8[np.ndarray, "t h w 3"],
    wanted: Tracks,
    found: Retracked,
    retracker: Retracker,
) -> Figures:
    height, width = frames.shape[1:3]
    found_in_truth = retracker.follow(true_frames, wanted.xy[0] * (width, height))
    return Figures(
        psnr_db=psnr(frames[1:], true_frames[1:]),
        ssim=ssim(frames[1:], true_frames[1:]),
        perceptual=perceptual_distance(frames[1:], true_frames[1:]),
        motion=measure_motion(found, found_in_truth, wanted, height=height, width=width),
    )
