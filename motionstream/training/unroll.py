"""Rolling a student out on its own past, by the code that streams it: `streaming.sampler` on `models.kv_cache`.

The cache holds the student's own earlier chunks, and what its tracks carry comes from its own pictures. As in
Self-Forcing (Huang et al. 2025, algorithm 1) an exit step is drawn for every chunk, gradients flow through that step
alone, and what goes into the cache is detached.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.kv_cache import KVCache
from motionstream.models.track_condition import Newest
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState, VideoVAE
from motionstream.streaming.sampler import DenoisingSteps, denoise_chunk, write_chunk
from motionstream.training import distributed
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_batch
from motionstream.training.networks import Networks


@dataclass(frozen=True)
class RolledChunk:
    """One chunk of a rollout.

    Attributes:
        latents: what the student made at its exit step, with its gradient.
        video: the same as video frames, where they were asked for or the tracks carry parts of them.
    """

    latents: Float[Tensor, "b c f h w"]
    video: Float[Tensor, "b t 3 y x"] | None


def unroll(
    student: Networks,
    batch: ClipBatch,
    stream: StreamConfig,
    vae: VideoVAE,
    generator: torch.Generator,
    *,
    through_pixels: bool = False,
) -> Iterator[RolledChunk]:
    """Yields the chunks of clips that a student streams from their first pictures, prompts and tracks.

    Of the batch's latents and pictures only the first are used; the others say how long the clips are.

    Args:
        student: Its networks.
        batch: What is told.
        stream: Chunks, memory and timesteps.
        vae: Makes the pictures that the tracks carry.
        generator: Of the noise and the exit steps.
        through_pixels: Whether the video is wanted, with its gradient.
    """
    steps = DenoisingSteps.of(student.transformer, stream.timesteps)
    context = student.transformer.prompt_context(batch.prompt_embeds)
    cache, past = new_cache(student, batch, stream), _Past.of(batch)
    num_chunks = batch.latents.shape[2] // stream.chunk_frames
    for chunk in range(num_chunks):
        start, length = stream.first_video_frame(chunk), stream.video_frames_in_chunk(chunk)
        told = [tracks.slice(start, start + length) for tracks in batch.tracks]
        head = student.track_head
        motion, image, memories = condition_batch(told, past.memories, past.newest, head.config, vae, first=chunk == 0)
        condition = torch.cat([image, head(motion)], dim=1)
        # all processes agree: each evaluation of a sharded network is one that all of them make
        exit_step = int(distributed.agreed(torch.randint(len(steps.times), (), generator=generator)))
        first = batch.latents[:, :, 0] if chunk == 0 else None
        made = denoise_chunk(
            student.transformer, condition, steps.first(exit_step + 1), context, cache, generator, first
        )
        video, decoder = None, None
        if through_pixels or head.config.copy == "picture":
            with torch.set_grad_enabled(through_pixels and torch.is_grad_enabled()):
                video, decoder = decoded(vae, made, past.decoder)
        yield RolledChunk(made, video)
        if chunk + 1 < num_chunks:
            write_chunk(student.transformer, made.detach(), condition, steps, context, cache)
            past = past.after(made.detach(), None if video is None else video[:, -1].detach(), memories, decoder)


def new_cache(student: Networks, batch: ClipBatch, stream: StreamConfig) -> KVCache:
    """Returns an empty cache that fits a batch, in bfloat16 under autocast as the keys are made."""
    height, width = batch.latents.shape[-2:]
    return student.transformer.new_cache(
        height,
        width,
        sink_frames=stream.sink_frames,
        window_frames=stream.window_frames,
        chunk_frames=stream.chunk_frames,
        batch=len(batch.latents),
        dtype=torch.bfloat16 if torch.is_autocast_enabled(batch.latents.device.type) else None,
    )


def decoded(vae: VideoVAE, latents: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
    """Decodes the next latent frames in float32, also under autocast."""
    with torch.autocast(latents.device.type, enabled=False):
        return vae.decode_chunk(latents.float(), state)


@dataclass(frozen=True)
class _Past:
    """What the student has made so far, as the next chunk's conditioning needs it."""

    memories: list[TrackMemory]
    newest: list[Newest]
    decoder: StreamState | None = None

    @classmethod
    def of(cls, batch: ClipBatch) -> Self:
        pictures = zip(batch.pictures[:, 0], batch.latents[:, :, 0], strict=True)
        nothing = TrackMemory.empty(batch.latents.device)
        return cls([nothing] * len(batch.latents), [Newest(frame, latent) for frame, latent in pictures])

    def after(
        self, made: Tensor, frames: Tensor | None, memories: list[TrackMemory], decoder: StreamState | None
    ) -> "_Past":
        latents = made[:, :, -1]
        if frames is None:  # no track carries pictures: the canvas is not looked at
            newest = [replace(n, latent=latent.clone()) for n, latent in zip(self.newest, latents, strict=True)]
        else:
            newest = [n.renewed(*shown) for n, *shown in zip(self.newest, frames, latents, strict=True)]
        return _Past(memories, newest, decoder)
