"""The stages of training from the command line, one after the other, at a tiny size."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from motionstream.cli import main
from motionstream.config import StreamConfig
from motionstream.models.checkpoint import load_checkpoint
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.wan import WanConfig, WanTransformer
from motionstream.training import encoding, export, frozen_vae, linear_vae, student, tiny_vae
from motionstream.training.student import Student

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which everything is tiny: 32x48 pixels, two shards of four clips, two layers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "EMBEDDED_STREAM", StreamConfig(height=32, width=48))
    for module in (student, export):
        monkeypatch.setattr(module, "tiny_student", small_student)
    monkeypatch.setattr(linear_vae, "start_video", lambda *_: torch.rand(8, 4, 3, 32, 32))
    monkeypatch.setattr(frozen_vae, "measure_latents", lambda vae, *_: ((0.0,) * vae.latent_channels, 0.5))
    monkeypatch.setattr(encoding, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    settings = encoding.EncodingSettings
    monkeypatch.setattr(encoding, "EncodingSettings", lambda num_shards: settings(num_shards=num_shards, shard_clips=4))
    return tmp_path


def small_student(latent_channels: int) -> Student:
    head = TrackHeadConfig(
        id_channels=8, identity="origin", hidden_channel=True, copy="picture", width=16, out_channels=8
    )
    config = WanConfig(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=latent_channels,
        out_channels=latent_channels,
        text_dim=64,
        freq_dim=32,
        ffn_dim=64,
        num_layers=2,
        condition_channels=head.condition_channels(latent_channels),
        track_channels=head.out_channels,
        prediction="sample",
        gated_condition=True,
    )
    return Student(WanTransformer(config), TrackHead(head))


def train(*arguments: str) -> None:
    assert main(["train", *arguments]) == 0


def test_the_stages_make_a_checkpoint_and_each_says_where_its_result_lies(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("tiny-vae", "--channels", "6")
    assert "runs/tiny_vae/vae: linear, 6 channels" in capsys.readouterr().out
    train("encode", "--shards", "2", "--workers", "1")
    assert "runs/latents: 8 clips, 2 shards new" in capsys.readouterr().out
    train("student", "--steps", "3", "--save-every", "2", "--preview-every", "2")
    told = capsys.readouterr()
    assert "runs/student/state.pt: 3 steps on 8 clips" in told.out
    assert "step 3/3" in told.err
    train("rollout", "--student", "runs/student", "--steps", "1", "--preview-every", "0")
    assert "runs/rollout/state.pt: 1 steps" in capsys.readouterr().out
    train("export", "--out", "tiny")
    assert "generate --checkpoint tiny" in capsys.readouterr().out
    checkpoint = load_checkpoint("tiny")
    assert checkpoint.vae.latent_channels == 6
    assert checkpoint.stream == StreamConfig(height=32, width=48)


def test_pictures_and_curves_of_a_run_are_drawn(small: Path) -> None:
    train("tiny-vae", "--channels", "6")
    train("encode", "--shards", "1", "--workers", "1")
    train("rollout", "--steps", "4", "--preview-every", "3")
    train("curves", "--out", "curves.png")
    pictures = sorted(path.name for path in (small / "runs" / "rollout" / "previews").iterdir())
    assert pictures == ["step_000003.png", "step_000004.png"]
    with Image.open(small / "runs" / "rollout" / "previews" / pictures[0]) as picture:
        assert picture.size == (5 * 48, 6 * 32)
    with Image.open(small / "curves.png") as picture:
        assert picture.width > picture.height


def test_the_same_command_with_more_steps_goes_on(small: Path) -> None:
    train("tiny-vae", "--channels", "6")
    train("encode", "--shards", "1", "--workers", "1")
    for steps in ("1", "3"):
        train("student", "--steps", steps, "--save-every", "1", "--preview-every", "0")
    rows = (small / "runs" / "student" / "curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "1", "3"]


def test_the_deep_autoencoder_is_trained_by_steps(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TinyVAEConfig.embedded(encoder_channels=8, decoder_channels=(8, 8, 8, 8), blocks_per_stage=1)
    monkeypatch.setattr(tiny_vae, "DEEP_CONFIG", replace(config, latent_channels=5))
    monkeypatch.setattr(tiny_vae, "start_video", lambda *_: torch.rand(4, 4, 3, 32, 32))
    train("tiny-vae", "--kind", "deep", "--steps", "2", "--batch", "2", "--preview-every", "1")
    assert frozen_vae.load_frozen(Path("runs/tiny_vae")).latent_channels == 5
    assert len(list((small / "runs" / "tiny_vae" / "previews").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("student",), "run `motionstream train tiny-vae`"),
        (("student", "--steps", "0"), "--steps: wanted at least 1, got 0"),
        (("student", "--learning-rate", "0"), "--learning-rate: wanted a positive number"),
        (("encode", "--workers", "0"), "--workers: wanted at least 1, got 0"),
        (("curves", "--out", "x.png"), "runs/rollout/curve.csv: wanted a training curve"),
        (("export", "--out", "x"), "run `motionstream train tiny-vae`"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line_with_code_two(
    small: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["train", *arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said in lines[0]


def test_a_student_without_encoded_clips_says_how_to_make_them(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frozen_vae.save_frozen(TinyVAE(TinyVAEConfig.linear(6)), Path("runs/tiny_vae"))
    assert main(["train", "student"]) == 2
    assert "run `motionstream train encode`" in capsys.readouterr().err
