"""StreamModel: everything of a model that all its sessions share and none of them changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from motionstream.models.checkpoint import Checkpoint
from motionstream.models.kv_cache import KVCache
from motionstream.models.wan.transformer import PromptContext
from motionstream.streaming.conditioning import Conditioner
from motionstream.streaming.sampler import DenoisingSteps


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamModel:
    """A checkpoint, ready to stream.

    Attributes:
        checkpoint: The networks.
        conditioner: Tracks -> input channels.
        steps: The denoising steps with their modulation.
    """

    checkpoint: Checkpoint
    conditioner: Conditioner
    steps: DenoisingSteps

    @classmethod
    @torch.inference_mode()
    def of(cls, checkpoint: Checkpoint) -> Self:
        """Prepare what does not change between chunks.

        Raises:
            CheckpointError: The model cannot be streamed from a picture and tracks.
        """
        return cls(
            checkpoint=checkpoint,
            conditioner=Conditioner(checkpoint),
            steps=DenoisingSteps.of(checkpoint.transformer, checkpoint.stream.timesteps),
        )

    @torch.inference_mode()
    def varied(
        self, *, timesteps: tuple[float, ...] | None, sink_frames: int | None, window_frames: int | None
    ) -> StreamModel:
        """The same weights with other timesteps or another memory; what is None stays.

        Raises:
            InputError: The timesteps do not fall within (0, 1000], or a number of frames is below 0.
        """
        before = self.checkpoint.stream
        stream = replace(
            before,
            timesteps=before.timesteps if timesteps is None else timesteps,
            sink_frames=before.sink_frames if sink_frames is None else sink_frames,
            window_frames=before.window_frames if window_frames is None else window_frames,
        )
        if stream == before:
            return self
        steps = self.steps
        if stream.timesteps != before.timesteps:
            steps = DenoisingSteps.of(self.checkpoint.transformer, stream.timesteps)
        return replace(self, checkpoint=replace(self.checkpoint, stream=stream), steps=steps)

    def new_cache(self) -> KVCache:
        """The empty memory of a stream."""
        stream, stride = self.checkpoint.stream, self.checkpoint.vae.spatial_stride
        return self.checkpoint.transformer.new_cache(
            stream.height // stride,
            stream.width // stride,
            sink_frames=stream.sink_frames,
            window_frames=stream.window_frames,
            chunk_frames=stream.chunk_frames,
        )

    def encode_prompt(self, prompt: str) -> PromptContext:
        """The prompt's keys and values in every layer."""
        return self.checkpoint.transformer.prompt_context(self.checkpoint.text_encoder.encode(prompt))

    def frame(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "3 h w"]:
        """A picture with values in [0, 1], in float32, on the networks' device."""
        return torch.from_numpy(pixels).to(self.checkpoint.device).permute(2, 0, 1) / 255

    def encode_frame(self, frame: Float[Tensor, "3 h w"]) -> Float[Tensor, "c h2 w2"]:
        """The clean latent frame of the picture that a stream starts from, in float32."""
        return self.checkpoint.vae.encode(frame[None, None].to(self.checkpoint.dtype))[0, :, 0].float()


def to_uint8(video: Float[Tensor, "t 3 h w"]) -> UInt8[Tensor, "t h w 3"]:
    """Frames with values in [0, 1], rounded to bytes; channels come last, as every picture format has them."""
    # In float32, because bfloat16 cannot hold a byte and a half: 200.5 would be rounded twice.
    scaled = torch.add(video.float() * 255, 0.5)
    return scaled.permute(0, 2, 3, 1).to(torch.uint8, memory_format=torch.contiguous_format)
