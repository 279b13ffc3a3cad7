"""Stage `tiny_vae` of a published model: a small autoencoder for the latents of the full one.

The decoder, in the layout of the public TAEHV, learns to invert the full autoencoder: given its latents of a crop, it
is to make the crop's own pixels. The pixels rather than what the full decoder makes of the latents: that would cost
the most expensive pass of all in every step, would hand down the full decoder's errors, and would give the
discriminator reconstructions for real pictures. What the latents do not hold cannot be known, though, and regression
answers with a blur; that is what the perceptual and the adversarial term are for.

The paper trains the decoder alone. Here the small encoder learns beside it, by regression, to say the full encoder's
latents, so that the result is a whole autoencoder that stands in for the full one in a checkpoint's `vae/`. The two
share no weights and no gradient.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from motionstream.models.vae.protocol import VideoVAE
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.wan import WanVAE
from motionstream.streaming.model import to_uint8
from motionstream.training.crops import CropSettings
from motionstream.training.loop import LoopSettings
from motionstream.training.picture_stage import PictureStage
from motionstream.training.picture_training import Attempt, PictureSettings, Try
from motionstream.training.previews import PREVIEW_SEEDS
from motionstream.training.tiny_vae import last_weight, start_stack

_GREY = 0.5
_NUM_SHOWN = 5


def decoder_stage(full: WanVAE) -> PictureStage:
    """Returns the stage for a full autoencoder: rate, batch and crops are the paper's, which gives no number of steps.

    Args:
        full: Frozen, on the device.
    """
    loop = LoopSettings(steps=100_000, learning_rate=3e-4, ema_decay=0.999, warmup_steps=500, cooldown_share=0.1)
    return PictureStage(
        config=public_layout(full),
        start=start_decoder,
        attempt=inverted(full),
        crops=CropSettings(batch=16, crop=144, num_frames=21, side=256),
        pictures=PictureSettings(
            adversarial_weight=0.1, discriminator_start=5_000, discriminator_lead=500, discriminator_width=64
        ),
        loop=loop,
    )


def public_layout(full: VideoVAE) -> TinyVAEConfig:
    """Returns the public layout for a full autoencoder's latents: `taew2_1` for Wan 2.1, `taew2_2` for Wan 2.2 5B.

    It speaks the latents as diffusion has them, normalised by the full autoencoder's statistics.
    """
    return TinyVAEConfig(latent_channels=full.latent_channels, patch_size=full.spatial_stride // 8)


@torch.no_grad()
def start_decoder(vae: TinyVAE) -> None:
    """Draws the weights of both stacks; the decoder's first pictures are grey."""
    assert vae.encoder is not None
    assert vae.decoder is not None
    for stack in (vae.encoder, vae.decoder):
        start_stack(stack)
        last_weight(stack).mul_(0.1)
    last = list(vae.decoder)[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    last.bias.fill_(_GREY)


def inverted(full: VideoVAE) -> Try:
    """Returns what makes crops, uint8 `b t 3 h w`, anew from the full autoencoder's latents of them."""

    def attempt(model: nn.Module, frames: Tensor, generator: torch.Generator) -> Attempt:
        assert isinstance(model, TinyVAE)
        video = frames.to(model.latents_mean.device).float() / 255
        with torch.no_grad():
            latents = full.encode(video).float()
        made = model.decode_raw(latents)
        encoder_error = F.l1_loss(model.encode_raw(video).float(), latents)
        numbers = {"encoder": encoder_error}
        return Attempt(made=made, wanted=video, real=video, rest=encoder_error, numbers=numbers)

    return attempt


def decoding_grid(full: WanVAE, vae: TinyVAE, crops: CropSettings) -> UInt8[np.ndarray, "h w 3"]:
    """Shows procedural clips, what the full decoder and what the small one makes of their latents."""
    rows = []
    for seed in PREVIEW_SEEDS:
        frames = crops.procedural(seed)
        video = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 255
        with torch.inference_mode():
            latents = full.encode(video.to(full.latents_mean.device))
            made = [decoder.decode(latents)[0].cpu() for decoder in (full, vae.to(latents.device))]
        for shown in (frames, *(to_uint8(video).numpy() for video in made)):
            rows.append(np.concatenate(shown[np.linspace(0, len(shown) - 1, _NUM_SHOWN).round().astype(int)], axis=1))
    return np.concatenate(rows, axis=0)
