from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motionstream.errors import InputError
from motionstream.models.checkpoint import load_checkpoint
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.streaming.clip_generator import ClipGenerator
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.guidance import JointGuidance
from motionstream.streaming.video_file import read_video
from motionstream.tracks import Tracks
from motionstream.training import frozen_vae
from motionstream.training.base import Base, BaseSource
from motionstream.training.export import assembled, averaged_networks, export_checkpoint
from motionstream.training.frozen_vae import normalised, save_frozen
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.previews import reconstruction_grid, save_png
from motionstream.training.samples import make_samples, show_student, show_teacher
from motionstream.training.world import caption_of


@pytest.fixture
def vae() -> TinyVAE:
    torch.manual_seed(1)
    config = replace(TinyVAEConfig.linear(4), latents_mean=(0.1, 0.2, 0.3, 0.4), latents_std=(0.5,) * 4)
    return TinyVAE(config).eval()


@pytest.fixture
def base(base: Base, vae: TinyVAE) -> Base:
    return replace(base, vae=vae)


@pytest.fixture
def run(tmp_path: Path, student: Networks) -> Run:
    """A student two steps away from its start."""
    made = Run(student, LoopSettings(steps=2, warmup_steps=1, autocast=False), tmp_path / "student")
    made.fit(iter([None, None]), lambda model, _, __: (sum(p.square().sum() for p in model.parameters()), {}))  # type: ignore[arg-type, return-value]
    return made


def test_an_exported_checkpoint_holds_the_averaged_weights_and_streams(run: Run, base: Base, tmp_path: Path) -> None:
    networks = averaged_networks(run.folder, base.preset)
    checkpoint = load_checkpoint(export_checkpoint(networks, base, tmp_path / "out", storage_dtype=torch.float32))
    state = torch.load(run.state_file, weights_only=True)
    weights = checkpoint.transformer.state_dict()
    name = "blocks.0.ffn.net.2.weight"
    assert torch.equal(weights[name], state["average"][f"transformer.{name}"])
    assert not torch.equal(weights[name], state["model"][f"transformer.{name}"])
    assert (checkpoint.stream, checkpoint.shift) == (base.preset.stream, 6.0)
    session = StreamEngine(checkpoint).open_session(np.zeros((32, 48, 3), np.uint8), "nothing")
    assert session.step(Tracks.empty(9)).frames.shape == (9, 32, 48, 3)


def test_the_frozen_parts_survive_the_export(run: Run, base: Base, tmp_path: Path) -> None:
    networks = averaged_networks(run.folder, base.preset)
    checkpoint = load_checkpoint(export_checkpoint(networks, base, tmp_path / "out", storage_dtype=torch.float32))
    video = torch.rand(1, 5, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.vae.encode(video), base.vae.encode(video))
    prompt = "a red star"
    torch.testing.assert_close(checkpoint.text_encoder.encode(prompt), base.text_encoder.encode(prompt))


def test_a_model_card_beside_an_older_export_is_kept(run: Run, base: Base, tmp_path: Path) -> None:
    networks = averaged_networks(run.folder, base.preset)
    folder = export_checkpoint(networks, base, tmp_path / "out")
    (folder / "README.md").write_text("a card")
    export_checkpoint(networks, base, tmp_path / "out")
    assert (folder / "README.md").read_text() == "a card"


def test_what_is_missing_is_named_with_the_command_that_makes_it(tmp_path: Path, vae: TinyVAE, preset: Preset) -> None:
    with pytest.raises(InputError, match=r"training run in .*nothing, found none"):
        averaged_networks(tmp_path / "nothing", preset)
    source = BaseSource(preset=preset, vae_run=tmp_path / "vae", text_run=tmp_path / "nothing")
    with pytest.raises(InputError, match="motionstream train tiny-vae"):
        source.load()
    save_frozen(vae, tmp_path / "vae")
    with pytest.raises(InputError, match="motionstream train text"):
        source.load()


