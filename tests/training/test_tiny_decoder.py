"""The small autoencoder for a published one's latents, on random weights of a small `AutoencoderKLWan`."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from motionstream.models.components import load_vae
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.wan import WanVAE
from motionstream.training.frozen_vae import save_frozen
from motionstream.training.picture_stage import PictureStage, train_pictures
from motionstream.training.tiny_decoder import decoder_stage, decoding_grid, inverted, public_layout, start_decoder
from motionstream.training.tiny_vae import averaged_vae

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


def full_vae(z_dim: int = 4, *, second_generation: bool = False) -> WanVAE:
    torch.manual_seed(0)
    extra = {"is_residual": True, "patch_size": 2, "in_channels": 12, "out_channels": 12} if second_generation else {}
    vae = AutoencoderKLWan(
        base_dim=8,
        z_dim=z_dim,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1] * z_dim,
        latents_std=[0.5] * z_dim,
        **extra,
    )
    return WanVAE(vae.eval()).requires_grad_(False)


def small(config: TinyVAEConfig) -> TinyVAEConfig:
    return replace(config, encoder_channels=8, decoder_channels=(16, 8, 8, 8), blocks_per_stage=1)


@pytest.fixture
def full() -> WanVAE:
    return full_vae()


@pytest.fixture
def stage(full: WanVAE) -> PictureStage:
    whole = decoder_stage(full)
    return replace(
        whole,
        config=small(whole.config),
        crops=replace(whole.crops, batch=2, crop=32, num_frames=5, side=32),
        pictures=replace(whole.pictures, discriminator_start=2, discriminator_lead=1, discriminator_width=4),
        loop=replace(whole.loop, steps=4, warmup_steps=1, log_every=1, ema_decay=0.5),
    )


def test_the_layout_is_the_public_one_of_the_model() -> None:
    assert public_layout(full_vae(16)) == TinyVAEConfig.taew2_1()
    assert public_layout(full_vae(48, second_generation=True)) == TinyVAEConfig.taew2_2()


def test_the_recipe_s_numbers_are_the_paper_s(full: WanVAE) -> None:
    stage = decoder_stage(full)
    assert (stage.loop.learning_rate, stage.crops.batch, stage.crops.crop, stage.crops.num_frames) == (
        3e-4,
        16,
        144,
        21,
    )
    assert stage.pictures.is_adversarial
    decoder = TinyVAE(TinyVAEConfig.taew2_1()).decoder
    assert decoder is not None
    assert round(sum(p.numel() for p in decoder.parameters()) / 1e6, 2) == 9.84


def test_the_decoder_gets_the_full_autoencoder_s_latents_and_is_to_make_the_pixels(full: WanVAE) -> None:
    frames = torch.randint(0, 256, (2, 5, 3, 32, 32), dtype=torch.uint8)
    vae = TinyVAE(small(public_layout(full)))
    tried = inverted(full)(vae, frames, torch.Generator())
    video = frames / 255
    torch.testing.assert_close(tried.wanted, video)
    torch.testing.assert_close(tried.made, vae.decode_raw(full.encode(video)))
    torch.testing.assert_close(tried.rest, (vae.encode_raw(video) - full.encode(video)).abs().mean())


def test_neither_stack_learns_from_the_other_s_errors(full: WanVAE) -> None:
    frames = torch.randint(0, 256, (2, 5, 3, 32, 32), dtype=torch.uint8)
    vae = TinyVAE(small(public_layout(full)))
    assert vae.encoder is not None
    assert vae.decoder is not None
    for name, blind in (("made", vae.encoder), ("rest", vae.decoder)):
        vae.zero_grad(set_to_none=True)
        getattr(inverted(full)(vae, frames, torch.Generator()), name).mean().backward()
        assert all(parameter.grad is None for parameter in blind.parameters())


@pytest.mark.parametrize("layout", [TinyVAEConfig.taew2_1(), TinyVAEConfig.taew2_2()], ids=["wan 2.1", "wan 2.2"])
def test_a_new_decoder_starts_grey_and_neither_silent_nor_loud(layout: TinyVAEConfig) -> None:
    torch.manual_seed(0)
    vae = TinyVAE(layout)
    start_decoder(vae)
    with torch.no_grad():
        made = vae.decode_raw(torch.randn(1, layout.latent_channels, 2, 4, 4))
    assert float(made.mean()) == pytest.approx(0.5, abs=0.15)
    assert 0.01 < float(made.std()) < 0.5


def test_training_makes_a_decoder_that_finds_pictures_in_the_latents(full: WanVAE, stage: PictureStage) -> None:
    torch.manual_seed(0)
    vae = TinyVAE(stage.config)
    start_decoder(vae)
    frames = torch.randint(0, 256, (8, 1, 3, 1, 1), dtype=torch.uint8).expand(-1, 5, -1, 16, 16)
    optimizer, errors = torch.optim.AdamW(vae.parameters(), lr=3e-3), []
    for _ in range(40):
        tried = inverted(full)(vae, frames, torch.Generator())
        error = (tried.made - tried.wanted).square().mean()
        optimizer.zero_grad()
        (error + tried.rest).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        errors.append((error.item(), tried.rest.item()))
    assert errors[-1][0] < 0.65 * errors[0][0]
    assert errors[-1][1] < 0.65 * errors[0][1]


def test_the_result_stands_in_for_the_full_autoencoder(full: WanVAE, stage: PictureStage, tmp_path: Path) -> None:
    run = train_pictures(tmp_path, stage)
    made = load_vae(save_frozen(averaged_vae(run), tmp_path))
    assert isinstance(made, TinyVAE)
    assert (made.latent_channels, made.spatial_stride, made.temporal_stride) == (4, 8, 4)
    video = torch.rand(1, 5, 3, 16, 24)
    latents = full.encode(video)
    assert made.encode(video).shape == latents.shape
    assert made.decode(latents).shape == video.shape
    head = (tmp_path / "curve.csv").read_text().splitlines()[0].split(",")
    assert {"psnr", "feature", "encoder", "verdict", "discriminator_loss", "discriminator_real"} <= set(head)


def test_a_run_that_is_resumed_goes_on_as_if_it_had_not_stopped(stage: PictureStage, tmp_path: Path) -> None:
    """Its rates do not depend on the end, so that it can be extended."""
    loop = replace(stage.loop, cooldown_share=0.0)
    whole = train_pictures(tmp_path / "whole", replace(stage, loop=loop))
    for steps in (3, 4):
        parts = train_pictures(tmp_path / "parts", replace(stage, loop=replace(loop, steps=steps)))
    for name, tensor in whole.averaged_state().items():
        assert torch.equal(parts.averaged_state()[name], tensor), name


def test_previews_show_the_clip_and_both_decoders_below_it(full: WanVAE, stage: PictureStage) -> None:
    vae = TinyVAE(stage.config).eval()
    grid = decoding_grid(full, vae, stage.crops)
    assert grid.shape == (3 * 3 * 32, 5 * 32, 3)
    rows = [Tensor(row.astype("float32")) for row in grid.reshape(9, 32, 5 * 32, 3)]
    assert len({float(row.mean()) for row in rows}) == 9
