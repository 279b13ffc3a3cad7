"""Stage `teacher`: a bidirectional video model that is told a prompt, a first picture and tracks (paper, section 3.1).

Rectified flow on whole clips. The prompt and the motion are each left out for a tenth of the clips, so that both
guidances mean something. In the paper's second stage the track head is frozen and whole runs of frames of the motion
are masked: the model learns to find its way between the parts of a motion that it is told.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.vae.protocol import VideoVAE
from motionstream.streaming.guidance import predict_clean
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_clips
from motionstream.training.flow import add_noise, latent_error, shifted_times, velocity_error
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss
from motionstream.training.networks import Networks

MASKED = 0.2
"""Share of the runs that the paper's second stage masks."""


@dataclass(frozen=True, kw_only=True)
class TeacherSettings:
    """How noise is drawn, and what of the motion is masked.

    Attributes:
        shift: Timestep shift.
        least_time: From which time down all errors weigh the same, see `velocity_error`.
        mask_share: Of the runs of the motion, that are masked (paper, stage 2: 0.2; stage 1: 0).
        mask_frames: Latent frames of a run; 2 are 8 video frames.
    """

    shift: float = 6.0
    least_time: float = 0.25
    mask_share: float = 0.0
    mask_frames: int = 2


def freeze_head(networks: Networks) -> Networks:
    """Keeps the track head as it is (paper, stage 2)."""
    networks.track_head.requires_grad_(False)
    return networks


def teacher_loss(settings: TeacherSettings, vae: VideoVAE, weights: Float[Tensor, "c"] | None = None) -> Loss:
    """Returns the flow-matching error of a batch, with weights of the latents' channels."""

    def loss(model: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        assert isinstance(model, Networks)
        clean = batch.latents
        motion, image = condition_clips(clean, batch.pictures, batch.tracks, model.track_head.config, vae)
        known = told_frames(len(clean), clean.shape[2], settings, generator).to(clean.device)
        condition = torch.cat([image * known, model.track_head(motion * known)], dim=1)
        times = shifted_times(len(clean), settings.shift, generator)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        noisy = add_noise(clean, noise, times)
        predicted = predict_clean(model.transformer, noisy, times, condition, batch.prompt_embeds)
        return velocity_error(predicted, clean, times, settings.least_time, weights), _parts(predicted, clean, weights)

    return loss


def told_frames(
    num_clips: int, num_frames: int, settings: TeacherSettings, generator: torch.Generator
) -> Float[Tensor, "b 1 f 1 1"]:
    """Draws which latent frames of each clip are told of the motion (1) and which are masked (0); frame 0 is told."""
    if not settings.mask_share:
        return torch.ones(num_clips, 1, num_frames, 1, 1)
    runs = -(-(num_frames - 1) // settings.mask_frames)
    told = torch.rand(num_clips, runs, generator=generator) >= settings.mask_share
    frames = told.repeat_interleave(settings.mask_frames, dim=1)[:, : num_frames - 1]
    return torch.cat([torch.ones(num_clips, 1), frames.float()], dim=1)[:, None, :, None, None]


@torch.no_grad()
def _parts(predicted: Tensor, clean: Tensor, weights: Tensor | None) -> Numbers:
    """The error of the clean latents, whatever the time."""
    return {"clean_error": latent_error(predicted, clean, weights).mean()}