def test_parts_of_another_size_are_refused(run: Run, preset: Preset, tmp_path: Path, vae: TinyVAE) -> None:
    wider = replace(preset, transformer=replace(preset.transformer, ffn_dim=96))
    with pytest.raises(InputError, match=r"networks of the preset tiny, but .*size mismatch"):
        averaged_networks(run.folder, wider)
    save_frozen(TinyVAE(TinyVAEConfig.linear(7)), tmp_path / "vae")
    with pytest.raises(InputError, match=r"an autoencoder of 4 channels .* got 7"):
        BaseSource(preset=preset, vae_run=tmp_path / "vae", text_run=tmp_path / "text").load()


def test_the_frozen_statistics_normalise_the_latents(vae: TinyVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_: TinyVAE, seeds: range, num_frames: int) -> tuple[tuple[float, ...], float]:
        assert (seeds, num_frames) == (range(7), frozen_vae.STATISTICS_FRAMES)
        return (1.0, 2.0, 3.0, 4.0), 0.25

    monkeypatch.setattr(frozen_vae, "measure_latents", measured)
    done, video = normalised(vae, range(7)), torch.rand(1, 5, 3, 16, 16)
    mean = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(done.encode(video), (vae.encode_raw(video) - mean) / 0.25)


def test_a_reconstruction_is_shown_below_the_truth(tmp_path: Path, vae: TinyVAE) -> None:
    rebuilt = reconstruction_grid(vae, (32, 48), seeds=(0, 1))
    assert (rebuilt.shape, rebuilt.dtype) == ((4 * 32, 5 * 48, 3), np.uint8)
    assert save_png(rebuilt, tmp_path / "previews" / "x.png").stat().st_size > 0


def test_samples_are_made_by_the_model_from_the_first_frame_and_the_tracks(base: Base) -> None:
    asked: list[tuple[int, str]] = []

    def generate(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        asked.append((tracks.num_points, prompt))
        return np.broadcast_to(image, (tracks.num_frames, *image.shape))

    samples = make_samples(generate, base.preset.stream, seeds=(3, 4))
    assert [sample.made.shape for sample in samples] == [(33, 64, 96, 3)] * 2
    assert [points for points, _ in asked] == [200, 200]
    for sample in samples:
        assert np.array_equal(sample.made[0], sample.true[0])
        assert not np.array_equal(sample.made[-1], sample.true[-1])
    assert asked[1][1] == caption_of(4, 33, 32, 48, newcomer=True)


def test_a_run_shows_what_its_averaged_networks_make_as_a_picture_and_as_a_video(run: Run, base: Base) -> None:
    pictures = [show_student(run, base).read_bytes(), show_teacher(run, base).read_bytes()]
    assert pictures[0] != pictures[1]
    assert read_video(run.folder / "previews" / "step_000002.mp4").shape == (33, 2 * 64, 3 * 96, 3)


def test_a_teacher_makes_as_many_frames_as_its_tracks_have_and_heeds_its_guidance(
    student: Networks, base: Base, tmp_path: Path
) -> None:
    checkpoint = assembled(student.eval(), base, tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    xy = np.linspace((0.2, 0.5), (0.7, 0.5), 11)[:, None]
    tracks = Tracks(ids=np.arange(1), xy=xy, visible=np.ones((11, 1), bool))
    made = [
        ClipGenerator(checkpoint=checkpoint, guidance=JointGuidance(text=t, motion=m), num_steps=3)(
            image, tracks, "a red star", seed
        )
        for t, m, seed in [(3.0, 1.5, 0), (3.0, 1.5, 0), (0.0, 0.0, 0), (3.0, 0.0, 0), (3.0, 1.5, 1)]
    ]
    assert made[0].shape == (11, 32, 48, 3)
    assert np.array_equal(made[0], made[1])
    assert len({frames.tobytes() for frames in made[1:]}) == 4
