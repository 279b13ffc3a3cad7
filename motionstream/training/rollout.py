"""Stage `rollout`: the student learns to live on its own output by regression, before it is distilled.

The target is the true clip (tracks and picture leave little freedom), so the loss is a plain error; where there is
freedom it teaches a mean, and matching distributions instead is the distillation's task.
"""

import torch
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.vae.protocol import StreamState, VideoVAE
from motionstream.training.batch import ClipBatch
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss
from motionstream.training.networks import Networks
from motionstream.training.pixel_loss import reconstruction_loss
from motionstream.training.unroll import decoded, unroll

GRADIENT_WEIGHT = 0.5
"""Of the error of the pixels' differences, beside the error of the pixels."""

LATENT_WEIGHT = 0.1
"""Of the squared error of the latents, which hold what the pixels' absolute error does not hear."""


def rollout_loss(stream: StreamConfig, vae: VideoVAE) -> Loss:
    """Returns the loss of a batch: the error of each chunk's frames, and of its latents, at its exit step.

    The error of the pixels is absolute, not squared: where it is not known whether a place moves, its median shows one
    of the two and its mean both.
    """

    def loss(model: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        assert isinstance(model, Networks)
        errors: list[Tensor] = []
        decoder: StreamState | None = None
        for index, chunk in enumerate(unroll(model, batch, stream, vae, generator, through_pixels=True)):
            wanted = batch.latents[:, :, index * stream.chunk_frames :][:, :, : stream.chunk_frames]
            truth, decoder = decoded(vae, wanted, decoder)
            assert chunk.video is not None
            given = int(index == 0)  # the first frame, and the first latent frame
            error = reconstruction_loss(chunk.video[:, given:], truth[:, given:], GRADIENT_WEIGHT)
            errors.append(error + LATENT_WEIGHT * (chunk.latents - wanted).square()[:, :, given:].mean())
        parts: dict[str, Tensor | float] = {f"chunk_{i}": error.detach() for i, error in enumerate(errors)}
        return torch.stack(errors).mean(), parts

    return loss
