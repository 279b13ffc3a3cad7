"""Tracks of a chunk -> the channels that the transformer reads behind the noisy latents."""

from __future__ import annotations

import logging

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import CheckpointError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_head import TrackHeadConfig
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState
from motionstream.tracks import Tracks

logger = logging.getLogger(__name__)

_LATENT_COPY = TrackHeadConfig(id_channels=4, copy="latents")
"""For image-to-video models without a head: only the copied latents reach them (Wan-Move)."""


class Conditioner:
    """What a model can be told of motion, decided once from its input channels.

    A model with a track head reads the image condition and the encoded motion map. An image-to-video model without one
    is told of motion by latents copied along the tracks. A text-to-video model is told nothing.

    Raises:
        CheckpointError: The model reads channels or image tokens that nothing here can make.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._head, self._vae, self._dtype = checkpoint.track_head, checkpoint.vae, checkpoint.dtype
        self._config = _LATENT_COPY if self._head is None else self._head.config
        config = checkpoint.transformer.config
        self.num_channels = config.total_in_channels - config.out_channels
        """Channels behind the noisy latents."""
        if config.image_dim is not None:
            raise CheckpointError(
                f"{checkpoint.path}: the transformer reads the tokens of an image encoder (image_dim "
                f"{config.image_dim}), which a checkpoint here does not hold. Use a model without them."
            )
        wanted = _LATENT_COPY.condition_channels(checkpoint.vae.latent_channels)
        if self._head is None and self.num_channels not in (0, wanted):
            raise CheckpointError(
                f"{checkpoint.path}: without a track head wanted 0 or {wanted} input channels behind the latents, "
                f"got {self.num_channels}. Use a text-to-video or an image-to-video model, or add its track head."
            )
        if self.num_channels == 0:
            logger.warning("This model has neither a track head nor an image condition: tracks change nothing.")

    def encode(
        self, tracks: Tracks, memory: TrackMemory, newest: Newest, *, first: bool
    ) -> tuple[Float[Tensor, "1 m f h w"], TrackMemory]:
        """Encode the tracks of one chunk, once for all its denoising steps.

        Args:
            tracks: The chunk's video frames.
            memory: What the chunks before left.
            newest: The newest picture, in float32.
            first: Whether this is the stream's first chunk.

        Returns:
            The condition in the model's number type, and the memory for the next chunk.
        """
        condition, memory = condition_chunk(tracks, memory, newest, self._config, self._encode, first=first)
        image = condition.image[None].to(self._dtype)
        if self._head is None:
            return image[:, : self.num_channels], memory
        return torch.cat([image, self._head(condition.motion[None].to(self._dtype))], dim=1), memory

    def _encode(self, video: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
        latents, state = self._vae.encode_chunk(video.to(self._dtype), state)
        return latents.float(), state
