"""Stage `tiny_vae`: the small video autoencoder, trained from nothing on procedural clips.

Beside reconstruction it learns two things the student lives on: latents that bear a little noise, and latents that
move like the picture: shifting them by a part of a cell and decoding gives the shifted picture (the idea of
EQ-VAE, Kouzelis et al. 2025, here for sub-cell translations). Latent features copied along a track stay meaningful
then wherever the track goes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.tiny_blocks import MemBlock
from motionstream.training.clip_source import ProceduralClips
from motionstream.training.crops import CropDataset, CropSettings
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.picture_stage import PictureStage
from motionstream.training.picture_training import Attempt, PictureSettings, Try

DEEP_CONFIG = TinyVAEConfig.embedded(encoder_channels=48, decoder_channels=(128, 64, 48, 32))


@dataclass(frozen=True, kw_only=True)
class TinyVAESettings(CropSettings):
    """The shape of a batch, and what is asked of the latents.

    Attributes:
        latent_noise: Noise on the latents that are decoded, as a part of their standard deviation.
        latent_weight: Of the latents' mean square, so that they stay small.
        shift_share: Of the batches, in which latents and picture are shifted by a part of a cell.
    """

    latent_noise: float = 0.1
    latent_weight: float = 1e-3
    shift_share: float = 0.4


def deep_stage(settings: TinyVAESettings, seed: int) -> PictureStage:
    """Returns the stage of the deep autoencoder, without a discriminator unless its weight is set.

    Trained for minutes, this network still has blurs to undo that regression sees, and the discriminator has not
    learnt enough to help: over 120 steps of 8 crops a weight of 0.1 changed nothing on held-out crops, and one of 0.4
    cost more than 2 dB.
    """
    return PictureStage(
        config=DEEP_CONFIG,
        start=lambda vae: start_weights(vae, start_video(settings, seed)),
        attempt=rebuilt(settings),
        crops=settings,
        pictures=PictureSettings(),
        loop=LoopSettings(steps=1600, learning_rate=6e-4, ema_decay=0.99),
    )


@torch.no_grad()
def start_weights(vae: TinyVAE, video: Tensor) -> None:
    """Starts the shortcut at the principal components of `video` (`b t 3 h w`) and the deep stacks beside it at zero.

    Without a working linear part the stacks first learn to say nothing, then brightness, then slowly colour.
    """
    assert vae.shortcut is not None
    assert vae.encoder is not None
    assert vae.decoder is not None
    blocks = vae.shortcut.fold(video).permute(0, 2, 3, 1).flatten(0, 2)
    vae.shortcut.start_at_components(blocks)
    for stack in (vae.encoder, vae.decoder):
        start_stack(stack)
        last_weight(stack).zero_()


@torch.no_grad()
def start_stack(stack: nn.Sequential) -> None:
    """Draws a stack's weights so that activations neither grow nor fade on their way through it."""
    for module in stack.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in stack:
        if isinstance(module, MemBlock):
            last_weight(module.conv).mul_(0.1)


def last_weight(stack: nn.Sequential) -> Tensor:
    """Returns the weight of the convolution that a stack ends with."""
    last = list(stack)[-1]
    assert isinstance(last, nn.Conv2d)
    return last.weight


def shift(x: Tensor, cells: Tensor) -> Tensor:
    """Moves pictures or latents by a part of a latent cell, repeating the border.

    Args:
        x: `b t c h w`.
        cells: `b 2`, the movement (x, y) in fractions of the width and height.
    """
    b, t, c, h, w = x.shape
    theta = torch.eye(2, 3, device=x.device).repeat(b, 1, 1)
    theta[:, :, 2] = -2 * cells.to(x.device)
    grid = F.affine_grid(theta, [b, 1, h, w], align_corners=False).repeat_interleave(t, 0)
    moved = F.grid_sample(x.flatten(0, 1).float(), grid, padding_mode="border", align_corners=False)
    return moved.view(b, t, c, h, w)


def rebuilt(settings: TinyVAESettings) -> Try:
    """Returns what makes crops, uint8 `b t 3 h w`, anew from their own latents."""

    def attempt(model: nn.Module, frames: Tensor, generator: torch.Generator) -> Attempt:
        assert isinstance(model, TinyVAE)
        video = frames.to(model.latents_mean.device).float() / 255
        latents = model.encode_raw(video).float()
        spread = latents.std().detach()
        moved, wanted = _maybe_shifted(latents, video, settings.shift_share, generator)
        noise = torch.randn(latents.shape, generator=generator).to(latents.device) * settings.latent_noise * spread
        return Attempt(
            made=model.decode_raw(moved + noise),
            wanted=wanted,
            real=video,  # what is shifted by a part of a cell is blurred a little
            rest=settings.latent_weight * latents.square().mean(),
            numbers={"latent_std": spread},
        )

    return attempt


def _maybe_shifted(latents: Tensor, video: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shifts both by the same part of a cell, each sample its own way, in a share of the batches."""
    if torch.rand((), generator=generator) >= share:
        return latents, video
    cells = (torch.rand(len(video), 2, generator=generator) - 0.5) / torch.tensor(latents.shape[:-3:-1])
    return shift(latents.transpose(1, 2), cells).transpose(1, 2), shift(video, cells)


def start_video(settings: TinyVAESettings, seed: int, num_batches: int = 24) -> Tensor:
    """Returns frames `b t 3 h w` that the linear part is fitted to: whole latent frames, no start of a clip."""
    dataset = CropDataset(settings, 10_000_000 * (seed + 1) + 5_000_000, range(num_batches))
    video = torch.cat([dataset[i] for i in range(num_batches)])
    return video[:, 1:].float() / 255


def averaged_vae(run: Run) -> TinyVAE:
    """Returns a run's autoencoder with the averaged weights, on the CPU."""
    assert isinstance(run.model, TinyVAE)
    vae = TinyVAE(run.model.config)
    averaged = {**run.model.state_dict(), **run.trainee.average}  # it is small: every process holds it whole
    vae.load_state_dict({name: tensor.cpu() for name, tensor in averaged.items()})
    return vae.eval()


@torch.no_grad()
def measure_latents(vae: TinyVAE, seeds: range, num_frames: int, side: int = 128) -> tuple[tuple[float, ...], float]:
    """Returns the latents' mean by channel and one common standard deviation, over procedural clips."""
    clips, latents = ProceduralClips(num_frames=num_frames, side=side), []
    for seed in seeds:
        frames = torch.from_numpy(clips(seed))
        latents.append(vae.encode_raw(frames.permute(0, 3, 1, 2)[None].float() / 255).transpose(0, 1).flatten(1))
    values = torch.cat(latents, dim=1)
    return tuple(values.mean(1).tolist()), float((values - values.mean(1, keepdim=True)).std())
