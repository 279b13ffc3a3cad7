"""Where the time of a chunk goes: by stage, its spread over many chunks, and whether it grows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import torch

STAGES = ("tracks", "denoise", "decode", "cache_write")
"""In the order of their work: tracks -> condition; noise -> latents; latents -> uint8 frames; clean keys and values."""

NUM_BLOCKS = 20
_T_QUANTILE = 2.101  # Student's t, 97.5%, for NUM_BLOCKS - 2 = 18 degrees of freedom

_Mark: TypeAlias = Any  # seconds, or an event on a GPU's stream


@dataclass(frozen=True, kw_only=True)
class StageTimes:
    """Milliseconds that one chunk took.

    Attributes:
        cache_write_ms: For the chunk before, which is written once its frames are handed out.
        frames_ms: Wall-clock time from the tracks to the frames in the CPU's memory: how long whoever waits for them
            waits.
    """

    tracks_ms: float
    denoise_ms: float
    decode_ms: float
    cache_write_ms: float
    frames_ms: float

    @classmethod
    def of(cls, chunk: Stopwatch, write: Stopwatch | None) -> Self:
        """What two stopwatches say: call it when the frames have arrived, so that a GPU has passed every event.

        Args:
            chunk: Marked after tracks, denoising and decoding.
            write: Marked after the cache write of the chunk before; None where there was none.
        """
        frames_ms = chunk.elapsed_ms
        tracks_ms, denoise_ms, decode_ms = chunk.spans_ms()
        cache_write_ms = 0.0 if write is None else sum(write.spans_ms())
        return cls(
            tracks_ms=tracks_ms,
            denoise_ms=denoise_ms,
            decode_ms=decode_ms,
            cache_write_ms=cache_write_ms,
            frames_ms=frames_ms,
        )

    @property
    def total_ms(self) -> float:
        """What a chunk costs: until its frames are there, and one cache write."""
        return self.frames_ms + self.cache_write_ms

    def stage_ms(self, stage: str) -> float:
        """Time of a stage of `STAGES`, of "frames" or of "total"."""
        return float(getattr(self, f"{stage}_ms"))


class Stopwatch:
    """Times stages: call `mark` after each. On a GPU it records events and never waits for them."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._begin = time.perf_counter()
        self._marks: list[_Mark] = [self._now()]

    def mark(self) -> None:
        """The next stage is done (on a GPU: is queued)."""
        self._marks.append(self._now())

    @property
    def elapsed_ms(self) -> float:
        """Wall-clock time since the beginning."""
        return 1e3 * (time.perf_counter() - self._begin)

    def spans_ms(self) -> list[float]:
        """How long every stage took, once a GPU has passed every event."""
        return [
            start.elapsed_time(stop) if self._on_gpu else 1e3 * (stop - start)
            for start, stop in zip(self._marks, self._marks[1:], strict=False)
        ]

    def _now(self) -> _Mark:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's own
        event.record()
        return event


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Middle and spread of many times, in milliseconds: the median, and the 10th and 90th percentile around it."""

    median_ms: float
    low_ms: float
    high_ms: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Spread:
        """The spread of at least one time."""
        low, median, high = np.percentile(times_ms, [10, 50, 90])
        return cls(median_ms=float(median), low_ms=float(low), high_ms=float(high))


def stage_spreads(times: Sequence[StageTimes]) -> dict[str, Spread]:
    """Spread of every stage, of "frames" and of "total" over at least one chunk."""
    return {stage: Spread.of([each.stage_ms(stage) for each in times]) for stage in (*STAGES, "frames", "total")}


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the time of a chunk changes along a stream: slope with its 95% confidence interval.

    Attributes:
        slope_ms: Milliseconds that are added per 1,000 chunks.
        low_ms: Lower end of the interval.
        high_ms: Upper end of the interval.
        num_chunks: Chunks that were measured.
    """

    slope_ms: float
    low_ms: float
    high_ms: float
    num_chunks: int

    @property
    def is_flat(self) -> bool:
        """Whether the interval holds 0: no trend is shown."""
        return self.low_ms <= 0 <= self.high_ms

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Trend | None:
        """Least squares through the medians of 20 blocks; None for fewer than 2 chunks a block.

        Neighbouring chunks are not independent (another program runs for seconds, not for one chunk), and single ones
        are far off: block medians are little affected by either, the raw times would claim too much certainty.
        """
        if len(times_ms) < 2 * NUM_BLOCKS:
            return None
        blocks = np.array_split(np.asarray(times_ms, dtype=np.float64), NUM_BLOCKS)
        medians = np.array([np.median(block) for block in blocks])
        ends = np.cumsum([len(block) for block in blocks])
        middles = (ends - np.array([len(block) for block in blocks]) / 2) / 1000
        away = middles - middles.mean()
        slope = float(away @ medians / (away @ away))
        rest = medians - medians.mean() - slope * away
        half = _T_QUANTILE * math.sqrt(float(rest @ rest) / (NUM_BLOCKS - 2) / float(away @ away))
        return cls(slope_ms=slope, low_ms=slope - half, high_ms=slope + half, num_chunks=len(times_ms))
