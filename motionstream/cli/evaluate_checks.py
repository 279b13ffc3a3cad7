"""The checks of `motionstream evaluate`: which there are, and the scenes each of them is made on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from motionstream.cli.console import notes
from motionstream.cli.evaluate_data import HELD_OUT
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.config import StreamConfig
    from motionstream.evaluation.generation import Generate
    from motionstream.evaluation.report import Section
    from motionstream.training.world import Clip

T = TypeVar("T")

Check = Literal["clips", "two-drags", "photographs", "colours", "permanence", "drift", "fast-drags"]


@dataclass(frozen=True, kw_only=True)
class Checks:
    """A model and how thoroughly it is checked.

    Attributes:
        generate: The model.
        stream: Its size and frame rate.
        scenes: Of each check.
        points: Tracks of a clip that the model is told.
        num_frames: Video frames of a clip or drag.
        drift_frames: Video frames of the long streams.
        drift_scenes: How many long streams.
        told_share: Of a scene's points, told in the check of permanence.
        photographs: Folder of the photographs.
    """

    generate: Generate
    stream: StreamConfig
    scenes: int
    points: int
    num_frames: int
    drift_frames: int
    drift_scenes: int
    told_share: float
    photographs: Path | None

    def sections(self, names: Iterable[Check]) -> Iterator[Section]:
        """The verdicts, one after the other."""
        makers: Mapping[Check, Callable[[], Section]] = {
            "clips": self._clips,
            "two-drags": self._two_drags,
            "photographs": self._photographs,
            "colours": self._colours,
            "permanence": self._permanence,
            "drift": self._drift,
            "fast-drags": self._fast_drags,
        }
        return (makers[name]() for name in names)

    @property
    def _size(self) -> dict[str, int]:
        return {"height": self.stream.height, "width": self.stream.width}

    def _clips(self) -> Section:
        from motionstream.evaluation.checks import check_clips

        clips = shown(self._held_out(), "held-out clips", self.scenes)
        return check_clips(self.generate, clips, told_points=self.points).section()

    def _two_drags(self) -> Section:
        from motionstream.evaluation.checks import check_two_drags
        from motionstream.evaluation.scenes import two_drags_on_clip

        clips = shown(self._held_out(), "two drags", self.scenes)
        drags = (two_drags_on_clip(clip, f"clip {index}") for index, clip in enumerate(clips))
        return check_two_drags(self.generate, (drag for drag in drags if drag is not None)).section()

    def _photographs(self) -> Section:
        from motionstream.evaluation.checks import check_photographs
        from motionstream.evaluation.photographs import DRAG_PLANS, open_photographs

        if self.photographs is None:
            raise InputError("The check photographs: wanted --photographs FOLDER besides. Give it, or leave it out.")
        pictures = open_photographs(
            self.photographs, height=self.stream.height, width=self.stream.width, num_frames=self.num_frames
        )
        return check_photographs(self.generate, shown(pictures, "photographs", len(DRAG_PLANS))).section()

    def _colours(self) -> Section:
        from motionstream.cli.evaluation_scenes import colour_scenes
        from motionstream.evaluation.checks import check_colours

        made = colour_scenes(count(HELD_OUT), num_frames=self.num_frames, **self._size)
        return check_colours(self.generate, self._some(made, "colours")).section()

    def _permanence(self) -> Section:
        from motionstream.cli.evaluation_scenes import behind_scenes
        from motionstream.evaluation.checks import check_permanence

        made = behind_scenes(count(HELD_OUT), num_frames=self.num_frames, told_share=self.told_share, **self._size)
        return check_permanence(self.generate, self._some(made, "permanence")).section()

    def _drift(self) -> Section:
        from motionstream.cli.evaluation_scenes import long_clips
        from motionstream.evaluation.checks import check_drift
        from motionstream.evaluation.perceptual import perceptual_distance

        made = long_clips(count(HELD_OUT), num_frames=self.drift_frames, **self._size)
        clips = shown(islice(made, self.drift_scenes), "drift", self.drift_scenes)
        return check_drift(self.generate, clips, distance=perceptual_distance).section()

    def _fast_drags(self) -> Section:
        from motionstream.cli.evaluation_scenes import fast_drags
        from motionstream.evaluation.checks import check_fast_drags

        scenes = self._some(fast_drags(count(HELD_OUT), **self._size), "fast drags")
        return check_fast_drags(self.generate, scenes, num_frames=self.num_frames).section()

    def _held_out(self) -> Iterator[Clip]:
        from motionstream.training.world import make_clip

        for seed in range(HELD_OUT, HELD_OUT + self.scenes):
            yield make_clip(seed, self.num_frames, self.stream.height, self.stream.width)

    def _some(self, made: Iterator[T], what: str) -> Iterable[T]:
        return shown(islice(made, self.scenes), what, self.scenes)


def shown(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The items, with a progress bar while they are taken."""
    from rich.progress import track

    return track(items, what, total=total, console=notes(), transient=True)
