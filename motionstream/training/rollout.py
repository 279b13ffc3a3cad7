"""Stage `rollout`: the student learns to live on its own output, by the very code that streams it.

Every chunk is denoised by `streaming.sampler` on the rolling cache of `models.kv_cache`, which holds the student's own
earlier chunks; what its tracks carry comes from its own pictures. As in Self-Forcing an exit step is drawn per chunk,
gradients flow through that step alone, and what goes into the cache is detached. The target is the true clip (tracks
and picture leave little freedom), so the loss is a plain regression; matching distributions instead is the
distillation stage's task.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.kv_cache import KVCache
from motionstream.models.track_condition import Newest
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState, VideoVAE
from motionstream.streaming.sampler import DenoisingSteps, denoise_chunk, write_chunk
from motionstream.training import distributed
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_batch
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss
from motionstream.training.networks import Networks
from motionstream.training.pixel_loss import reconstruction_loss

GRADIENT_WEIGHT = 0.5
"""Of the error of the pixels' differences, beside the error of the pixels."""

LATENT_WEIGHT = 0.1
"""Of the squared error of the latents, which hold what the pixels' absolute error does not hear."""


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


def rollout_loss(stream: StreamConfig, vae: VideoVAE) -> Loss:
    """Returns the loss of a batch: the error of each chunk's frames, and of its latents, at its exit step.

    The error of the pixels is absolute, not squared: where it is not known whether a place moves, its median shows one
    of the two and its mean both.
    """

    def loss(model: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        assert isinstance(model, Networks)
        steps = DenoisingSteps.of(model.transformer, stream.timesteps)
        context = model.transformer.prompt_context(batch.prompt_embeds)
        cache, past, true_decoder = new_cache(model, batch, stream), _Past.of(batch), None
        errors: list[Tensor] = []
        num_chunks = batch.latents.shape[2] // stream.chunk_frames
        for chunk in range(num_chunks):
            start, length = stream.first_video_frame(chunk), stream.video_frames_in_chunk(chunk)
            told = [tracks.slice(start, start + length) for tracks in batch.tracks]
            motion, image, memories = condition_batch(
                told, past.memories, past.newest, model.track_head.config, vae, first=chunk == 0
            )
            condition = torch.cat([image, model.track_head(motion)], dim=1)
            exit_step = int(distributed.agreed(torch.randint(len(steps.times), (), generator=generator)))
            first = batch.latents[:, :, 0] if chunk == 0 else None
            made = denoise_chunk(
                model.transformer, condition, steps.first(exit_step + 1), context, cache, generator, first
            )
            wanted = batch.latents[:, :, chunk * stream.chunk_frames :][:, :, : stream.chunk_frames]
            video, decoder = _decoded(vae, made, past.decoder)
            truth, true_decoder = _decoded(vae, wanted, true_decoder)
            given = int(chunk == 0)  # the first frame, and the first latent frame
            error = reconstruction_loss(video[:, given:], truth[:, given:], GRADIENT_WEIGHT)
            errors.append(error + LATENT_WEIGHT * (made - wanted).square()[:, :, given:].mean())
            if chunk + 1 < num_chunks:
                write_chunk(model.transformer, made.detach(), condition, steps, context, cache)
                past = past.after(made.detach(), video[:, -1].detach(), memories, decoder)
        parts: dict[str, Tensor | float] = {f"chunk_{i}": error.detach() for i, error in enumerate(errors)}
        return torch.stack(errors).mean(), parts

    return loss


def _decoded(vae: VideoVAE, latents: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
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

    def after(self, made: Tensor, frames: Tensor, memories: list[TrackMemory], decoder: StreamState) -> "_Past":
        shown = zip(self.newest, frames, made[:, :, -1], strict=True)
        return _Past(memories, [newest.renewed(frame, latent) for newest, frame, latent in shown], decoder)
