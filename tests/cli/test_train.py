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
from motionstream.models.vae.tiny import TinyVAEConfig
from motionstream.training import encoding, frozen_vae, linear_vae, presets, tiny_vae

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which everything is tiny: 32x48 pixels, two shards of four clips, two layers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "tiny": small_preset()})
    monkeypatch.setattr(linear_vae, "start_video", lambda *_: torch.rand(8, 4, 3, 32, 32))
    monkeypatch.setattr(frozen_vae, "measure_latents", lambda vae, *_: ((0.0,) * vae.latent_channels, 0.5))
    monkeypatch.setattr(encoding, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    settings = encoding.EncodingSettings
    monkeypatch.setattr(encoding, "EncodingSettings", lambda **given: settings(**given, shard_clips=4))
    return tmp_path


def small_stream() -> StreamConfig:
    return StreamConfig(height=32, width=48, timesteps=(1000.0, 750.0))


def small_preset() -> presets.Preset:
    tiny = presets.PRESETS["tiny"]
    head = replace(tiny.track_head, id_channels=8, width=16, out_channels=8)
    config = replace(
        tiny.transformer,
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=6,
        out_channels=6,
        freq_dim=32,
        ffn_dim=64,
        num_layers=2,
        condition_channels=head.condition_channels(6),
        track_channels=head.out_channels,
    )
    return replace(tiny, transformer=config, track_head=head, stream=small_stream())


def train(*arguments: str) -> None:
    assert main(["train", *arguments]) == 0


def test_the_stages_make_a_checkpoint_and_each_says_where_its_result_lies(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("tiny-vae", "--channels", "6")
    assert "runs/tiny_vae/vae: linear, 6 channels" in capsys.readouterr().out
    train("text", "--captions", "12", "--steps", "2", "--batch", "4")
    assert "runs/text/state.pt: 2 steps on 12 captions" in capsys.readouterr().out
    train("encode", "--shards", "2", "--workers", "1")
    assert "runs/latents: 8 clips, 2 shards new" in capsys.readouterr().out
    train("encode", "--shards", "1", "--newcomer-every", "0", "--first-seed", "7", "--folder", "runs/plain")
    assert "runs/plain: 4 clips, 1 shards new" in capsys.readouterr().out
    train(
        "teacher", "--latents", "runs/latents", "runs/plain", "--folder", "runs/mixed", "--steps", "1", "--batch", "4"
    )
    assert "runs/mixed/state.pt: 1 steps on 12 clips" in capsys.readouterr().out
    train("teacher", "--steps", "3", "--batch", "4", "--save-every", "2", "--preview-every", "0")
    told = capsys.readouterr()
    assert "runs/teacher/state.pt: 3 steps on 8 clips" in told.out
    assert "step 3/3" in told.err
    train("rollout", "--from-run", "runs/teacher", "--steps", "1", "--preview-every", "0")
    assert "runs/rollout/state.pt: 1 steps" in capsys.readouterr().out
    train("trajectories", "--number", "4")
    assert "runs/trajectories: 4 trajectories" in capsys.readouterr().out
    train("causal-init", "--steps", "2", "--batch", "2", "--preview-every", "2")
    assert "runs/causal_init/state.pt: 2 steps on 4 trajectories" in capsys.readouterr().out
    train("self-forcing", "--steps", "1", "--batch", "2", "--preview-every", "1")
    assert "runs/self_forcing/state.pt: 1 steps on 8 clips" in capsys.readouterr().out
    train("export", "--networks", "runs/self_forcing", "--out", "tiny")
    assert "generate --checkpoint tiny" in capsys.readouterr().out
    checkpoint = load_checkpoint("tiny")
    assert checkpoint.vae.latent_channels == 6
    assert checkpoint.stream == small_stream()


@pytest.fixture
def encoded(small: Path) -> Path:
    train("tiny-vae", "--channels", "6")
    train("text", "--captions", "4", "--steps", "1", "--batch", "2")
    train("encode", "--shards", "1", "--workers", "1")
    return small


def test_pictures_and_curves_of_a_run_are_drawn(encoded: Path) -> None:
    train("rollout", "--steps", "4", "--preview-every", "3")
    train("curves", "--out", "curves.png")
    pictures = sorted(path.name for path in (encoded / "runs" / "rollout" / "previews").glob("*.png"))
    assert pictures == ["step_000003.png", "step_000004.png"]
    assert (encoded / "runs" / "rollout" / "previews" / "step_000004.mp4").exists()
    with Image.open(encoded / "runs" / "rollout" / "previews" / pictures[0]) as picture:
        assert picture.size == (2 * 5 * 48, 2 * 6 * 32)
    with Image.open(encoded / "curves.png") as picture:
        assert picture.width > picture.height


def test_the_same_command_with_more_steps_goes_on(encoded: Path) -> None:
    for steps in ("1", "3"):
        train("teacher", "--steps", steps, "--batch", "2", "--save-every", "1", "--preview-every", "0")
    rows = (encoded / "runs" / "teacher" / "curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "1", "3"]


def test_a_batch_in_parts_with_activations_worked_out_again_gives_a_like_curve(encoded: Path) -> None:
    flags = ["teacher", "--steps", "1", "--batch", "4", "--preview-every", "0"]
    train(*flags, "--folder", "runs/whole")
    train(*flags, "--folder", "runs/parts", "--accumulate", "2", "--checkpointing")
    whole, parts = (torch.load(f"runs/{name}/state.pt", weights_only=True) for name in ("whole", "parts"))
    assert (whole["num_batches"], parts["num_batches"]) == (1, 2)
    assert whole["step"] == parts["step"] == 1


def test_a_batch_that_has_no_such_parts_is_refused(encoded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "teacher", "--batch", "4", "--accumulate", "3"]) == 2
    assert "--accumulate 3: wanted a part of the batch of 4" in capsys.readouterr().err


def test_the_masked_teacher_starts_from_the_teacher_and_keeps_its_head(encoded: Path) -> None:
    train("teacher", "--steps", "1", "--batch", "2", "--preview-every", "1")
    train(
        *("teacher", "--masked", "--from-run", "runs/teacher", "--folder", "runs/masked"),
        *("--steps", "2", "--batch", "2", "--preview-every", "0"),
    )
    before, after = (torch.load(f"runs/{name}/state.pt", weights_only=True) for name in ("teacher", "masked"))
    for name, tensor in after["model"].items():
        assert torch.equal(tensor, before["average"][name]) == name.startswith("track_head."), name
    assert (encoded / "runs" / "teacher" / "previews" / "step_000001.png").exists()


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
        (("teacher",), "run `motionstream train tiny-vae`"),
        (("teacher", "--steps", "0"), "--steps: wanted at least 1, got 0"),
        (("teacher", "--learning-rate", "0"), "--learning-rate: wanted a positive number"),
        (
            ("teacher", "--preset", "wan"),
            "tiny, tiny-no-hidden, wan2.1-1.3b, wan2.2-5b, got 'wan'",
        ),
        (("teacher", "--preset", "wan2.2-5b"), "wanted --base FOLDER"),
        (("teacher", "--base", "x"), "the preset tiny begins with nothing"),
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


def test_a_teacher_without_encoded_clips_says_how_to_make_them(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("tiny-vae", "--channels", "6")
    train("text", "--captions", "4", "--steps", "1", "--batch", "2")
    assert main(["train", "teacher"]) == 2
    assert "run `motionstream train encode`" in capsys.readouterr().err
