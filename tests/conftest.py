"""For all tests: a checkpoint of the real networks at a tiny size, and frames with exactly known motion."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

NUM_WAVES = 24


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder: 32x32 pixels, 16 fps, three timesteps, all conditioning switched on."""
    import torch

    from motionstream.config import StreamConfig
    from motionstream.models.checkpoint_writer import save_checkpoint
    from motionstream.models.text_encoder import TextEncoder
    from motionstream.models.track_head import TrackHead, TrackHeadConfig
    from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
    from motionstream.models.wan import WanConfig, WanTransformer

    head = TrackHeadConfig(
        id_channels=8, identity="origin", hidden_channel=True, copy="picture", width=16, out_channels=8
    )
    config = WanConfig(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        text_dim=64,
        freq_dim=32,
        ffn_dim=64,
        num_layers=2,
        condition_channels=head.condition_channels(4),
        track_channels=head.out_channels,
        prediction="sample",
        gated_condition=True,
    )
    vae = TinyVAEConfig(
        latent_channels=4,
        patch_size=2,
        encoder_channels=8,
        decoder_channels=(8, 8, 8, 8),
        encoder_space_down=(True, True, False),
        decoder_space_up=(True, False, True),
        blocks_per_stage=1,
    )
    torch.manual_seed(0)
    return save_checkpoint(
        tmp_path_factory.mktemp("checkpoint") / "tiny",
        transformer=WanTransformer(config),
        track_head=TrackHead(head),
        vae=TinyVAE(vae),
        text_encoder=TextEncoder.create_tiny(),
        stream=StreamConfig(height=32, width=32),
        shift=6.0,
    )


def texture(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """A smooth random pattern at the real positions y x x (a sum of plane waves); float [len(y), len(x), 3]."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 0.45, (NUM_WAVES, 2))
    phases = np.exp(2j * np.pi * rng.uniform(size=(3, 1, NUM_WAVES)))
    along_x, along_y = np.exp(1j * waves[:, :1] * x), np.exp(1j * y[:, None] * waves[:, 1])
    return 0.5 + 0.07 * ((phases * along_y) @ along_x).imag.transpose(1, 2, 0)


def _patch_over_background(
    path_px: np.ndarray, start_px: tuple[float, float], *, side: int = 128, half: float = 14, camera: float = 0.0
) -> np.ndarray:
    """A textured square moved by `path_px` [t, 2] from its start; the background moves by `camera` px a frame.

    Returns uint8 [t, side, side, 3]; pixel centres lie at half-integers.
    """
    centres = np.arange(side) + 0.5
    frames = []
    for index, (dx, dy) in enumerate(path_px):
        x, y = centres - start_px[0] - dx, centres - start_px[1] - dy
        cover_x, cover_y = np.clip(half + 0.5 - np.abs(x), 0, 1), np.clip(half + 0.5 - np.abs(y), 0, 1)
        cover = (cover_y[:, None] * cover_x)[..., None]
        picture = cover * texture(x, y, 1) + (1 - cover) * texture(centres - camera * index, centres, 2)
        frames.append(np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8))
    return np.stack(frames)


def _grid(centre: tuple[float, float], half: float, spacing: float) -> np.ndarray:
    """Points [n, 2] of a square grid around a centre."""
    offsets = np.arange(-half, half + 1e-6, spacing)
    x, y = np.meshgrid(centre[0] + offsets, centre[1] + offsets)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


@pytest.fixture
def patch_over_background() -> Callable[..., np.ndarray]:
    """Frames of a textured square that moves before a textured background."""
    return _patch_over_background


@pytest.fixture
def grid() -> Callable[..., np.ndarray]:
    """Points of a square grid."""
    return _grid
