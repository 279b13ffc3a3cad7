"""The real networks at a tiny size with random weights, as a checkpoint on disk; made once for all tests."""

from pathlib import Path

import pytest


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
