"""The autoencoder without a training: principal components of blocks of pixels of procedural clips."""

import torch

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training.tiny_vae import TinyVAESettings, start_video

MAX_BLOCKS = 40_000


def fit_linear_vae(
    seed: int = 0, *, latent_channels: int = 96, num_batches: int = 128, equalise: float = 0.5
) -> TinyVAE:
    """Fits the linear autoencoder to blocks of 4 video frames of 8x8 pixels.

    Args:
        seed: Chooses the clips, and the blocks that are kept of them.
        latent_channels: Components that are kept.
        num_batches: Batches of crops that the blocks are taken from.
        equalise: How far the components' spreads are made alike, see `PatchShortcut.start_at_components`.
    """
    vae = TinyVAE(TinyVAEConfig.linear(latent_channels))
    assert vae.shortcut is not None
    blocks = vae.shortcut.fold(start_video(TinyVAESettings(), seed, num_batches)).permute(0, 2, 3, 1).flatten(0, 2)
    kept = torch.randperm(len(blocks), generator=torch.Generator().manual_seed(seed))[:MAX_BLOCKS]
    vae.shortcut.start_at_components(blocks[kept], equalise)
    return vae.eval()
