from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.scheduler import shifted_timesteps
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.streaming.clip_sampler import sample_clip
from motionstream.training.batch import BatchSettings, make_batch
from motionstream.training.causal_init import CausalInitSettings, causal_init_loss
from motionstream.training.clip_condition import EncodedMotion, clip_condition
from motionstream.training.latent_cache import LatentCache
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.procedural_shard import write_shard
from motionstream.training.shard_index import damaged_shards
from motionstream.training.trajectories import Solver, TrajectoryCache, solve_trajectories, trajectory_batches

STEPS = 6

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


@pytest.fixture
def solver(tmp_path: Path, preset: Preset, student: Networks) -> Solver:
    """A teacher that computes in float32, and six encoded clips of two chunks."""
    torch.manual_seed(2)
    vae = TinyVAE(TinyVAEConfig.linear(4)).eval()
    latents = tmp_path / "latents"
    latents.mkdir()
    embed = torch.Generator().manual_seed(0)
    write_shard(
        latents / "0.safetensors",
        range(6),
        (0, 8),
        21,
        vae,
        lambda _: torch.randn(1, 5, 64, generator=embed),
        height=32,
        width=48,
    )
    distillation = replace(preset.distillation, teacher_steps=STEPS)
    stream = StreamConfig(height=32, width=48, timesteps=(1000.0, 750.0))
    small = replace(preset, stream=stream, distillation=distillation)
    return Solver(teacher=student.eval(), cache=LatentCache(latents), vae=vae, preset=small, batch=3, autocast=False)


def test_a_trajectory_holds_the_teacher_s_states_and_where_they_lead(solver: Solver, tmp_path: Path) -> None:
    assert list(solve_trajectories(solver, tmp_path / "made", 4)) == [4]
    cache = TrajectoryCache(tmp_path / "made")
    batch = cache.batch([0, 1, 2, 3])
    assert batch.states.shape == (2, 4, 4, 6, 4, 6)
    teacher, preset = solver.teacher, solver.preset
    motion = EncodedMotion.of(batch.clip, batch.clip.tracks, teacher.track_head.config, solver.vae)
    told = clip_condition(teacher.track_head, motion, batch.clip, solver.vae, cache.unprompted)
    noise = batch.states[0]
    with torch.no_grad():
        made = sample_clip(
            teacher.transformer,
            told,
            shifted_timesteps(STEPS, preset.shift),
            preset.distillation.guidance,
            noise,
            keep=preset.stream.timesteps,
        )
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    torch.testing.assert_close(made.states, batch.states, atol=0.05, rtol=0.05)  # shards are bfloat16
    torch.testing.assert_close(made.clean, batch.clip.latents, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("autocast", [True, False])
def test_the_teacher_computes_in_bfloat16_where_that_is_wanted_and_the_ode_in_float32(
    solver: Solver, autocast: bool
) -> None:
    states: list[Tensor] = []
    computed: list[torch.dtype] = []
    network = solver.teacher.transformer
    network.register_forward_pre_hook(lambda _, given: states.append(given[0][:, :4]))
    network.blocks[0].register_forward_hook(lambda *call: computed.append(call[2].dtype))
    solved = replace(solver, autocast=autocast).shard(0, 2)
    assert set(computed) == {torch.bfloat16 if autocast else torch.float32}
    assert len(states) == len(computed) == 3 * STEPS
    assert all(state.dtype == torch.float32 for state in states)
    assert not any(torch.equal(state, state.bfloat16().float()) for state in states[3:])
    other = replace(solver, autocast=not autocast).shard(0, 2)
    torch.testing.assert_close(solved.tensors["latents"], other.tensors["latents"], atol=0.1, rtol=0.1)


def test_its_pictures_are_the_teacher_s_and_the_first_one_is_given(solver: Solver, tmp_path: Path) -> None:
    list(solve_trajectories(solver, tmp_path / "made", 4))
    batch = TrajectoryCache(tmp_path / "made").batch([0, 1, 2, 3])
    with torch.no_grad():
        video = solver.vae.decode(batch.clip.latents)
    torch.testing.assert_close(batch.clip.pictures[:, 1], video[:, 8], atol=0.03, rtol=0.03)
    drawn = islice(solver.cache.order(solver.seed, 0, 1), 4)
    given = torch.stack([solver.cache[i].pictures[0] for (i,) in drawn])
    torch.testing.assert_close(batch.clip.pictures[:, 0], given, atol=0.003, rtol=0)


def test_shards_are_solved_once_and_alike_whoever_solves_them(solver: Solver, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("motionstream.training.trajectories.SHARD_CLIPS", 2)
    list(solve_trajectories(solver, tmp_path / "a", 4))
    solving = solve_trajectories(solver, tmp_path / "b", 4)
    assert next(solving) == 2
    solving.close()  # interrupted
    first = (tmp_path / "b" / "00000.safetensors").stat().st_mtime_ns
    assert list(solve_trajectories(replace(solver, batch=1), tmp_path / "b", 4)) == [2, 2]
    assert (tmp_path / "b" / "00000.safetensors").stat().st_mtime_ns == first
    a, b = (TrajectoryCache(tmp_path / name) for name in "ab")
    for i in range(4):
        torch.testing.assert_close(a[i].latents, b[i].latents, atol=0.02, rtol=0.02)
        assert a[i].caption == b[i].caption
    assert damaged_shards(tmp_path / "b") == []
    (tmp_path / "b" / "00001.safetensors").write_bytes(b"x")
    assert [name for name, _ in damaged_shards(tmp_path / "b")] == ["00001.safetensors"]


def test_the_student_learns_from_them(solver: Solver, tmp_path: Path) -> None:
    list(solve_trajectories(solver, tmp_path / "made", 4))
    batches = trajectory_batches(TrajectoryCache(tmp_path / "made"), 2, 0, 0)
    student = Networks.fresh(solver.preset.transformer, solver.preset.track_head)
    loss = causal_init_loss(CausalInitSettings(), solver.preset.stream, solver.vae)
    draw, optimizer = torch.Generator().manual_seed(0), torch.optim.AdamW(student.parameters(), lr=3e-3)
    values = []
    for _ in range(30):
        value, _ = loss(student, next(batches), draw)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(value.detach()))
    assert sum(values[-5:]) < 0.8 * sum(values[:5])


def test_the_noise_of_a_clip_is_not_that_of_another(solver: Solver) -> None:
    told = make_batch([solver.cache[0]], BatchSettings(), solver.cache.unprompted, np.random.default_rng(0))
    assert told.latents.shape == (1, 4, 6, 4, 6)
    states = solver.shard(0, 3).tensors["states"]
    assert len({state.float().numpy().tobytes() for state in states[:, 0]}) == 3
