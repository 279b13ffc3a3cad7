"""Drift: does a long stream stay as good as it begins?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.metrics import psnr, ssim
from motionstream.evaluation.report import Section
from motionstream.tracks import Tracks

Distance = Callable[[np.ndarray, np.ndarray], float]
"""distance(frames, reference), both uint8 [t, h, w, 3]: how different they look, such as LPIPS."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LongClip:
    """A clip of a minute or more whose motion is known.

    Attributes:
        name: For the report.
        frames: RGB video frames.
        tracks: What the model is told: points over the whole time, new ones where the old ones are lost.
        prompt: What the clip shows.
    """

    name: str
    frames: UInt8[np.ndarray, "t h w 3"]
    tracks: Tracks
    prompt: str


@dataclass(frozen=True, kw_only=True)
class BlockScore:
    """Some consecutive frames of a stream, against the true ones.

    Attributes:
        psnr_db: Generated frames.
        ssim: Generated frames.
        distance: Generated frames, by the given distance; NaN without one.
        still_psnr_db: Frame 0 repeated.
    """

    psnr_db: float
    ssim: float
    distance: float
    still_psnr_db: float


@dataclass(frozen=True, kw_only=True)
class DriftScore:
    """One stream.

    Attributes:
        name: Of the clip.
        block_frames: Video frames of a block.
        blocks: One after the other.
    """

    name: str
    block_frames: int
    blocks: tuple[BlockScore, ...]

    @property
    def loss_db(self) -> float:
        """How much PSNR the last block lacks against the first."""
        return self.blocks[0].psnr_db - self.blocks[-1].psnr_db

    @property
    def last_gain_db(self) -> float:
        """How much closer to the true clip the last block is than frame 0 repeated."""
        return self.blocks[-1].psnr_db - self.blocks[-1].still_psnr_db

    def slope(self, name: str) -> float:
        """Slope of a figure of `BlockScore` over the blocks (least squares), per 1,000 video frames."""
        values = [getattr(block, name) for block in self.blocks]
        if not np.isfinite(values).all():
            return float("nan")
        time = np.arange(len(values)) * self.block_frames / 1000
        return float(((time - time.mean()) * values).sum() / np.square(time - time.mean()).sum())


@dataclass(frozen=True, kw_only=True)
class DriftResult:
    """All streams.

    Attributes:
        scores: One per clip.
        allowed_loss_db: Largest mean loss of PSNR from the first block to the last.
    """

    scores: tuple[DriftScore, ...]
    allowed_loss_db: float

    def block(self, index: int, name: str) -> Interval:
        """Mean over the clips of a figure of one block."""
        return bootstrap_interval([getattr(score.blocks[index], name) for score in self.scores])

    def slope(self, name: str) -> Interval:
        """Mean slope over the clips, per 1,000 video frames; the interval is that over clips."""
        return bootstrap_interval([score.slope(name) for score in self.scores])

    @property
    def passed(self) -> bool:
        """Whether little is lost and the last block is still closer to the true clip than a still picture."""
        loss = bootstrap_interval([score.loss_db for score in self.scores]).mean
        gain = bootstrap_interval([score.last_gain_db for score in self.scores]).mean
        return loss <= self.allowed_loss_db and gain > 0

    def section(self) -> Section:
        """The result for a report."""
        names = ("psnr_db", "ssim", "distance", "still_psnr_db")
        frames = max((len(score.blocks) * score.block_frames for score in self.scores), default=0)
        return Section(
            title="Drift of long streams",
            passed=self.passed,
            verdict=f"{self.block(0, 'psnr_db').mean:.2f} dB in the first block, "
            f"{self.block(-1, 'psnr_db').mean:.2f} dB in the last of {frames} frames over {len(self.scores)} clips "
            f"(wanted at most {self.allowed_loss_db:g} dB less, and more than the "
            f"{self.block(-1, 'still_psnr_db').mean:.2f} dB of frame 0 repeated); slope {self.slope('psnr_db')} dB and "
            f"{self.slope('distance')} in distance a thousand frames",
            summary={
                **{f"first_{name}": self.block(0, name) for name in names},
                **{f"last_{name}": self.block(-1, name) for name in names},
                **{f"slope_{name}": self.slope(name) for name in names[:-1]},
                "blocks": [score.blocks for score in self.scores],
            },
            columns=(
                *("clip", "first dB", "last dB", "still dB", "dB/1000"),
                *("first ssim", "last ssim", "first distance", "last distance"),
            ),
            rows=tuple(_row(score) for score in self.scores),
        )


def check_drift(
    generate: Generate,
    clips: Iterable[LongClip],
    *,
    distance: Distance | None = None,
    block_frames: int = 100,
    allowed_loss_db: float = 1.0,
    seed: int = 0,
) -> DriftResult:
    """Stream every clip from its first frame and compare block by block; what is over after the last block is left out.

    Args:
        generate: The model.
        clips: Of at least two blocks; each is let go before the next is taken. Blocks compare best if all of them show
            the same, as in a clip that repeats itself once a block.
        distance: How different two videos look.
        block_frames: Video frames of a block.
        allowed_loss_db: Mean loss of PSNR from the first block to the last to ask for at most.
        seed: The model gets seed + index.

    Raises:
        InputError: A clip is shorter than two blocks.
    """
    scores = tuple(_score(generate, clip, distance, block_frames, seed + index) for index, clip in enumerate(clips))
    return DriftResult(scores=scores, allowed_loss_db=allowed_loss_db)


def _score(generate: Generate, clip: LongClip, distance: Distance | None, block_frames: int, seed: int) -> DriftScore:
    num_blocks = len(clip.frames) // block_frames
    if num_blocks < 2:
        raise InputError(
            f"Drift of {clip.name}: wanted at least two blocks of {block_frames} frames, got {len(clip.frames)}. "
            "Give a longer clip or make the blocks shorter."
        )
    frames = generated(generate, clip.frames[0], clip.tracks, clip.prompt, seed)
    starts = [max(1, index * block_frames) for index in range(num_blocks)]  # frame 0 is given
    blocks = []
    for index, start in enumerate(starts):
        part = slice(start, (index + 1) * block_frames)
        blocks.append(_block(frames[part], clip.frames[part], clip.frames[0], distance))
    return DriftScore(name=clip.name, block_frames=block_frames, blocks=tuple(blocks))


def _block(
    frames: UInt8[np.ndarray, "t h w 3"],
    true_frames: UInt8[np.ndarray, "t h w 3"],
    image: UInt8[np.ndarray, "h w 3"],
    distance: Distance | None,
) -> BlockScore:
    return BlockScore(
        psnr_db=psnr(frames, true_frames),
        ssim=ssim(frames, true_frames),
        distance=float("nan") if distance is None else float(distance(frames, true_frames)),
        still_psnr_db=psnr(np.broadcast_to(image, true_frames.shape), true_frames),
    )


def _row(score: DriftScore) -> tuple[object, ...]:
    first, last = score.blocks[0], score.blocks[-1]
    return (
        *(score.name, first.psnr_db, last.psnr_db, last.still_psnr_db, score.slope("psnr_db")),
        *(first.ssim, last.ssim, first.distance, last.distance),
    )
