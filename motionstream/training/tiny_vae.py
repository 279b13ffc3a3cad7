"""Stage `tiny_vae`: the small video autoencoder, trained from nothing on procedural clips.

Beside reconstruction it learns two things the student lives on: latents that bear a little noise, and latents that
move like the picture: shifting them by a part of a cell and decoding gives the shifted picture (the idea of
EQ-VAE, Kouzelis et al. 2025, here for sub-cell translations). Latent features copied along a track stay meaningful
then wherever the track goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.tiny_blocks import MemBlock
from motionstream.training.loop import PRINTING, STATE_FILE, LoopSettings, Loss, Run, Watch
from motionstream.training.pixel_loss import reconstruction_loss
from motionstream.training.presets import StageSettings
from motionstream.training.world import make_clip

DEEP_CONFIG = TinyVAEConfig.embedded(encoder_channels=48, decoder_channels=(128, 64, 48, 32))


@dataclass(frozen=True, kw_only=True)
class TinyVAESettings:
    """Weights of the loss and the shape of a batch.

    Attributes:
        batch: Crops of a batch.
        crops_per_clip: Of them from one clip.
        crop: Pixels along one side of a crop.
        num_frames: Video frames of a crop, 1 + 4k.
        gradient_weight: Of the error of the pixels' differences, beside the error of the pixels.
        latent_noise: Noise on the latents that are decoded, as a part of their standard deviation.
        latent_weight: Of the latents' mean square, so that they stay small.
        shift_share: Of the batches, in which latents and picture are shifted by a part of a cell.
    """

    batch: int = 8
    crops_per_clip: int = 2
    crop: int = 64
    num_frames: int = 9
    gradient_weight: float = 0.5
    latent_noise: float = 0.1
    latent_weight: float = 1e-3
    shift_share: float = 0.4


SETTINGS = StageSettings(loop=LoopSettings(steps=1600, learning_rate=6e-4, ema_decay=0.99), batch=8)
"""Of the deep autoencoder's training."""


class CropDataset(Dataset[Tensor]):
    """Crops of procedural clips, one item a batch, addressed by the training step: resuming needs only the step."""

    def __init__(self, settings: TinyVAESettings, first_seed: int, steps: range) -> None:
        self.settings = settings
        self.first_seed = first_seed
        self.steps = steps

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Tensor:
        """Returns uint8 frames [b t 3 h w]."""
        step, s = self.steps[index], self.settings
        clips = s.batch // s.crops_per_clip
        rng = np.random.default_rng((self.first_seed, step))
        crops = []
        for i in range(clips):
            frames = make_clip(self.first_seed + step * clips + i, num_frames=s.num_frames).frames
            for _ in range(s.crops_per_clip):
                y, x = (int(rng.integers(0, n - s.crop + 1)) for n in frames.shape[1:3])
                crops.append(frames[:, y : y + s.crop, x : x + s.crop])
        return torch.from_numpy(np.stack(crops)).permute(0, 1, 4, 2, 3).contiguous()


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
    for module in vae.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in (*vae.encoder, *vae.decoder):
        if isinstance(module, MemBlock):
            _last_weight(module.conv).mul_(0.1)
    for stack in (vae.encoder, vae.decoder):
        _last_weight(stack).zero_()


def _last_weight(stack: nn.Sequential) -> Tensor:
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


def tiny_vae_loss(settings: TinyVAESettings) -> Loss:
    """Returns the loss of a batch of uint8 frames `b t 3 h w`."""

    def loss(model: nn.Module, frames: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, TinyVAE)
        video = frames.to(model.latents_mean.device).float() / 255
        latents = model.encode_raw(video).float()
        spread = latents.std().detach()
        moved, wanted = _maybe_shifted(latents, video, settings.shift_share, generator)
        noise = torch.randn(latents.shape, generator=generator).to(latents.device) * settings.latent_noise * spread
        made = model.decode_raw(moved + noise)
        value = reconstruction_loss(made, wanted, settings.gradient_weight)
        value = value + settings.latent_weight * latents.square().mean()
        return value, {"psnr": _psnr(made, wanted), "latent_std": float(spread)}

    return loss


def _maybe_shifted(latents: Tensor, video: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shifts both by the same part of a cell, each sample its own way, in a share of the batches."""
    if torch.rand((), generator=generator) >= share:
        return latents, video
    cells = (torch.rand(len(video), 2, generator=generator) - 0.5) / torch.tensor(latents.shape[:-3:-1])
    return shift(latents.transpose(1, 2), cells).transpose(1, 2), shift(video, cells)


@torch.no_grad()
def _psnr(made: Tensor, wanted: Tensor) -> float:
    return float(-10 * torch.log10((made.float().clamp(0, 1) - wanted).square().mean()))


def batches(settings: TinyVAESettings, first_seed: int, steps: range) -> Iterator[Tensor]:
    """Streams batches for the given steps, made in one process beside the training."""
    dataset = CropDataset(settings, first_seed, steps)
    return iter(DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=4))


def start_video(settings: TinyVAESettings, seed: int, num_batches: int = 24) -> Tensor:
    """Returns frames `b t 3 h w` that the linear part is fitted to: whole latent frames, no start of a clip."""
    dataset = CropDataset(settings, 10_000_000 * (seed + 1) + 5_000_000, range(num_batches))
    video = torch.cat([dataset[i] for i in range(num_batches)])
    return video[:, 1:].float() / 255


def averaged_vae(run: Run) -> TinyVAE:
    """Returns a run's autoencoder with the averaged weights, on the CPU."""
    assert isinstance(run.model, TinyVAE)
    vae = TinyVAE(run.model.config)
    vae.load_state_dict({name: tensor.cpu() for name, tensor in run.averaged_state().items()})
    return vae.eval()


@torch.no_grad()
def measure_latents(vae: TinyVAE, seeds: range, num_frames: int) -> tuple[tuple[float, ...], float]:
    """Returns the latents' mean by channel and one common standard deviation, over procedural clips."""
    latents = []
    for seed in seeds:
        frames = torch.from_numpy(make_clip(seed, num_frames=num_frames).frames)
        latents.append(vae.encode_raw(frames.permute(0, 3, 1, 2)[None].float() / 255).transpose(0, 1).flatten(1))
    values = torch.cat(latents, dim=1)
    return tuple(values.mean(1).tolist()), float((values - values.mean(1, keepdim=True)).std())


def train_tiny_vae(
    folder: Path,
    settings: TinyVAESettings,
    loop: LoopSettings,
    seed: int = 0,
    *,
    device: torch.device | str = "cpu",
    watch: Watch = PRINTING,
) -> Run:
    """Trains the deep autoencoder in `folder`, resuming what lies there."""
    torch.manual_seed(seed)
    vae = TinyVAE(DEEP_CONFIG)
    if not (folder / STATE_FILE).exists():
        start_weights(vae, start_video(settings, seed))
    run = Run(vae.use_channels_last().to(device), loop, folder, seed)
    run.resume()
    first_seed = 10_000_000 * (seed + 1)
    run.fit(
        batches(settings, first_seed, range(run.num_batches, loop.steps * loop.accumulate)),
        tiny_vae_loss(settings),
        watch,
    )
    return run
