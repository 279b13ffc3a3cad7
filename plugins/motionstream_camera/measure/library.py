"""What the measurements take from the library beyond what a plugin sees, here and nowhere else.

The provider itself sees tracks, providers and errors alone. To measure it, its tracks are held against a tracker's and
its pictures are made by a model and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from motionstream.evaluation.metrics import psnr, ssim
from motionstream.evaluation.perceptual import perceptual_distance
from motionstream.evaluation.retracker import LucasKanade
from motionstream.providers import TrajectoryProvider
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.retracking import Retracked, TrackerConfig

_FOLLOWING = TrackerConfig(enlargement=1, window_px=15, levels=3)  # the tracker's own defaults are for 128 pixels


class Distance(Protocol):
    """How alike or how far two videos are."""

    def __call__(self, frames: UInt8[np.ndarray, "t h w 3"], reference: UInt8[np.ndarray, "t h w 3"]) -> float:
        """One number for the two."""


def follow(frames: UInt8[np.ndarray, "t h w 3"], points_px: Float[np.ndarray, "n 2"]) -> Retracked:
    """Points of frame 0 followed by Lucas-Kanade, checked forwards and backwards and against frame 0."""
    return LucasKanade(config=_FOLLOWING).follow(frames, points_px)


def distances() -> dict[str, Distance]:
    """The measures of pictures by the name of their column."""
    return {"psnr_db": psnr, "ssim": ssim, "perceptual": perceptual_distance}


class Student:
    """A loaded model that streams what a provider asks for.

    Args:
        checkpoint: A folder or hub id; None is the embedded one.
        device: "auto", "cpu", "cuda" or another that torch knows.
    """

    def __init__(self, checkpoint: Path | None = None, device: str = "auto") -> None:
        self._engine = StreamEngine.load(checkpoint, device=device)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its video."""
        return self._engine.config.width, self._engine.config.height

    def frames(
        self, provider: TrajectoryProvider, image: UInt8[np.ndarray, "h w 3"], num_frames: int, seed: int = 0
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """The video that begins with a picture and moves as the provider says."""
        return np.concatenate(list(self._chunks(provider, image, num_frames, seed)))

    def _chunks(
        self, provider: TrajectoryProvider, image: UInt8[np.ndarray, "h w 3"], num_frames: int, seed: int
    ) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
        with closing(self._engine.stream(provider, image, "", seed, num_frames)) as chunks:
            for chunk in chunks:
                yield chunk.frames
