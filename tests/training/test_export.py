from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.checkpoint import load_checkpoint
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.streaming.engine import StreamEngine
from motionstream.tracks import Tracks
from motionstream.training import export, frozen_vae
from motionstream.training.export import assembled, averaged_student, export_checkpoint
from motionstream.training.frozen_vae import load_frozen, normalised, save_frozen
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.previews import reconstruction_grid, sample_grid, save_png
from motionstream.training.student import Student


@pytest.fixture
def vae() -> TinyVAE:
    torch.manual_seed(1)
    config = replace(TinyVAEConfig.linear(4), latents_mean=(0.1, 0.2, 0.3, 0.4), latents_std=(0.5,) * 4)
    return TinyVAE(config).eval()


@pytest.fixture
def runs(tmp_path: Path, vae: TinyVAE, student: Student, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen autoencoder, and a student two steps away from its start."""

    def fresh(latent_channels: int) -> Student:
        return make(latent_channels)

    make = _maker(student)
    monkeypatch.setattr(export, "tiny_student", fresh)
    save_frozen(vae, tmp_path / "tiny_vae")
    run = Run(make(4), LoopSettings(steps=2, warmup_steps=1, autocast=False), tmp_path / "student")
    run.fit(_nothing(), lambda model, _, __: (sum(p.square().sum() for p in model.parameters()), {}))  # type: ignore[arg-type, return-value]
    return tmp_path


def _maker(student: Student) -> Callable[[int], Student]:
    from motionstream.models.track_head import TrackHead
    from motionstream.models.wan import WanTransformer

    def make(latent_channels: int) -> Student:
        head = student.track_head.config
        config = replace(
            student.transformer.config,
            in_channels=latent_channels,
            out_channels=latent_channels,
            condition_channels=head.condition_channels(latent_channels),
        )
        return Student(WanTransformer(config), TrackHead(head))

    return make


def _nothing() -> Iterator[None]:
    while True:
        yield None


def test_an_exported_checkpoint_holds_the_averaged_weights_and_streams(runs: Path, stream: StreamConfig) -> None:
    folder = export_checkpoint(runs / "tiny_vae", runs / "student", runs / "out", stream, storage_dtype=torch.float32)
    checkpoint = load_checkpoint(folder)
    state = torch.load(runs / "student" / "state.pt", weights_only=True)
    weights = checkpoint.transformer.state_dict()
    name = "blocks.0.ffn.net.2.weight"
    assert torch.equal(weights[name], state["average"][f"transformer.{name}"])
    assert not torch.equal(weights[name], state["model"][f"transformer.{name}"])
    assert (checkpoint.stream, checkpoint.shift) == (stream, 6.0)
    session = StreamEngine(checkpoint).open_session(np.zeros((32, 48, 3), np.uint8), "nothing")
    assert session.step(Tracks.empty(9)).frames.shape == (9, 32, 48, 3)


def test_the_autoencoder_and_its_statistics_survive_the_export(runs: Path, stream: StreamConfig, vae: TinyVAE) -> None:
    folder = export_checkpoint(runs / "tiny_vae", runs / "student", runs / "out", stream, storage_dtype=torch.float32)
    loaded, video = load_checkpoint(folder).vae, torch.rand(1, 5, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.encode(video), vae.encode(video))
        torch.testing.assert_close(load_frozen(runs / "tiny_vae").encode(video), vae.encode(video))


def test_a_model_card_beside_an_older_export_is_kept(runs: Path, stream: StreamConfig) -> None:
    folder = export_checkpoint(runs / "tiny_vae", runs / "student", runs / "out", stream)
    (folder / "README.md").write_text("a card")
    export_checkpoint(runs / "tiny_vae", runs / "student", runs / "out", stream)
    assert (folder / "README.md").read_text() == "a card"


def test_what_is_missing_is_named_with_the_command_that_makes_it(runs: Path, stream: StreamConfig) -> None:
    with pytest.raises(InputError, match="motionstream train tiny-vae"):
        export_checkpoint(runs / "nothing", runs / "student", runs / "out", stream)
    with pytest.raises(InputError, match="motionstream train student"):
        export_checkpoint(runs / "tiny_vae", runs / "nothing", runs / "out", stream)
    assert not (runs / "out").exists()


def test_a_student_of_another_autoencoder_is_refused(runs: Path) -> None:
    with pytest.raises(InputError, match=r"on 7 latent channels, but .*size mismatch"):
        averaged_student(runs / "student", 7)


def test_the_frozen_statistics_normalise_the_latents(vae: TinyVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_: TinyVAE, seeds: range, num_frames: int) -> tuple[tuple[float, ...], float]:
        assert (seeds, num_frames) == (range(7), frozen_vae.STATISTICS_FRAMES)
        return (1.0, 2.0, 3.0, 4.0), 0.25

    monkeypatch.setattr(frozen_vae, "measure_latents", measured)
    done, video = normalised(vae, range(7)), torch.rand(1, 5, 3, 16, 16)
    mean = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(done.encode(video), (vae.encode_raw(video) - mean) / 0.25)


def test_previews_show_the_truth_above_the_answer(
    tmp_path: Path, vae: TinyVAE, student: Student, stream: StreamConfig, monkeypatch: Any
) -> None:
    rebuilt = reconstruction_grid(vae, (32, 48), seeds=(0, 1))
    assert (rebuilt.shape, rebuilt.dtype) == ((4 * 32, 5 * 48, 3), np.uint8)
    sampled = sample_grid(assembled(student.eval(), vae, stream, tmp_path), seeds=(0,))
    assert sampled.shape == (2 * 32, 5 * 48, 3)
    assert sampled[:32, :48].std() > 0
    assert save_png(sampled, tmp_path / "previews" / "x.png").stat().st_size > 0
