"""Stage `rollout`: the student learns to live on its own output, by the very code that streams it.

Every chunk is denoised by `streaming.sampler` on the rolling cache of `models.kv_cache`, which holds the student's own
earlier chunks. As in Self-Forcing an exit step is drawn per chunk, gradients flow through that step alone, and what
goes into the cache is detached. The target is the true clip (tracks and picture leave little freedom), so the loss is
a plain regression of the clean latents; matching distributions instead is the distillation stage's task.
"""

import torch
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.kv_cache import KVCache
from motionstream.streaming.sampler import DenoisingSteps, denoise_chunk, write_chunk
from motionstream.training.loop import Loss
from motionstream.training.student import Student, StudentBatch


def new_cache(student: Student, batch: StudentBatch, stream: StreamConfig) -> KVCache:
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


def rollout_loss(stream: StreamConfig) -> Loss:
    """Returns the loss of a batch: squared error of the clean latents at each chunk's exit step."""

    def loss(model: nn.Module, batch: StudentBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Student)
        steps = DenoisingSteps.of(model.transformer, stream.timesteps)
        context = model.transformer.prompt_context(batch.prompt_embeds)
        condition = torch.cat([batch.image, model.track_head(batch.motion)], dim=1)
        cache = new_cache(model, batch, stream)
        errors = []
        for start in range(0, batch.latents.shape[2], stream.chunk_frames):
            chunk = slice(start, start + stream.chunk_frames)
            exit_step = int(torch.randint(len(steps.times), (), generator=generator))
            first = batch.latents[:, :, 0] if start == 0 else None
            made = denoise_chunk(
                model.transformer, condition[:, :, chunk], steps.first(exit_step + 1), context, cache, generator, first
            )
            errors.append((made - batch.latents[:, :, chunk]).square()[:, :, int(start == 0) :].mean())
            write_chunk(model.transformer, made.detach(), condition[:, :, chunk], steps, context, cache)
        parts = {f"chunk_{i}": float(error.detach()) for i, error in enumerate(errors)}
        return torch.stack(errors).mean(), parts

    return loss
