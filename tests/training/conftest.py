"""The real networks at a tiny size, and clips for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from motionstream.config import StreamConfig
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.wan import WanConfig, WanTransformer
from motionstream.tracks import Tracks
from motionstream.training.base import Base
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.presets import PRESETS, Preset

LATENT_CHANNELS = 4
TEXT_DIM = 64


@pytest.fixture
def small_vae() -> TinyVAE:
    torch.manual_seed(0)
    config = TinyVAEConfig.embedded(encoder_channels=8, decoder_channels=(8, 8, 8, 8), blocks_per_stage=1)
    return TinyVAE(replace(config, latent_channels=LATENT_CHANNELS)).eval()


@pytest.fixture
def stream() -> StreamConfig:
    return StreamConfig(height=32, width=48)


@pytest.fixture
def preset(stream: StreamConfig) -> Preset:
    """The embedded default's recipe with tiny networks."""
    head = TrackHeadConfig(
        id_channels=8, identity="origin", hidden_channel=True, copy="picture", width=16, out_channels=8
    )
    config = WanConfig(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=32,
        ffn_dim=64,
        num_layers=2,
        condition_channels=head.condition_channels(LATENT_CHANNELS),
        track_channels=head.out_channels,
        prediction="sample",
        gated_condition=True,
    )
    return replace(PRESETS["tiny"], transformer=config, track_head=head, stream=stream)


@pytest.fixture
def student(preset: Preset) -> Networks:
    torch.manual_seed(0)
    return Networks(WanTransformer(preset.transformer), TrackHead(preset.track_head))


@pytest.fixture
def base(preset: Preset, small_vae: TinyVAE) -> Base:
    return Base(small_vae, TextEncoder.create_tiny(), preset)


@pytest.fixture
def clips() -> list[LatentClip]:
    """Three clips of 33 video frames: latents of 4x6 cells, 100 points on three things."""
    made = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        xy = rng.random((1, 100, 2)) + np.cumsum(rng.normal(0, 0.01, (33, 100, 2)), axis=0)
        tracks = Tracks(ids=np.arange(100), xy=xy, visible=np.ones((33, 100), bool))
        latents = torch.from_numpy(rng.normal(size=(LATENT_CHANNELS, 9, 4, 6))).float()
        pictures = torch.from_numpy(rng.random((3, 3, 32, 48))).float()
        prompt = torch.from_numpy(rng.normal(size=(5, TEXT_DIM))).float()
        made.append(
            LatentClip(
                latents=latents,
                pictures=pictures,
                tracks=tracks,
                layer=rng.integers(0, 3, 100),
                prompt_embeds=prompt,
                caption=f"clip {seed}",
            )
        )
    return made
