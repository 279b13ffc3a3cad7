"""`motionstream train tiny-vae` for the deep kind and for published models, at a tiny size."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from PIL import Image

from motionstream.cli import main
from motionstream.models.components import load_vae
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.wan import WanVAE
from motionstream.streaming.video_file import VideoWriter
from motionstream.training import frozen_vae, tiny_decoder, tiny_vae
from motionstream.training.picture_stage import PictureStage

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which networks and crops are tiny."""
    monkeypatch.chdir(tmp_path)
    config = TinyVAEConfig.embedded(encoder_channels=8, decoder_channels=(8, 8, 8, 8), blocks_per_stage=1)
    monkeypatch.setattr(tiny_vae, "DEEP_CONFIG", replace(config, latent_channels=5))
    monkeypatch.setattr(tiny_vae, "start_video", lambda *_: torch.rand(4, 4, 3, 32, 32))
    monkeypatch.setattr(frozen_vae, "measure_latents", lambda vae, *_: ((0.0,) * vae.latent_channels, 0.5))
    monkeypatch.setattr(tiny_decoder, "decoder_stage", shrunk(tiny_decoder.decoder_stage))
    return tmp_path


def shrunk(whole: Callable[[WanVAE], PictureStage]) -> Callable[[WanVAE], PictureStage]:
    def stage(full: WanVAE) -> PictureStage:
        found = whole(full)
        return replace(
            found,
            config=replace(found.config, encoder_channels=8, decoder_channels=(16, 8, 8, 8), blocks_per_stage=1),
            crops=replace(found.crops, crop=32, num_frames=5, side=32),
            pictures=replace(found.pictures, discriminator_start=0, discriminator_lead=1, discriminator_width=4),
        )

    return stage


@pytest.fixture
def base(place: Path) -> Path:
    """A checkpoint that holds an autoencoder of Wan's kind and nothing else."""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1] * 4,
        latents_std=[0.5] * 4,
    )
    vae.save_pretrained(place / "base" / "vae")
    return place / "base"


def train(*arguments: str) -> None:
    assert main(["train", "tiny-vae", *arguments]) == 0


def test_a_published_autoencoder_gets_a_stand_in(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--preset", "wan2.1-1.3b", "--base", str(base), "--batch", "2", "--preview-every", "1"]
    train(*flags, "--steps", "2", "--save-every", "1")
    told = capsys.readouterr()
    assert "runs/tiny_vae/vae: stands in for the autoencoder of wan2.1-1.3b, 4 channels" in told.out
    assert "discriminator_loss" in told.err
    assert isinstance(load_vae(Path("runs/tiny_vae/vae")), TinyVAE)
    with Image.open("runs/tiny_vae/previews/step_000002.png") as picture:
        assert picture.size == (5 * 32, 3 * 3 * 32)
    train(*flags, "--steps", "3")
    rows = Path("runs/tiny_vae/curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "3"]


def test_the_deep_kind_learns_from_videos_with_a_discriminator_where_that_is_asked_for(place: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), dtype=np.uint8)
    (place / "videos").mkdir()
    with VideoWriter(place / "videos" / "a.mp4", fps=16, crf=30) as video:
        video.write(frames)
    flags = ["--kind", "deep", "--steps", "1", "--batch", "2", "--preview-every", "0"]
    train(*flags, "--data", "videos", "--adversarial-weight", "0.1", "--feature-weight", "0")
    state = torch.load("runs/tiny_vae/state.pt", weights_only=True)
    assert state["beside"].keys() == {"discriminator"}
    assert (place / "runs" / "tiny_vae" / "plan.jsonl").exists()
    assert "feature" not in (place / "runs" / "tiny_vae" / "curve.csv").read_text()
    assert frozen_vae.load_frozen(Path("runs/tiny_vae")).latent_channels == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--preset wan2.1-1.3b", "--preset wan2.1-1.3b: wanted --base FOLDER"),
        ("--preset wan2.1-1.3b --base base --kind deep", "--kind deep: the preset wan2.1-1.3b has a kind of its own"),
        ("--preset wan2.1-1.3b --base base --batch 3", "--batch: wanted a multiple of 2 crops, got 3"),
        ("--preset wan", "tiny, tiny-no-hidden, wan2.1-1.3b, wan2.2-5b, got 'wan'"),
        ("--base base", "the preset tiny begins with nothing"),
        ("--adversarial-weight 0.1", "--adversarial-weight: the linear kind is fitted without it"),
        ("--data x", "--data: the linear kind is fitted without it"),
        ("--kind deep --feature-weight -1", "--feature-weight: wanted at least 0, got -1.0"),
        ("--kind deep --data x --steps 1", "wanted a folder, x is none"),
        ("--kind deep --workers 0", "--workers: wanted at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_one_line_with_code_two(
    base: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    assert main(["train", "tiny-vae", *arguments.split()]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said in lines[0]


def test_weights_of_lpips_that_are_not_there_are_missed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "tiny-vae", "--kind", "deep", "--steps", "1", "--lpips", "x.safetensors"]) == 3
    assert "error: x.safetensors: wanted safetensors, could not read it" in capsys.readouterr().err


def test_a_small_autoencoder_is_no_base(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frozen_vae.save_frozen(TinyVAE(TinyVAEConfig.linear(4)), Path("small"))
    assert main(["train", "tiny-vae", "--preset", "wan2.1-1.3b", "--base", "small"]) == 2
    assert "wanted a full autoencoder" in capsys.readouterr().err
