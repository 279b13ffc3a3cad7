"""The whole recipe on a published model's layout, with small random weights: Wan's autoencoder, no track head."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan

from motionstream.cli import main
from motionstream.config import StreamConfig
from motionstream.errors import CheckpointError
from motionstream.models.checkpoint import load_checkpoint
from motionstream.models.checkpoint_writer import save_checkpoint
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.wan import WanVAE
from motionstream.models.wan import WanConfig, WanTransformer
from motionstream.streaming.clip_generator import ClipGenerator
from motionstream.streaming.engine import StreamEngine
from motionstream.tracks import Tracks
from motionstream.training import encoding, presets
from motionstream.training.base import BaseSource
from motionstream.training.presets import PRESETS, Preset

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast

NAME = "wan2.1-1.3b"
BACKBONE = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=4,
    out_channels=4,
    text_dim=64,
    freq_dim=16,
    ffn_dim=32,
    num_layers=2,
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkpoint as it is published: text to video, without channels for motion."""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=8, z_dim=4, num_res_blocks=1, latents_mean=[0.0] * 4, latents_std=[1.0] * 4).eval()
    return save_checkpoint(
        tmp_path / "published",
        transformer=WanTransformer(BACKBONE),
        vae=WanVAE(vae),
        text_encoder=TextEncoder.create_tiny(),
        stream=StreamConfig(height=32, width=48),
        shift=6.0,
        storage_dtype=torch.float32,
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Preset:
    """The published preset, every size small but its own kinds of networks and conditioning."""
    whole = PRESETS[NAME]
    head = replace(whole.track_head, id_channels=8, width=16, out_channels=6)
    transformer = replace(BACKBONE, condition_channels=head.condition_channels(4), track_channels=head.out_channels)
    preset = replace(
        whole,
        transformer=transformer,
        track_head=head,
        stream=StreamConfig(height=32, width=48),
        num_frames=21,
        distillation=replace(whole.distillation, num_trajectories=2),
    )
    monkeypatch.setattr(presets, "PRESETS", {**PRESETS, NAME: preset})
    return preset


def test_a_published_model_gets_channels_for_motion_and_says_what_it_said(published: Path, small: Preset) -> None:
    source = BaseSource(preset=small, vae_run=Path(), text_run=Path(), weights=published)
    networks, plain = source.load().networks(0, "cpu"), load_checkpoint(published).transformer
    latents, prompt = torch.randn(1, 4, 3, 4, 6), torch.randn(1, 7, 64)
    condition = torch.randn(1, small.transformer.total_in_channels - 4, 3, 4, 6)
    time = torch.tensor([700.0])
    with torch.no_grad():
        wanted = plain(latents, time, prompt)
        torch.testing.assert_close(networks.transformer(torch.cat([latents, condition], 1), time, prompt), wanted)


def test_its_autoencoder_is_frozen(published: Path, small: Preset) -> None:
    vae = BaseSource(preset=small, vae_run=Path(), text_run=Path(), weights=published).load().vae
    assert isinstance(vae, WanVAE)
    assert not any(p.requires_grad for p in vae.parameters())
    latents = torch.randn(1, 4, 1, 4, 6, requires_grad=True)  # through it a gradient still flows
    vae.decode(latents).sum().backward()
    assert latents.grad is not None
    assert latents.grad.any()


def test_its_head_and_its_new_slots_both_learn(published: Path, small: Preset) -> None:
    source = BaseSource(preset=small, vae_run=Path(), text_run=Path(), weights=published)
    networks = source.load().networks(0, "cpu")
    optimizer = torch.optim.SGD(networks.parameters(), lr=0.1)
    latents, prompt, packed = torch.randn(1, 4, 3, 4, 6), torch.randn(1, 7, 64), torch.randn(1, 36, 3, 4, 6)
    image = torch.zeros(1, small.track_head.condition_channels(4), 3, 4, 6)
    for _ in range(2):  # first the slots, and then, through them, the head
        made = networks.transformer(
            torch.cat([latents, image, networks.track_head(packed)], 1), torch.tensor([700.0]), prompt
        )
        optimizer.zero_grad()
        made.square().mean().backward()
        optimizer.step()
    slots = networks.transformer.patch_embedding.weight.grad
    assert slots is not None
    assert slots[:, -6:].any()
    assert all(p.grad is not None and p.grad.any() for p in networks.track_head.parameters())


def test_another_model_s_checkpoint_is_refused(published: Path, small: Preset) -> None:
    wider = replace(small, transformer=replace(small.transformer, ffn_dim=64))
    with pytest.raises(CheckpointError, match=r"not the preset wan2.1-1.3b's model: ffn_dim is 32, not 64"):
        BaseSource(preset=wider, vae_run=Path(), text_run=Path(), weights=published).load()


def test_the_whole_recipe_runs_on_it_and_its_student_streams(
    published: Path, small: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(encoding, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    settings = encoding.EncodingSettings
    monkeypatch.setattr(encoding, "EncodingSettings", lambda **given: settings(**given, shard_clips=3))

    def train(stage: str, *arguments: Any) -> None:
        code = main(["train", stage, "--preset", NAME, "--base", str(published), *map(str, arguments)])
        assert code == 0, capsys.readouterr().err

    train("encode", "--shards", 1, "--workers", 1)
    train("teacher", "--steps", 2, "--batch", 2, "--preview-every", 0)
    train("trajectories")
    train("causal-init", "--steps", 2, "--batch", 2, "--preview-every", 0)
    train("self-forcing", "--steps", 1, "--batch", 2, "--preview-every", 0)
    train("export", "--networks", "runs/self_forcing", "--out", "student")
    train("export", "--networks", "runs/teacher", "--out", "teacher")
    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    student = load_checkpoint("student")
    assert isinstance(student.vae, WanVAE)
    assert StreamEngine(student).open_session(picture).step(Tracks.empty(9)).frames.shape == (9, 32, 48, 3)
    clip = ClipGenerator(checkpoint=load_checkpoint("teacher"), num_steps=2)(picture, Tracks.empty(9), "a cat", 0)
    assert clip.shape == (9, 32, 48, 3)
