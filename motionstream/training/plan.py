"""How much memory and time the stages of a preset take on so many GPUs, from the configuration alone."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from motionstream.errors import InputError
from motionstream.training.autoencoder_cost import autoencoder_of
from motionstream.training.duration import step_seconds
from motionstream.training.footprint import Footprint, NetworkSize, footprint
from motionstream.training.hardware import GPUS, Machine
from motionstream.training.presets import Preset
from motionstream.training.trajectories import SHARD_CLIPS, Solver
from motionstream.training.workload import ClipShape, Workload, workloads

USABLE = 0.95
"""Share of the stated memory, in 10^9 bytes, that tensors may take; the driver and fragments take the rest."""


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """What one stage takes.

    Attributes:
        name: As on the command line.
        steps: Of its run.
        batch: Clips of an update, over all GPUs.
        num_gpus: That work on it.
        clips_at_once: On one GPU.
        accumulate: Passes of an update.
        checkpointing: Whether it needs gradient checkpointing.
        memory: Of one GPU.
        step_seconds: Of one step.
        fits: Whether the memory is enough.
        optional: Whether the paper's recipe does not have it.
        advice: What would make it fit; empty where it does.
    """

    name: str
    steps: int
    batch: int
    num_gpus: int
    clips_at_once: int
    accumulate: int
    checkpointing: bool
    memory: Footprint
    step_seconds: float
    fits: bool
    optional: bool
    advice: str = ""

    @property
    def hours(self) -> float:
        """Of the whole stage."""
        return self.steps * self.step_seconds / 3600

    @property
    def gpu_days(self) -> float:
        """Of the GPUs that work on it."""
        return self.hours * self.num_gpus / 24


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What a preset takes.

    Attributes:
        preset: Its name.
        machine: The GPUs.
        stages: In the order in which they are run.
        assumptions: What the numbers rest on, one sentence or two each.
    """

    preset: str
    machine: str
    stages: tuple[StagePlan, ...]
    assumptions: tuple[str, ...]

    @property
    def needed(self) -> tuple[StagePlan, ...]:
        """The stages of the paper's recipe."""
        return tuple(stage for stage in self.stages if not stage.optional)

    @property
    def hours(self) -> float:
        """Of the needed stages, one after the other."""
        return sum(stage.hours for stage in self.needed)

    @property
    def gpu_days(self) -> float:
        """Of the needed stages."""
        return sum(stage.gpu_days for stage in self.needed)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with memory in bytes."""
        stages = [
            {
                **asdict(stage),
                "memory": {**asdict(stage.memory), "total": stage.memory.total},
                "hours": stage.hours,
                "gpu_days": stage.gpu_days,
            }
            for stage in self.stages
        ]
        return {**asdict(self), "stages": stages, "hours": self.hours, "gpu_days": self.gpu_days}


def plan_training(preset: Preset, machine: Machine, mfu: float = 0.4) -> TrainingPlan:
    """Plans all stages of a preset.

    Args:
        preset: The model and its recipe.
        machine: The GPUs.
        mfu: Part of the stated rates that is reached.

    Raises:
        InputError: The GPUs cannot share a stage's batch, or `mfu` is no part.
    """
    if not 0 < mfu <= 1:
        raise InputError(f"--mfu: wanted more than 0 and at most 1, got {mfu}.")
    stages = tuple(_planned(preset, work, machine, mfu) for work in workloads(preset))
    return TrainingPlan(
        preset=preset.name, machine=str(machine), stages=stages, assumptions=_assumptions(preset, machine, mfu)
    )


def _planned(preset: Preset, work: Workload, machine: Machine, mfu: float) -> StagePlan:
    machine = replace(machine, count=min(machine.count, work.num_shards)) if work.num_shards else machine
    part = work.clips_on_one(machine.count)
    if not work.num_shards and part * machine.count != work.batch:
        raise InputError(
            f"--gpus: wanted a number of GPUs that divides the batch of {work.batch} of {work.name}, "
            f"got {machine.count}. Choose a divisor."
        )
    found = next(_fitting(preset, work, machine), None)
    clips, checkpointing = found or (1, work.num_trained > 0)
    return StagePlan(
        name=work.name,
        steps=work.steps_on(machine.count),
        batch=part * machine.count,
        num_gpus=machine.count,
        clips_at_once=clips,
        accumulate=part // clips,
        checkpointing=checkpointing,
        memory=footprint(preset, work, machine.count, clips, checkpointing=checkpointing),
        step_seconds=step_seconds(preset, work, machine, mfu, clips, checkpointing=checkpointing),
        fits=found is not None,
        optional=work.optional,
        advice="" if found else _advice(preset, work, machine),
    )


def _fitting(preset: Preset, work: Workload, machine: Machine) -> Iterator[tuple[int, bool]]:
    """Yields the clips at once, and whether with gradient checkpointing, that the memory bears; the fastest first."""
    part = work.clips_on_one(machine.count)
    for checkpointing in (False, True) if work.num_trained else (False,):
        for clips in range(part, 0, -1):
            if part % clips == 0 and _fits(preset, work, machine, clips, checkpointing=checkpointing):
                yield clips, checkpointing


def _fits(preset: Preset, work: Workload, machine: Machine, clips: int, *, checkpointing: bool) -> bool:
    held = footprint(preset, work, machine.count, clips, checkpointing=checkpointing).total
    return held <= USABLE * machine.gpu.memory_gb * 1e9


def _advice(preset: Preset, work: Workload, machine: Machine) -> str:
    """What would make one clip at once fit, as far as something would."""
    ways = []
    counts = [n for n in range(machine.count + 1, work.batch + 1) if work.batch % n == 0] if work.num_trained else []
    enough = next((n for n in counts if next(_fitting(preset, work, replace(machine, count=n)), None)), None)
    if enough:
        ways.append(f"{enough} GPUs of this kind")
    larger = [gpu for gpu in GPUS.values() if next(_fitting(preset, work, replace(machine, gpu=gpu)), None)]
    if larger:
        ways.append(f"{machine.count}x " + " or ".join(gpu.name for gpu in larger))
    return "; or ".join(ways) or "a smaller picture or fewer video frames: no listed GPU is large enough"


def _assumptions(preset: Preset, machine: Machine, mfu: float) -> tuple[str, ...]:
    gpu, size, shape = machine.gpu, NetworkSize.of(preset), ClipShape.of(preset)
    stream, decoder = preset.stream, autoencoder_of(preset.transformer)
    return (
        f"Nothing was run: times are operations over {mfu:.0%} of the GPU's stated dense rate "
        f"({gpu.bfloat16_tflops:g} TFLOPS in bfloat16, {gpu.tf32_tflops:g} in the autoencoder's TF32).",
        f"One network has {size.total / 1e9:.2f} billion parameters. A clip is {preset.num_frames} video frames of "
        f"{stream.width}x{stream.height}: {shape.num_frames * shape.frame_tokens} tokens, "
        f"prompts of {shape.prompt_tokens} tokens.",
        "Trained networks: float32 weight, gradient, two moments and average, in shards over the GPUs, and so is the "
        "frozen teacher beside them.",
        f"At most {USABLE:.0%} of the memory is used. Clips at once and accumulated passes are the largest that fit; "
        "gradient checkpointing is used where one clip does not fit without, and keeps a copy of what each streamed "
        "chunk has read of its cache.",
        f"All GPUs are linked with {gpu.link_gbps:g} GB/s each way, and the gathering of weights is hidden behind "
        "computing until it takes longer; one machine's network to another is not counted.",
        f"Trajectories: each GPU solves shards of {SHARD_CLIPS} by a whole teacher of its own, {Solver.batch} in a "
        "step; the steps are those of the GPU with most shards.",
        f"A rollout stops after each of its {len(stream.timesteps)} steps equally often. Its chunks are decoded, in "
        f"float32 by {decoder.name} autoencoder, in the stage rollout and where tracks carry parts of pictures.",
        "Left out: encoding clips and prompts, training autoencoders and the text encoder, reading data, previews, "
        "saving, starting kernels (most of the time of a small network), and in the total the stage rollout, which "
        "the paper's recipe does not have.",
    )
