"""`motionstream evaluate`: what a checkpoint can do, on held-out clips, on two drags of one picture, on photographs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import tyro

from motionstream.cli.console import notes
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.evaluation.report import Section
    from motionstream.streaming.engine import StreamEngine
    from motionstream.training.world import Clip

T = TypeVar("T")
HELD_OUT = 900_000_000
"""First seed of the held-out clips; training draws from 10,000,000 to 200,000,000."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure how well a checkpoint follows tracks: held-out clips, two drags of one picture, photographs."""

    checkpoint: Annotated[str | None, tyro.conf.Positional] = None
    """A checkpoint folder or hub id; by default the embedded one."""
    clips: int = 100
    """Held-out procedural clips."""
    points: int = 200
    """Tracks of a clip that the model is told."""
    num_frames: int = 33
    """Video frames of every clip and drag."""
    photographs: Path | None = None
    """A folder with the five photographs of the check; left out, that check is not made."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""
    json: Path | None = None
    """Also write the report to this JSON file."""

    def run(self) -> int:
        """Measure and print; returns 0 if every demand is met, else 1."""
        for flag, value in (("clips", self.clips), ("points", self.points), ("num-frames", self.num_frames)):
            if value < 1:
                raise InputError(f"--{flag}: wanted at least 1, got {value}.")
        from motionstream.evaluation.report import circumstances, print_report, save_report
        from motionstream.streaming.engine import StreamEngine

        engine = StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype)
        sections = list(self._sections(engine))
        under = circumstances(str(engine.checkpoint.device)) | {"dtype": str(engine.checkpoint.dtype)}
        print_report(sections, under)
        if self.json is not None:
            save_report(self.json, sections, under)
        return 0 if all(section.passed for section in sections) else 1

    def _sections(self, engine: StreamEngine) -> Iterator[Section]:
        from motionstream.evaluation.checks import check_clips, check_photographs, check_two_drags
        from motionstream.evaluation.photographs import DRAG_PLANS, open_photographs
        from motionstream.evaluation.scenes import two_drags_on_clip
        from motionstream.streaming.stream_generator import StreamGenerator

        generate, config = StreamGenerator(engine), engine.config
        clips = _shown(self._held_out(engine), "held-out clips", self.clips)
        yield check_clips(generate, clips, told_points=self.points).section()
        clips = _shown(self._held_out(engine), "two drags", self.clips)
        drags = (two_drags_on_clip(clip, f"clip {index}") for index, clip in enumerate(clips))
        yield check_two_drags(generate, (drag for drag in drags if drag is not None)).section()
        if self.photographs is not None:
            pictures = open_photographs(
                self.photographs, height=config.height, width=config.width, num_frames=self.num_frames
            )
            yield check_photographs(generate, _shown(pictures, "photographs", len(DRAG_PLANS))).section()

    def _held_out(self, engine: StreamEngine) -> Iterator[Clip]:
        from motionstream.training.world import make_clip

        for seed in range(HELD_OUT, HELD_OUT + self.clips):
            yield make_clip(seed, self.num_frames, engine.config.height, engine.config.width)


def _shown(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The items, with a progress bar while they are taken."""
    from rich.progress import track

    return track(items, what, total=total, console=notes(), transient=True)
