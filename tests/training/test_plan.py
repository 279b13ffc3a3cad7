import copy
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from motionstream.errors import InputError
from motionstream.models.scheduler import shifted_timesteps
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.clip_sampler import sample_clip
from motionstream.training import distributed
from motionstream.training.batch import BatchSettings, ClipBatch, make_batch
from motionstream.training.causal_init import CausalInitSettings, TrajectoryBatch, causal_init_loss, draw_memory
from motionstream.training.clip_condition import EncodedMotion, clip_condition
from motionstream.training.footprint import NetworkSize, footprint
from motionstream.training.hardware import GPUS, parse_machine
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.plan import USABLE, StagePlan, TrainingPlan, plan_training
from motionstream.training.presets import PRESETS, Preset
from motionstream.training.rollout import rollout_loss
from motionstream.training.self_forcing import SelfForcing, SelfForcingSettings
from motionstream.training.teacher import TeacherSettings, teacher_loss
from motionstream.training.trajectories import own_shards
from motionstream.training.workload import Update, Workload, drawn_memories, workloads

UNPROMPTED = torch.full((5, 64), 0.5)
BIG = PRESETS["wan2.1-1.3b"]

Counts = Counter[tuple[int, bool]]
"""How often a network evaluated so many tokens a clip, with gradient or without."""


@pytest.fixture
def one_step(preset: Preset) -> Preset:
    """A recipe whose rollouts have one step, so that nothing about them is drawn."""
    return replace(preset, stream=replace(preset.stream, timesteps=(1000.0,)))


@pytest.fixture
def batch(clips: list[LatentClip]) -> ClipBatch:
    return make_batch(clips[:1], BatchSettings(text_dropout=0.0), UNPROMPTED, np.random.default_rng(0))


@pytest.fixture
def vae(small_vae: TinyVAE) -> TinyVAE:
    return small_vae.requires_grad_(False)


@pytest.fixture
def self_forcing(student: Networks, one_step: Preset, vae: TinyVAE) -> SelfForcing:
    teacher = copy.deepcopy(student).eval().requires_grad_(False)
    return SelfForcing(teacher, vae, one_step.stream, UNPROMPTED, SelfForcingSettings())


