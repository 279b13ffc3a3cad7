"""Retracker: what finds the motion in a finished video, under the name that reports call it by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from motionstream.streaming.retracking import Retracked, TrackerConfig, retrack


class Retracker(Protocol):
    """Follows points through frames."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def follow(self, frames: UInt8[np.ndarray, "t h w 3"], points_px: Float[np.ndarray, "n 2"]) -> Retracked:
        """Follow points of frame 0, given in pixels; of a single frame, say which can be followed at all."""
        ...


@dataclass(frozen=True, kw_only=True)
class LucasKanade:
    """Pyramidal Lucas-Kanade, checked forwards and backwards.

    Attributes:
        config: How points are followed; the default is made for frames of about 128 pixels.
    """

    config: TrackerConfig = field(default_factory=TrackerConfig)

    @property
    def name(self) -> str:
        """What reports call it."""
        return "lucas-kanade"

    def follow(self, frames: UInt8[np.ndarray, "t h w 3"], points_px: Float[np.ndarray, "n 2"]) -> Retracked:
        """Follow points of frame 0, given in pixels."""
        return retrack(frames, points_px, self.config)
