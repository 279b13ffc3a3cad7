import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.guidance import JointGuidance, guided_clean, predict_clean
from motionstream.training import unroll as unroll_module
from motionstream.training.batch import BatchSettings, ClipBatch, make_batch
from motionstream.training.clip_condition import EncodedMotion, clip_condition
from motionstream.training.flow import add_noise
from motionstream.training.latent_cache import LatentClip
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.self_forcing import CRITIC, SelfForcing, SelfForcingSettings
from motionstream.training.trainee import Trainee, TraineeSettings
from motionstream.training.unroll import unroll

UNPROMPTED = torch.full((5, 64), 0.5)


@pytest.fixture
def batch(clips: list[LatentClip]) -> ClipBatch:
    return make_batch(clips[:2], BatchSettings(text_dropout=0.0), UNPROMPTED, np.random.default_rng(0))


@pytest.fixture
def teacher(student: Networks) -> Networks:
    torch.manual_seed(7)
    other = copy.deepcopy(student)
    for parameter in other.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return other.eval().requires_grad_(False)


@pytest.fixture
def stage(teacher: Networks, small_vae: TinyVAE, stream: StreamConfig) -> SelfForcing:
    return SelfForcing(teacher, small_vae.requires_grad_(False), stream, UNPROMPTED, SelfForcingSettings())


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_student_is_streamed_by_the_code_of_inference(
    stage: SelfForcing, student: Networks, batch: ClipBatch, stream: StreamConfig
) -> None:
    made = stage.streamed(student, batch, chance())
    again = [chunk.latents for chunk in unroll(student, batch, stream, stage.vae, chance())]
    assert torch.equal(made, torch.cat(again, dim=2))
    assert torch.equal(made[:, :, 0], batch.latents[:, :, 0])
    assert made.requires_grad


def test_the_direction_is_the_difference_of_the_scores_in_units_of_the_teacher_s_change(
    stage: SelfForcing, student: Networks, teacher: Networks, batch: ClipBatch
) -> None:
    made, at = torch.randn_like(batch.latents), 0.6
    fixed = replace(stage, settings=replace(stage.settings, times=(at, at)))
    found = fixed.direction(student, made, batch, chance(3))
    draw = chance(3)
    torch.rand(2, generator=draw)
    times = torch.full((2,), at)
    noisy = add_noise(made, torch.randn(made.shape, generator=draw), times)
    with torch.no_grad():
        motion = EncodedMotion.of(batch, batch.tracks, teacher.track_head.config, stage.vae)
        told = clip_condition(teacher.track_head, motion, batch, stage.vae, UNPROMPTED)
        real = guided_clean(teacher.transformer, noisy, times, told, JointGuidance())
        own = motion.channels(student.track_head)
        fake = predict_clean(student.transformer, noisy, times, own, batch.prompt_embeds)
    for sample in range(2):
        scale = (made - real)[sample, :, 1:].abs().mean()
        torch.testing.assert_close(found[sample], (fake - real)[sample] / scale)


def test_the_gradient_at_the_clip_is_the_direction(
    stage: SelfForcing, student: Networks, batch: ClipBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    direction = torch.randn_like(batch.latents)
    kept: list[Tensor] = []

    def keep(self: SelfForcing, *args: Any) -> Tensor:
        made = streamed(self, *args)
        made.retain_grad()
        kept.append(made)
        return made

    streamed = SelfForcing.streamed
    monkeypatch.setattr(SelfForcing, "streamed", keep)
    monkeypatch.setattr(SelfForcing, "direction", lambda *_: direction)
    stage.student_loss(student)(student, batch, chance())[0].backward()  # type: ignore[no-untyped-call]
    grad = kept[0].grad
    assert grad is not None
    counted = direction[:, :, 1:]
    torch.testing.assert_close(grad[:, :, 1:], counted / counted.numel())
    assert not grad[:, :, 0].any()
    assert all(p.grad is not None for p in student.parameters())


def test_a_student_that_already_makes_what_the_teacher_asks_for_is_left_alone(
    stage: SelfForcing, teacher: Networks, batch: ClipBatch
) -> None:
    unguided = replace(stage, settings=replace(stage.settings, guidance=JointGuidance(text=0.0, motion=0.0)))
    direction = unguided.direction(teacher, torch.randn_like(batch.latents), batch, chance())
    assert float(direction.abs().max()) < 1e-4


def test_the_critic_learns_what_the_student_makes_and_nothing_else_learns(
    stage: SelfForcing, student: Networks, teacher: Networks, batch: ClipBatch
) -> None:
    critic = copy.deepcopy(teacher).requires_grad_(True)
    optimizer, values = torch.optim.AdamW(critic.parameters(), lr=3e-3), []
    for _ in range(25):
        value, _ = stage.critic_loss(student)(critic, batch, chance())
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(value.detach()))
    assert values[-1] < 0.7 * values[0]
    assert all(p.grad is None for p in (*student.parameters(), *teacher.parameters()))


