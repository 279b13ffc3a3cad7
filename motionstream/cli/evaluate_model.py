"""Which model `motionstream evaluate` measures: a student, a teacher, or a baseline that learns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from motionstream.cli.console import say
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.config import StreamConfig
    from motionstream.evaluation.generation import Generate
    from motionstream.models.checkpoint import Checkpoint

TIMESTEPS: Mapping[int, tuple[float, ...]] = {
    1: (1000.0,),
    2: (1000.0, 750.0),
    3: (1000.0, 927.0, 771.0),
    4: (1000.0, 947.0, 857.0, 667.0),
}
"""Of students that are asked for another number of steps than they have: 2 as the embedded one has, 3 as the paper
has, 4 evenly spaced at its shift of 6."""

_TEACHER_STEPS = 50
_FLAGS_OF = {
    "steps": "student",
    "timesteps": "student",
    "sink": "student",
    "window": "student",
    "refresh_sink": "student",
    "guidance": "teacher",
    "text_guidance": "teacher",
    "motion_guidance": "teacher",
    "teacher_steps": "teacher",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedModel:
    """What is measured.

    Attributes:
        generate: Makes a clip.
        stream: Its size and frame rate.
        device: Where it runs, in words.
        settings: All that its clips depend on.
        any_size: Whether it takes pictures of any size and gives frames of the same.
    """

    generate: Generate
    stream: StreamConfig
    device: str
    settings: Mapping[str, Any]
    any_size: bool = False

    def at(self, stream: StreamConfig) -> Generate:
        """The model for pictures of a stream's size."""
        from motionstream.evaluation.generation import AtSize

        own = self.stream
        if self.any_size or (own.height, own.width) == (stream.height, stream.width):
            return self.generate
        return AtSize(generate=self.generate, height=own.height, width=own.width)


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """Flags that say what is measured."""

    checkpoint: Annotated[str | None, tyro.conf.Positional] = None
    """A checkpoint folder or hub id; by default the embedded one. Of baselines it gives size and frame rate."""
    model: Literal["student", "teacher", "still", "warp"] = "student"
    """student: streams; teacher: the checkpoint as a teacher, whole clips at once; still: frame 0 repeated; warp:
    frame 0 bent along the tracks by moving least squares."""
    steps: int | None = None
    """Denoising steps of the student, 1 to 4, in place of the checkpoint's; which timesteps they are is said."""
    timesteps: tuple[float, ...] = ()
    """Timesteps of the student, such as 1000 927 771, in place of the checkpoint's."""
    sink: int | None = None
    """Latent frames of the student's sink, in place of the checkpoint's."""
    window: int | None = None
    """Latent frames of the student's window, in place of the checkpoint's."""
    refresh_sink: int | None = None
    """Chunks after which the student's sink is replaced by newer frames; by default never."""
    guidance: Literal["joint", "text", "motion", "none"] | None = None
    """Guidance of the teacher; by default joint, by text and motion."""
    text_guidance: float | None = None
    """Weight of the teacher's guidance by text; by default the paper's 3."""
    motion_guidance: float | None = None
    """Weight of the teacher's guidance by motion; by default the paper's 1.5."""
    teacher_steps: int | None = None
    """Steps of the teacher; by default 50."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""

    def loaded(self) -> LoadedModel:
        """The model that the flags name.

        Raises:
            InputError: A flag is for another model, or its value cannot be used.
            CheckpointError: The checkpoint cannot be used.
        """
        self._check()
        if self.model == "student":
            return self._student()
        if self.model == "teacher":
            return self._teacher()
        from motionstream.evaluation.baselines import still, warp

        generate = still if self.model == "still" else warp
        return LoadedModel(
            generate=generate, stream=self._stream(), device="cpu", settings={"model": self.model}, any_size=True
        )

    def _check(self) -> None:
        for name, owner in _FLAGS_OF.items():
            if getattr(self, name) not in (None, ()) and self.model != owner:
                raise InputError(f"--{_flag(name)}: it is for --model {owner}, got --model {self.model}. Leave it out.")
        for name in ("steps", "teacher_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{_flag(name)}: wanted at least 1, got {value}.")
        if self.steps is not None and self.timesteps and len(self.timesteps) != self.steps:
            raise InputError(f"--steps {self.steps}: got {len(self.timesteps)} timesteps besides. Leave one out.")

    def _student(self) -> LoadedModel:
        from motionstream.streaming.engine import StreamEngine
        from motionstream.streaming.sink import SinkPolicy
        from motionstream.streaming.stream_generator import StreamGenerator

        stream = self._changed(self._stream())
        engine = StreamEngine(self._checkpoint(stream))
        settings = {
            "timesteps": list(stream.timesteps),
            "chunk_frames": stream.chunk_frames,
            "sink_frames": stream.sink_frames,
            "window_frames": stream.window_frames,
            **({} if self.refresh_sink is None else {"refresh_sink": self.refresh_sink}),
        }
        generate = StreamGenerator(engine, SinkPolicy(refresh_every=self.refresh_sink))
        return self._loaded(generate, engine.checkpoint, settings)

    def _teacher(self) -> LoadedModel:
        from motionstream.streaming.clip_generator import ClipGenerator
        from motionstream.streaming.guidance import JointGuidance

        paper = JointGuidance()
        full = JointGuidance(
            text=paper.text if self.text_guidance is None else self.text_guidance,
            motion=paper.motion if self.motion_guidance is None else self.motion_guidance,
        )
        guidance = {
            "joint": full,
            "text": replace(full, motion=0.0),
            "motion": replace(full, text=0.0),
            "none": JointGuidance(text=0.0, motion=0.0),
        }[self.guidance or "joint"]
        checkpoint, steps = self._checkpoint(self._stream()), self.teacher_steps or _TEACHER_STEPS
        settings = {"steps": steps, "text_weight": guidance.text, "motion_weight": guidance.motion}
        return self._loaded(
            ClipGenerator(checkpoint=checkpoint, guidance=guidance, num_steps=steps), checkpoint, settings
        )

    def _loaded(self, generate: Generate, checkpoint: Checkpoint, settings: Mapping[str, Any]) -> LoadedModel:
        described = {
            "model": self.model,
            "checkpoint": str(checkpoint.path),
            **settings,
            "dtype": str(checkpoint.dtype).removeprefix("torch."),
        }
        return LoadedModel(
            generate=generate, stream=checkpoint.stream, device=_in_words(checkpoint.device), settings=described
        )

    def _changed(self, stream: StreamConfig) -> StreamConfig:
        """The checkpoint's stream with what the flags put in its place."""
        timesteps = self.timesteps or stream.timesteps
        if not self.timesteps and self.steps not in (None, len(stream.timesteps)):
            if self.steps not in TIMESTEPS:
                raise InputError(f"--steps {self.steps}: wanted 1 to {max(TIMESTEPS)}. Name others by --timesteps.")
            timesteps = TIMESTEPS[self.steps]
            shown = " ".join(f"{step:g}" for step in timesteps)
            say(f"timesteps: {shown}; the checkpoint has {len(stream.timesteps)}")
        return replace(
            stream,
            timesteps=timesteps,
            sink_frames=stream.sink_frames if self.sink is None else self.sink,
            window_frames=stream.window_frames if self.window is None else self.window,
        )

    def _stream(self) -> StreamConfig:
        """The checkpoint's own, read without its weights."""
        from motionstream.config import PRESETS, StreamConfig
        from motionstream.models.checkpoint import DEFAULT_STREAM, STREAM_FILE

        path = self._folder() / STREAM_FILE
        return StreamConfig.from_json(path) if path.exists() else PRESETS[DEFAULT_STREAM]

    def _checkpoint(self, stream: StreamConfig) -> Checkpoint:
        from motionstream.models.checkpoint import load_checkpoint
        from motionstream.streaming.device import choose_device, choose_dtype

        device = choose_device(self.device)
        return load_checkpoint(self._folder(), device, choose_dtype(self.dtype, device), stream=stream)

    def _folder(self) -> Path:
        from motionstream.models.checkpoint_source import find_checkpoint
        from motionstream.streaming.engine import embedded_checkpoint

        return embedded_checkpoint() if self.checkpoint is None else find_checkpoint(self.checkpoint)


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _in_words(device: Any) -> str:
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
