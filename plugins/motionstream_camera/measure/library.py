"""What the measurements take from the library: taken by name, as the library takes its plugins.

The provider itself sees tracks, providers and errors alone. To measure it, its tracks are held against a tracker's and
its pictures are made by a model and compared; those parts are named here and nowhere else.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from motionstream.providers import TrajectoryProvider

_FOLLOWING = {"enlargement": 1, "window_px": 15, "levels": 3}  # the tracker's own defaults are for 128 pixels


class Followed(Protocol):
    """Where points went, and where they were really found."""

    @property
    def positions_px(self) -> Float32[np.ndarray, "t n 2"]:
        """Continuous pixel positions."""

    @property
    def valid(self) -> Bool[np.ndarray, "t n"]:
        """Found, going there and back."""


class Distance(Protocol):
    """How alike or how far two videos are."""

    def __call__(self, frames: UInt8[np.ndarray, "t h w 3"], reference: UInt8[np.ndarray, "t h w 3"]) -> float:
        """One number for the two."""


def follow(frames: UInt8[np.ndarray, "t h w 3"], points_px: Float[np.ndarray, "n 2"]) -> Followed:
    """Points of frame 0 followed by Lucas-Kanade, checked forwards and backwards and against frame 0."""
    config = _taken("motionstream.streaming.retracking:TrackerConfig")(**_FOLLOWING)
    followed: Followed = _taken("motionstream.evaluation.retracker:LucasKanade")(config=config).follow(
        frames, points_px
    )
    return followed


def distances() -> dict[str, Distance]:
    """The measures of pictures by the name of their column."""
    metrics = "motionstream.evaluation.metrics"
    return {
        "psnr_db": _taken(f"{metrics}:psnr"),
        "ssim": _taken(f"{metrics}:ssim"),
        "perceptual": _taken("motionstream.evaluation.perceptual:perceptual_distance"),
    }


class Student:
    """A loaded model that streams what a provider asks for.

    Args:
        checkpoint: A folder or hub id; None is the embedded one.
        device: "auto", "cpu", "cuda" or another that torch knows.
    """

    def __init__(self, checkpoint: Path | None = None, device: str = "auto") -> None:
        self._engine: Any = _taken("motionstream.streaming.engine:StreamEngine").load(checkpoint, device=device)

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


def _taken(target: str) -> Any:
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)