def test_a_step_is_five_updates_of_the_critic_and_one_of_the_student(
    stage: SelfForcing, student: Networks, teacher: Networks, batch: ClipBatch, tmp_path: Path
) -> None:
    critic = copy.deepcopy(teacher).requires_grad_(True)
    loop = LoopSettings(steps=2, warmup_steps=1, autocast=False, log_every=1)
    run = Run(student, loop, tmp_path, 0, {CRITIC: Trainee(critic, TraineeSettings(learning_rate=1e-3))})
    before = {name: p.detach().clone() for name, p in teacher.named_parameters()}
    run.fit_steps(iter([batch] * 12), stage.step)
    assert (run.trainee.updates, run.beside[CRITIC].updates, run.num_batches) == (2, 10, 12)
    assert all(torch.equal(before[name], p) for name, p in teacher.named_parameters())
    assert "critic_loss" in (tmp_path / "curve.csv").read_text()


def test_distillation_moves_the_student_towards_what_the_teacher_finds_likely(
    stage: SelfForcing, student: Networks, batch: ClipBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A teacher that only knows one clip, and a critic that always knows what the student makes."""
    target = batch.latents
    monkeypatch.setattr(SelfForcing, "direction", lambda self, critic, made, batch, chance: made - target)
    optimizer, distances = torch.optim.AdamW(student.parameters(), lr=2e-3), []
    for step in range(30):
        value, parts = stage.student_loss(student)(student, batch, chance(step))
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        distances.append(float(parts["truth"]))
    assert distances[-1] < 0.75 * distances[0]


@pytest.mark.parametrize("random", [False, True])
def test_sink_and_window_are_fixed_or_drawn_for_every_batch(
    stage: SelfForcing, student: Networks, batch: ClipBatch, monkeypatch: pytest.MonkeyPatch, random: bool
) -> None:
    sizes: list[tuple[int, int]] = []
    original = unroll_module.new_cache

    def watched(student: Networks, batch: ClipBatch, stream: StreamConfig) -> Any:
        sizes.append((stream.sink_frames, stream.window_frames))
        return original(student, batch, stream)

    monkeypatch.setattr(unroll_module, "new_cache", watched)
    drawn = replace(stage, settings=replace(stage.settings, random_memory=random))
    with torch.no_grad():
        for seed in range(12):
            drawn.streamed(student, batch, chance(seed))
    assert (set(sizes) == {(3, 3)}) != random
    assert all(0 <= sink <= 3 and 0 <= window <= 3 for sink, window in sizes)


def test_nothing_is_decoded_where_nobody_looks_at_it(
    stage: SelfForcing, preset: Preset, batch: ClipBatch, stream: StreamConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    decodings: list[int] = []
    original = unroll_module.decoded
    monkeypatch.setattr(unroll_module, "decoded", lambda *args: decodings.append(1) or original(*args))
    for carried, expected in (("picture", 3), ("latents", 0), ("nothing", 0)):
        student = Networks.fresh(preset.transformer, replace(preset.track_head, copy=carried))
        decodings.clear()
        with torch.no_grad():
            chunks = list(unroll(student, batch, stream, stage.vae, chance()))
        assert len(decodings) == expected
        assert all((chunk.video is not None) == bool(expected) for chunk in chunks)
