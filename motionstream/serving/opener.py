"""Opener: what the server needs of an engine. `StreamEngine` has it; so has a null engine that only measures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from motionstream.config import StreamConfig
from motionstream.models.checkpoint import Checkpoint
from motionstream.streaming.image import Fit
from motionstream.streaming.session import StreamSession


class Opener(Protocol):
    """Opens sessions that share one model; all calls come from one thread."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The model, for what is said of it in logs."""

    @property
    def config(self) -> StreamConfig:
        """Size, frame rate and memory of the streams."""

    def open_session(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        prompt: str = "",
        seed: int = 0,
        *,
        fit: Fit = "crop",
        timesteps: tuple[float, ...] | None = None,
        sink_frames: int | None = None,
        window_frames: int | None = None,
    ) -> StreamSession:
        """Begin a video from a picture of the stream's size."""