@contextmanager
def counting(*networks: Networks) -> Iterator[Counts]:
    counts: Counts = Counter()

    def count(block: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        counts[arguments[0].shape[1], torch.is_grad_enabled()] += 1

    with ExitStack() as hooks:
        for network in networks:
            handle = network.transformer.blocks[0].register_forward_pre_hook(count)
            hooks.callback(handle.remove)
        yield counts


def planned(preset: Preset, name: str) -> Workload:
    return next(work for work in workloads(preset) if work.name == name)


def counts_of(update: Update) -> Counts:
    counts: Counts = Counter()
    for evaluation in update.trained:
        counts[evaluation.tokens, True] += 1
    for times, evaluation in (*update.free, *update.frozen):
        counts[evaluation.tokens, False] += int(times)
    return +counts


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_teacher_evaluates_what_is_planned(
    student: Networks, batch: ClipBatch, one_step: Preset, vae: TinyVAE
) -> None:
    with counting(student) as counts:
        teacher_loss(TeacherSettings(), vae)(student, batch, chance())
    assert counts == counts_of(planned(one_step, "teacher").updates[0])


def test_the_rollout_evaluates_what_is_planned(
    student: Networks, batch: ClipBatch, one_step: Preset, vae: TinyVAE
) -> None:
    with counting(student) as counts:
        rollout_loss(one_step.stream, vae)(student, batch, chance())
    assert counts == counts_of(planned(one_step, "rollout").updates[0])


def test_the_trajectories_evaluate_what_is_planned(
    student: Networks, batch: ClipBatch, one_step: Preset, vae: TinyVAE
) -> None:
    steps = shifted_timesteps(one_step.distillation.teacher_steps, one_step.shift)
    motion = EncodedMotion.of(batch, batch.tracks, student.track_head.config, vae)
    told = clip_condition(student.track_head, motion, batch, vae, UNPROMPTED)
    with counting(student) as counts:
        sample_clip(student.transformer, told, steps, one_step.distillation.guidance, torch.randn_like(batch.latents))
    assert counts == counts_of(planned(one_step, "trajectories").updates[0])


def test_the_causal_initialisation_evaluates_what_is_planned(
    student: Networks, batch: ClipBatch, one_step: Preset, vae: TinyVAE
) -> None:
    trajectories = TrajectoryBatch(batch, torch.randn(1, *batch.latents.shape))
    with counting(student) as counts:
        causal_init_loss(CausalInitSettings(), one_step.stream, vae)(student, trajectories, chance())
    assert counts == counts_of(planned(one_step, "causal-init").updates[0])


def test_the_critic_s_update_evaluates_what_is_planned(
    self_forcing: SelfForcing, student: Networks, batch: ClipBatch, one_step: Preset
) -> None:
    critic = copy.deepcopy(student)
    with counting(student, critic, self_forcing.teacher) as counts:
        self_forcing.critic_loss(student)(critic, batch, chance())
    update = planned(one_step, "self-forcing").updates[0]
    assert update.times == 5
    assert counts == counts_of(update)


def test_the_student_s_update_evaluates_what_is_planned(
    self_forcing: SelfForcing, student: Networks, batch: ClipBatch, one_step: Preset
) -> None:
    critic = copy.deepcopy(student)
    with counting(student, critic, self_forcing.teacher) as counts:
        self_forcing.student_loss(critic)(student, batch, chance())
    assert counts == counts_of(planned(one_step, "self-forcing").updates[1])


def test_masks_are_mixed_as_they_are_drawn(preset: Preset) -> None:
    shares: defaultdict[tuple[int, int | None], float] = defaultdict(float)
    for share, sink, window in drawn_memories(preset, CausalInitSettings()):
        shares[sink, window] += share
    draw, num = chance(), 4000
    drawn = Counter(draw_memory(CausalInitSettings(), preset.stream, draw) for _ in range(num))
    assert sum(shares.values()) == pytest.approx(1)
    assert drawn.keys() <= shares.keys()
    for memory, share in shares.items():
        assert drawn[memory] / num == pytest.approx(share, abs=0.03)


def stages(plan: TrainingPlan) -> dict[str, StagePlan]:
    return {stage.name: stage for stage in plan.stages}


def test_parameters_are_those_of_the_real_networks(preset: Preset, student: Networks) -> None:
    size = NetworkSize.of(preset)
    assert size.total == sum(p.numel() for p in student.parameters())
    assert size.root + preset.transformer.num_layers * size.block == size.total
    assert NetworkSize.of(BIG).total == pytest.approx(1.419e9, rel=0.002)  # as published, and channels for motion


def test_twice_the_gpus_take_half_the_time_and_more_in_all_take_no_less() -> None:
    eight, sixteen = (plan_training(BIG, parse_machine(f"{n}xH100-80GB")) for n in (8, 16))
    assert sixteen.stages[0].hours == pytest.approx(eight.stages[0].hours / 2, rel=0.01)
    assert sixteen.stages[0].gpu_days >= 0.999 * eight.stages[0].gpu_days
    solved, faster = stages(eight)["trajectories"], stages(sixteen)["trajectories"]
    assert (solved.num_gpus, faster.num_gpus) == (8, 16)
    assert faster.hours == pytest.approx(solved.hours / 2)


@pytest.mark.parametrize("processes", [1, 3, 8, 125, 200])
def test_trajectories_take_as_long_as_the_process_with_most_shards(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: processes)
    most = sum(own_shards(BIG.distillation.num_trajectories).values())
    work = planned(BIG, "trajectories")
    assert work.steps_on(processes) * work.clips_on_one(processes) == most


def test_no_more_gpus_solve_trajectories_than_there_are_shards() -> None:
    few = replace(BIG, distillation=replace(BIG.distillation, num_trajectories=40))
    solved = stages(plan_training(few, parse_machine("8xH100-80GB")))["trajectories"]
    assert (solved.num_gpus, solved.steps, solved.batch) == (2, 4, 16)


def test_half_the_utilisation_takes_twice_the_time() -> None:
    machine = parse_machine("8xH100-80GB")
    whole, half = (plan_training(BIG, machine, mfu).hours for mfu in (0.4, 0.2))
    assert half == pytest.approx(2 * whole, rel=0.01)


@pytest.mark.parametrize("text", ["4xH100-80GB", "1xB200-192GB", "4xRTX4090-24GB"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_stage_that_fits_takes_the_most_clips_at_once_that_the_memory_bears(name: str, text: str) -> None:
    machine, preset = parse_machine(text), PRESETS[name]
    limit = USABLE * machine.gpu.memory_gb * 1e9
    for stage, work in zip(plan_training(preset, machine).stages, workloads(preset), strict=True):
        part = stage.clips_at_once * stage.accumulate
        assert part * stage.num_gpus == stage.batch
        assert stage.fits == (stage.memory.total <= limit)
        assert stage.fits == (not stage.advice)
        for more in range(stage.clips_at_once + 1, part + 1):
            if stage.fits and part % more == 0:
                held = footprint(preset, work, stage.num_gpus, more, checkpointing=stage.checkpointing)
                assert held.total > limit
        if stage.checkpointing:
            assert footprint(preset, work, stage.num_gpus, 1, checkpointing=False).total > limit


def test_advice_that_is_followed_helps() -> None:
    small = stages(plan_training(PRESETS["wan2.2-5b"], parse_machine("1xH100-80GB")))["teacher"]
    assert not small.fits
    number, kind = small.advice.split("; or ")
    assert number.endswith(" GPUs of this kind")
    enough = int(number.split()[0])
    assert stages(plan_training(PRESETS["wan2.2-5b"], parse_machine(f"{enough}xH100-80GB")))["teacher"].fits
    for name in kind.removeprefix("1x ").split(" or "):
        assert stages(plan_training(PRESETS["wan2.2-5b"], parse_machine(name)))["teacher"].fits


def test_what_no_gpu_bears_is_said_to_need_smaller_clips() -> None:
    rollout = stages(plan_training(BIG, parse_machine("8xB200-192GB")))["rollout"]
    assert not rollout.fits
    assert "no listed GPU is large enough" in rollout.advice


def test_networks_in_shards_take_less_memory_of_each_gpu() -> None:
    work = planned(BIG, "teacher")
    one, eight = (footprint(BIG, work, n, 1, checkpointing=True) for n in (1, 8))
    assert eight.trained == pytest.approx(one.trained / 8)
    assert eight.gathered > one.gathered == 0
    assert eight.activations == one.activations


def test_the_frozen_teacher_is_in_shards_beside_a_student_and_whole_where_each_gpu_works_for_itself() -> None:
    whole = 4 * NetworkSize.of(BIG).total
    forcing, solving = (
        footprint(BIG, planned(BIG, name), 8, 1, checkpointing=False).frozen
        for name in ("self-forcing", "trajectories")
    )
    assert (forcing, solving) == (whole / 8, whole)


@pytest.mark.parametrize("text", ["8xH100-80GB", "8xA100-80GB"])
def test_self_forcing_fits_by_checkpointing_of_the_streamed_chunks(text: str) -> None:
    stage = stages(plan_training(BIG, parse_machine(text)))["self-forcing"]
    assert (stage.fits, stage.checkpointing) == (True, True)


def test_the_total_is_of_the_stages_that_the_paper_has() -> None:
    plan = plan_training(BIG, parse_machine("8xH100-80GB"))
    assert [stage.name for stage in plan.stages if stage.optional] == ["rollout"]
    assert plan.hours == pytest.approx(sum(s.hours for s in plan.stages if s.name != "rollout"))
    assert plan.to_json()["gpu_days"] == pytest.approx(plan.gpu_days)


def test_a_batch_that_the_gpus_cannot_share_is_refused() -> None:
    with pytest.raises(InputError, match=r"divides the batch of 128 of teacher, got 3"):
        plan_training(BIG, parse_machine("3xH100-80GB"))


@pytest.mark.parametrize("mfu", [0.0, -0.1, 1.1, float("nan")])
def test_a_utilisation_that_is_no_part_is_refused(mfu: float) -> None:
    with pytest.raises(InputError, match="--mfu"):
        plan_training(BIG, parse_machine("H100-80GB"), mfu)


def test_machines_are_read_with_and_without_a_number_in_any_case() -> None:
    assert parse_machine("8xH100-80GB").count == 8
    assert parse_machine(" rtx4090-24gb ").gpu is GPUS["RTX4090-24GB"]
    assert str(parse_machine("2Xl40s-48gb")) == "2xL40S-48GB"


@pytest.mark.parametrize("text", ["", "8", "8x", "0xH100-80GB", "8xH100", "-1xH100-80GB", "8 H100-80GB"])
def test_an_unknown_machine_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_machine(text)
    assert all(name in str(caught.value) for name in GPUS)
    assert repr(text) in str(caught.value)
