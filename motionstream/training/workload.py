"""What each stage of a preset evaluates for one clip: the stages' own code, counted."""

from dataclasses import dataclass, replace
from itertools import product

from motionstream.models.umt5 import TINY_MAX_TOKENS, WAN_MAX_TOKENS
from motionstream.models.wan import teacher_forcing_mask
from motionstream.training.autoencoder_cost import autoencoder_of
from motionstream.training.causal_init import CausalInitSettings
from motionstream.training.network_cost import Evaluation, mixed
from motionstream.training.presets import Preset, StageSettings
from motionstream.training.trajectories import SHARD_CLIPS, Solver

Counted = tuple[tuple[float, Evaluation], ...]
"""How often, on average, and what."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """What one update of a network evaluates for each clip of its batch.

    Attributes:
        trained: With gradient; their graphs are alive together.
        free: Without gradient, of networks that the stage trains.
        frozen: Without gradient, of the teacher.
        decoded: How often the video is decoded without gradient.
        decoded_trained: How often with one.
        rolls_out: Whether a student is streamed, with its cache.
        times: Such updates in a step.
    """

    trained: tuple[Evaluation, ...] = ()
    free: Counted = ()
    frozen: Counted = ()
    decoded: int = 0
    decoded_trained: int = 0
    rolls_out: bool = False
    times: int = 1

    @property
    def keeps_rollout(self) -> bool:
        """Whether the graphs of the streamed chunks wait for a loss over all of them."""
        return self.rolls_out and self.trained[0].times == 0


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A stage, counted.

    Attributes:
        name: Of the stage.
        steps: Of its run.
        batch: Clips of an update, over all GPUs that make it.
        updates: Of a step.
        num_trained: Networks with an optimiser.
        num_frozen: Networks without one.
        num_shards: Files that the processes make each for itself, in so many steps and batches each; 0 where all make
            every step together.
        optional: Whether the paper's recipe does not have it.
    """

    name: str
    steps: int
    batch: int
    updates: tuple[Update, ...]
    num_trained: int = 1
    num_frozen: int = 0
    num_shards: int = 0
    optional: bool = False

    def clips_on_one(self, num_gpus: int) -> int:
        """Clips of an update on one of so many GPUs."""
        return self.batch if self.num_shards else self.batch // num_gpus

    def steps_on(self, num_gpus: int) -> int:
        """Steps of the GPU that has most to do."""
        return self.steps * -(-self.num_shards // num_gpus) if self.num_shards else self.steps


@dataclass(frozen=True, kw_only=True)
class ClipShape:
    """Sizes of a preset's clips.

    Attributes:
        num_frames: Latent frames.
        frame_cells: Latent cells of one of them.
        frame_tokens: Tokens of one of them.
        num_pixels: Of all video frames.
        chunk_pixels: Of the video frames of one chunk after the first.
        prompt_tokens: Rows of a prompt's embedding, padding included.
    """

    num_frames: int
    frame_cells: int
    frame_tokens: int
    num_pixels: int
    chunk_pixels: int
    prompt_tokens: int

    @classmethod
    def of(cls, preset: Preset) -> "ClipShape":
        """Works them out."""
        stream, (_, p_h, p_w) = preset.stream, preset.transformer.patch_size
        stride, picture = autoencoder_of(preset.transformer).spatial_stride, stream.height * stream.width
        rows, columns = stream.height // stride, stream.width // stride
        return cls(
            num_frames=stream.num_chunks(preset.num_frames) * stream.chunk_frames,
            frame_cells=rows * columns,
            frame_tokens=(rows // p_h) * (columns // p_w),
            num_pixels=preset.num_frames * picture,
            chunk_pixels=stream.video_frames_in_chunk(1) * picture,
            prompt_tokens=TINY_MAX_TOKENS if preset.embedded else WAN_MAX_TOKENS,
        )


def workloads(preset: Preset) -> tuple[Workload, ...]:
    """Counts every stage that needs a GPU, in the order in which they are run."""
    return (
        _bidirectional("teacher", preset, preset.teacher),
        _bidirectional("teacher --masked", preset, preset.masked_teacher),
        _rollout(preset),
        _trajectories(preset),
        _causal_init(preset),
        _self_forcing(preset),
    )


def _clip(preset: Preset) -> Evaluation:
    shape = ClipShape.of(preset)
    return Evaluation.of_clip(shape.num_frames, shape.frame_tokens)


def _bidirectional(name: str, preset: Preset, stage: StageSettings) -> Workload:
    return Workload(name=name, steps=stage.loop.steps, batch=stage.batch, updates=(Update(trained=(_clip(preset),)),))


def _chunks(preset: Preset) -> tuple[Evaluation, ...]:
    stream, shape = preset.stream, ClipShape.of(preset)
    return Evaluation.of_chunks(
        shape.num_frames, stream.chunk_frames, stream.sink_frames, stream.window_frames, shape.frame_tokens
    )


def _streamed(preset: Preset, *, trained: bool, decoded: int, decoded_trained: int = 0) -> Update:
    """A rollout: every chunk stops at a drawn step; all but the last are written into the cache by one pass more."""
    chunks, steps = _chunks(preset), (len(preset.stream.timesteps) + 1) / 2
    before = tuple((steps - trained, chunk) for chunk in chunks)
    written = tuple((1.0, chunk) for chunk in chunks[:-1])
    return Update(
        trained=chunks if trained else (),
        free=(*before, *written),
        decoded=decoded,
        decoded_trained=decoded_trained,
        rolls_out=True,
    )


def _rollout(preset: Preset) -> Workload:
    """Both the student's video, with gradient, and the true one are decoded."""
    stage = preset.rollout
    return Workload(
        name="rollout",
        steps=stage.loop.steps,
        batch=stage.batch,
        updates=(_streamed(preset, trained=True, decoded_trained=1, decoded=1),),
        optional=True,
    )


def _trajectories(preset: Preset) -> Workload:
    """Every process solves shards of its own."""
    distillation = preset.distillation
    evaluations = distillation.teacher_steps * distillation.guidance.num_evaluations
    return Workload(
        name="trajectories",
        steps=SHARD_CLIPS // Solver.batch,
        batch=Solver.batch,
        updates=(Update(frozen=((evaluations, _clip(preset)),), decoded=1),),
        num_trained=0,
        num_frozen=1,
        num_shards=-(-distillation.num_trajectories // SHARD_CLIPS),
    )


def _causal_init(preset: Preset) -> Workload:
    stage, settings = preset.causal_init, CausalInitSettings()
    memories = drawn_memories(preset, settings)
    evaluations = [_forced(preset, sink, window) for _, sink, window in memories]
    return Workload(
        name="causal-init",
        steps=stage.loop.steps,
        batch=stage.batch,
        updates=(Update(trained=(mixed(evaluations, [share for share, _, _ in memories]),)),),
    )


def _forced(preset: Preset, sink: int, window: int | None) -> Evaluation:
    shape = ClipShape.of(preset)
    mask = teacher_forcing_mask(shape.num_frames, preset.stream.chunk_frames, sink, window)
    return Evaluation.masked(mask, shape.frame_tokens)


def drawn_memories(preset: Preset, settings: CausalInitSettings) -> list[tuple[float, int, int | None]]:
    """Returns the share, sink and window of every memory that `draw_memory` may draw."""
    sizes = range(settings.most_frames + 1)
    rest = 1 - settings.full_share - settings.window_share - settings.stream_share
    return [
        (settings.full_share, 0, None),
        *((settings.window_share / len(sizes), 0, max(1, window)) for window in sizes),
        (settings.stream_share, preset.stream.sink_frames, preset.stream.window_frames),
        *((rest / len(sizes) ** 2, sink, window) for sink, window in product(sizes, sizes)),
    ]


def _self_forcing(preset: Preset) -> Workload:
    """Updates of the critic on what the student streams, then one of the student by both scores."""
    stage, distillation, clip = preset.self_forcing, preset.distillation, _clip(preset)
    decoded = int(preset.track_head.copy == "picture")
    rollout = _streamed(preset, trained=True, decoded=decoded)
    streamed = _streamed(preset, trained=False, decoded=decoded)
    critic = replace(streamed, trained=(clip,), times=distillation.critic_updates)
    student = replace(
        rollout, free=(*rollout.free, (1.0, clip)), frozen=((distillation.guidance.num_evaluations, clip),)
    )
    return Workload(
        name="self-forcing",
        steps=stage.loop.steps,
        batch=stage.batch,
        updates=(critic, student),
        num_trained=2,
        num_frozen=1,
    )
