"""StreamEngine: a loaded model that opens sessions, and streams what a provider asks for."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from motionstream.config import StreamConfig
from motionstream.errors import CheckpointError, InputError
from motionstream.models.checkpoint import Checkpoint, load_checkpoint
from motionstream.models.vae.tiny import TinyVAE
from motionstream.providers import StreamInfo, TrajectoryProvider, Window
from motionstream.streaming.compilation import compile_networks
from motionstream.streaming.device import choose_device, choose_dtype
from motionstream.streaming.image import Fit, fit_image
from motionstream.streaming.model import StreamModel
from motionstream.streaming.provider_calls import read_tracks, start_provider
from motionstream.streaming.session import SessionState, StreamSession, VideoChunk

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)


class StreamEngine:
    """Weights, ready to stream; the sessions that it opens share them.

    Args:
        checkpoint: The networks; `load` finds and loads them.
        compile: Whether to compile them: slow first chunks, faster ones afterwards.
    """

    def __init__(self, checkpoint: Checkpoint, *, compile: bool = False) -> None:
        self.checkpoint = checkpoint
        self.compiled = compile
        if isinstance(checkpoint.vae, TinyVAE):
            checkpoint.vae.use_channels_last()
        self._model = StreamModel.of(checkpoint)
        if compile:
            compile_networks(checkpoint)

    @classmethod
    def load(
        cls,
        path_or_hub_id: str | PathLike[str] | None = None,
        *,
        device: torch.device | str = "auto",
        dtype: torch.dtype | str = "auto",
        compile: bool = False,
    ) -> Self:
        """Load a checkpoint.

        Args:
            path_or_hub_id: A folder, or `owner/name` on the hub; None is the embedded checkpoint.
            device: "auto" (a CUDA device where there is one), "cpu", "cuda:1" or another that torch knows.
            dtype: "auto" (bfloat16 where the hardware computes in it), "bfloat16" or "float32".
            compile: See the class.

        Raises:
            CheckpointError: The checkpoint is missing, damaged, or cannot be streamed.
            InputError: There is no such device or number type, or no compiler.
        """
        chosen = choose_device(device)
        source = embedded_checkpoint() if path_or_hub_id is None else path_or_hub_id
        return cls(load_checkpoint(source, chosen, choose_dtype(dtype, chosen)), compile=compile)

    @property
    def config(self) -> StreamConfig:
        """Size, frame rate and memory of the streams."""
        return self.checkpoint.stream

    def open_session(
        self,
        image: str | Path | bytes | Image | np.ndarray,
        prompt: str = "",
        seed: int = 0,
        *,
        fit: Fit = "crop",
        timesteps: tuple[float, ...] | None = None,
        sink_frames: int | None = None,
        window_frames: int | None = None,
    ) -> StreamSession:
        """Begin a video from a picture.

        Args:
            image: A path, an image file's bytes, a Pillow image, or uint8 [h, w, 3]; of any size.
            prompt: What the video shows.
            seed: The same seed and input give the same frames.
            fit: How the picture is brought to the stream's size; `StreamSession.picture` says what was done.
            timesteps: Denoising timesteps of this session; None are the checkpoint's.
            sink_frames: Latent frames of this session's attention sink; None are the checkpoint's.
            window_frames: Latent frames of its window; None are the checkpoint's.

        Raises:
            InputError: The picture cannot be used, the prompt or the seed is none, or the timesteps or the memory are.
            CheckpointError: The text encoder's weights cannot be loaded.
        """
        if not isinstance(prompt, str):
            raise InputError(f"Prompt: wanted text, got {type(prompt).__name__}.")
        picture = fit_image(image, height=self.config.height, width=self.config.width, fit=fit)
        model = self._model.varied(timesteps=timesteps, sink_frames=sink_frames, window_frames=window_frames)
        return StreamSession(model, seed, SessionState.start(model, picture, prompt, seed))

    def stream(
        self,
        provider: TrajectoryProvider,
        image: str | Path | bytes | Image | np.ndarray,
        prompt: str = "",
        seed: int = 0,
        num_frames: int | None = None,
        *,
        fit: Fit = "crop",
    ) -> Generator[VideoChunk, None, None]:
        """Make a video that moves as a provider says; see `open_session` for the other arguments.

        The session opens at once, so that a bad picture is known at once. Closing the iterator, its end and any error
        close the provider.

        Args:
            provider: Where the motion comes from. It may steer the stream for as long as it runs.
            num_frames: Video frames after which it ends, the last chunk cut to fit; None is without end.

        Raises:
            InputError: The picture cannot be used, or `num_frames` is less than 1.
            ProviderError: While iterating: the provider failed, or gave tracks of another length.
        """
        if num_frames is not None and num_frames < 1:
            raise InputError(f"Number of video frames: wanted at least 1, got {num_frames}.")
        return self.stream_session(self.open_session(image, prompt, seed, fit=fit), provider, num_frames)

    def stream_session(
        self, session: StreamSession, provider: TrajectoryProvider, num_frames: int | None = None
    ) -> Generator[VideoChunk, None, None]:
        """Like `stream`, for a new session that the caller has opened."""
        try:
            start_provider(provider, self._info(session))
            while num_frames is None or self.config.first_video_frame(session.num_chunks) < num_frames:
                tracks = read_tracks(provider, Window.of_chunk(self.config, session.num_chunks))
                yield _cut(session.step(tracks), num_frames)
        finally:
            provider.close()

    def _info(self, session: StreamSession) -> StreamInfo:
        return StreamInfo(
            width=self.config.width,
            height=self.config.height,
            fps=self.config.fps,
            image=session.picture.pixels,
            seed=session.seed,
            prompt=session.prompt,
        )


def embedded_checkpoint() -> Path:
    """The folder of the checkpoint that comes with the source.

    Raises:
        CheckpointError: It is not there.
    """
    folder = Path(__file__).resolve().parents[2] / "checkpoints" / "tiny"
    if not folder.is_dir():
        raise CheckpointError(
            f"The embedded checkpoint was not found at {folder}. Run from a clone of the repository, or name a "
            "checkpoint folder or hub id."
        )
    return folder


def _cut(chunk: VideoChunk, num_frames: int | None) -> VideoChunk:
    left = len(chunk.frames) if num_frames is None else num_frames - chunk.start_frame
    if left >= len(chunk.frames):
        return chunk
    return replace(chunk, frames=chunk.frames[:left], tracks=chunk.tracks.slice(0, left))
