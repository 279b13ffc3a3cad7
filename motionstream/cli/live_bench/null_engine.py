"""NullEngine: in place of a model where the server is measured; its chunks are there at once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import UInt8

from motionstream.cli.live_bench.marker import draw_marker
from motionstream.config import StreamConfig
from motionstream.models.checkpoint import Checkpoint
from motionstream.streaming.image import Fit, FittedImage, fit_image
from motionstream.streaming.profiling import StageTimes
from motionstream.streaming.session import SessionState, StreamSession, VideoChunk
from motionstream.tracks import Tracks

_PAN_PX = 2
_BOX = 16  # part of the picture's width: 1 / 16
_BOX_COLOUR = (255, 80, 0)


@dataclass(frozen=True)
class _NullCheckpoint:
    """What a server says of a model: a name, a device, a number type."""

    path: Path = Path("null")
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.uint8


@dataclass(frozen=True)
class _NullState:
    num_chunks: int
    picture: FittedImage
    prompt: str


class NullEngine:
    """Opens sessions without a network: the picture pans, a box lies where the points are, a marker holds the time.

    Attributes:
        config: Of the streams.

    Args:
        config: Size and frame rate.
        compute_seconds: How long a chunk shall take, as on a GPU: the processor is idle.
    """

    def __init__(self, config: StreamConfig, compute_seconds: float = 0.0) -> None:
        self.config = config
        self._compute_seconds = compute_seconds

    @property
    def checkpoint(self) -> Checkpoint:
        """What a server says of its model."""
        return cast(Checkpoint, _NullCheckpoint())

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
        """Begin a video from a picture; the model's settings change nothing."""
        picture = fit_image(image, height=self.config.height, width=self.config.width, fit=fit)
        return NullSession(self.config, _NullState(0, picture, prompt), seed, self._compute_seconds)


class NullSession(StreamSession):
    """A stream of `NullEngine`."""

    def __init__(self, config: StreamConfig, state: _NullState, seed: int, compute_seconds: float) -> None:
        self.seed = seed  # the parent is not initialised: it wants a model
        self._config, self._null, self._compute_seconds = config, state, compute_seconds

    @property
    def config(self) -> StreamConfig:
        """Of the stream."""
        return self._config

    @property
    def num_chunks(self) -> int:
        """Chunks made so far."""
        return self._null.num_chunks

    @property
    def picture(self) -> FittedImage:
        """The picture that pans."""
        return self._null.picture

    @property
    def prompt(self) -> str:
        """The prompt, which changes nothing."""
        return self._null.prompt

    @property
    def num_bytes(self) -> int:
        """Memory of a snapshot."""
        return int(self.picture.pixels.nbytes)

    def step(self, tracks: Tracks) -> VideoChunk:
        """Draw the next chunk."""
        begun, index = time.perf_counter(), self.num_chunks
        start = self._config.first_video_frame(index)
        frames = np.stack([self._frame(start + row, tracks, row) for row in range(tracks.num_frames)])
        time.sleep(self._compute_seconds)
        for frame in frames:
            draw_marker(frame, 1000 * time.monotonic())
        self._null = replace(self._null, num_chunks=index + 1)
        took = 1000 * (time.perf_counter() - begun)
        times = StageTimes(tracks_ms=0.0, denoise_ms=took, decode_ms=0.0, cache_write_ms=0.0, frames_ms=took)
        return VideoChunk(index=index, start_frame=start, frames=frames, tracks=tracks, timings=times)

    def settle(self) -> None:
        """Nothing is left to do."""

    def set_prompt(self, prompt: str) -> None:
        """Note the prompt."""
        self._null = replace(self._null, prompt=prompt)

    def cut(  # type: ignore[override]  # from what a server gives: pixels
        self, image: UInt8[np.ndarray, "h w 3"], prompt: str | None = None, *, fit: Fit = "crop"
    ) -> None:
        """Pan another picture."""
        picture = fit_image(image, height=self._config.height, width=self._config.width, fit=fit)
        self._null = replace(self._null, picture=picture, prompt=self.prompt if prompt is None else prompt)

    def snapshot(self) -> SessionState:
        """The present state."""
        return cast(SessionState, self._null)

    def restore(self, state: SessionState) -> None:
        """Go back to a snapshot."""
        self._null = cast(_NullState, state)

    def fork(self) -> StreamSession:
        """A second session that goes on from here."""
        return NullSession(self._config, self._null, self.seed, self._compute_seconds)

    def _frame(self, number: int, tracks: Tracks, row: int) -> UInt8[np.ndarray, "h w 3"]:
        pixels = self.picture.pixels
        height, width = pixels.shape[:2]
        shift = _PAN_PX * number % width
        frame = np.concatenate([pixels[:, shift:], pixels[:, :shift]], axis=1)
        if tracks.num_points:
            x, y = tracks.xy[row].mean(axis=0) * (width, height)
            half = max(1, width // _BOX // 2)
            top, left = max(0, round(y) - half), max(0, round(x) - half)
            frame[top : max(0, round(y) + half), left : max(0, round(x) + half)] = _BOX_COLOUR
        return frame
