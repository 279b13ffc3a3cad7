"""`motionstream evaluate`: what a model can do, measured on clips, or in checks that it passes or fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import say
from motionstream.cli.evaluate_checks import Check, Checks, shown
from motionstream.cli.evaluate_data import PROCEDURAL, ClipSource, clip_source
from motionstream.cli.evaluate_model import LoadedModel, ModelFlags
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.config import StreamConfig
    from motionstream.evaluation.measurement import ClipRecord
    from motionstream.evaluation.retracker import Retracker
    from motionstream.evaluation.summary import Summary

_FLAGS_FOR = {
    "--data": ("out", "name", "height", "width", "seed"),
    "a folder for --data": ("tracker", "tracker_weights", "folder_fps"),
}


@dataclass(frozen=True, kw_only=True)
class Evaluate(ModelFlags):
    """Measure how well a model follows tracks.

    With --data and --out: every clip made anew from its first frame, caption and tracks, and compared with it. Without:
    checks with a verdict, on held-out clips, two drags of one picture, and photographs.
    """

    data: str | None = None
    """procedural, or a folder of videos (files, or folders of numbered pictures)."""
    out: Path | None = None
    """A new folder for what is measured on --data: clips/NNN.json, videos/NNN.mp4 (true, made, made with tracks) and
    summary.json."""
    name: str | None = None
    """What tables call the model; by default what --model says."""
    height: int | None = None
    """Height in pixels that --data is measured at; by default the model's."""
    width: int | None = None
    """Width in pixels that --data is measured at; by default the model's."""
    tracker: Literal["auto", "lucas-kanade", "cotracker3"] = "auto"
    """What finds the tracks in videos; what was made is re-tracked by Lucas-Kanade."""
    tracker_weights: Path | None = None
    """CoTracker3's weights; by default they are downloaded."""
    folder_fps: float = 24.0
    """Video frames per second of a folder of pictures."""
    clips: int = 100
    """Clips, at most one of a video."""
    points: int = 200
    """Tracks of a clip that the model is told."""
    num_frames: int = 33
    """Video frames of every clip and drag."""
    seed: int = 0
    """Decides noise and points of --data."""
    checks: tuple[Check, ...] = ()
    """Without --data: clips, two-drags, photographs, colours, permanence, drift or fast-drags; by default the first
    two, and the third with --photographs."""
    photographs: Path | None = None
    """A folder with the five photographs of the check; left out, that check is not made."""
    drift_frames: int = 1500
    """Video frames of each long stream of the check drift."""
    drift_scenes: int = 4
    """Long streams of the check drift."""
    told_share: float = 0.1
    """Of a scene's points, told in the check permanence."""
    json: Path | None = None
    """Also write the report of the checks to this JSON file."""

    def run(self) -> int:
        """Measure and print; returns 1 if a demand of the checks is not met, else 0."""
        for flag, value, least in (
            ("clips", self.clips, 1),
            ("points", self.points, 1),
            ("num-frames", self.num_frames, 2 if self.data else 1),
            ("seed", self.seed, 0),
            ("drift-frames", self.drift_frames, 200),
            ("drift-scenes", self.drift_scenes, 1),
        ):
            if value < least:
                raise InputError(f"--{flag}: wanted at least {least}, got {value}.")
        if not 0 < self.told_share <= 1:
            raise InputError(f"--told-share: wanted more than 0 and at most 1, got {self.told_share}.")
        self._check_combination()
        return self._checked() if self.data is None else self._measured(self.data)

    def _check_combination(self) -> None:
        """Refuse flags that would have no effect."""
        wanted = {"--data": self.data is not None, "a folder for --data": self.data not in (None, PROCEDURAL)}
        for condition, names in _FLAGS_FOR.items():
            given = [name for name in names if getattr(self, name) != getattr(type(self), name)]
            if given and not wanted[condition]:
                raise InputError(
                    f"--{given[0].replace('_', '-')}: wanted {condition} besides. Give it, or leave this out."
                )
        if self.data is None:
            return
        if self.out is None:
            raise InputError(f"--data {self.data}: wanted --out besides, a new folder for the results.")
        if self.photographs is not None or self.json is not None or self.checks:
            raise InputError("--checks, --photographs, --json: checks are made without --data. Leave it out.")

    def _checked(self) -> int:
        from motionstream.evaluation.report import circumstances, print_report, save_report

        model = self.loaded()
        checks = Checks(
            generate=model.generate,
            stream=model.stream,
            scenes=self.clips,
            points=self.points,
            num_frames=self.num_frames,
            drift_frames=self.drift_frames,
            drift_scenes=self.drift_scenes,
            told_share=self.told_share,
            photographs=self.photographs,
        )
        sections = list(checks.sections(self._named()))
        under = circumstances(model.device) | {"dtype": str(model.settings.get("dtype", "none"))}
        print_report(sections, under)
        if self.json is not None:
            save_report(self.json, sections, under)
        return 0 if all(section.passed for section in sections) else 1

    def _named(self) -> tuple[Check, ...]:
        """The checks to make, each once."""
        if self.checks:
            return tuple(dict.fromkeys(self.checks))
        return ("clips", "two-drags") if self.photographs is None else ("clips", "two-drags", "photographs")

    def _measured(self, data: str) -> int:
        from motionstream.cli.video_sink import viewing_scale
        from motionstream.evaluation.comparison import markdown
        from motionstream.evaluation.measurement import measure_clips
        from motionstream.evaluation.result_folder import ResultFolder

        assert self.out is not None
        model = self.loaded()
        height, width = self.height or model.stream.height, self.width or model.stream.width
        stream, records = replace(model.stream, height=height, width=width), []
        source, retracker = self._source(data, stream), _retracker(stream)
        folder = ResultFolder(self.out, fps=stream.fps, scale=viewing_scale(stream))
        clips = shown(source, "clips", len(source))
        for measured in measure_clips(model.at(stream), clips, retracker, told_points=self.points, seed=self.seed):
            folder.add(measured)
            records.append(measured.record)
        for name, reason in source.skipped:
            say(f"skipped: {name}: {reason}")
        if not records:
            raise InputError(f"--data {data}: wanted clips, none of it could be used. See what was skipped, and why.")
        summary = self._summary(model, source, stream, retracker, records)
        folder.finish(summary)
        print(f"{markdown([summary])}\n{self.out}: {len(records)} clips")
        return 0

    def _source(self, data: str, stream: StreamConfig) -> ClipSource:
        return clip_source(
            data,
            stream,
            self.num_frames,
            self.clips,
            tracker=self.tracker,
            weights=self.tracker_weights,
            device="cpu" if self.device == "auto" else self.device,
            folder_fps=self.folder_fps,
        )

    def _summary(
        self,
        model: LoadedModel,
        source: ClipSource,
        stream: StreamConfig,
        retracker: Retracker,
        records: list[ClipRecord],
    ) -> Summary:
        from motionstream.evaluation.report import circumstances
        from motionstream.evaluation.summary import Row, Summary, generation_fps, measured_on, with_occlusion

        settings = {
            **source.settings,
            "height": stream.height,
            "width": stream.width,
            "fps": stream.fps,
            "num_frames": self.num_frames,
            "told_points": self.points,
            "retracked_by": retracker.name,
            "seed": self.seed,
        }
        occluded = with_occlusion(records) if source.knows_hidden else []
        return Summary(
            name=self.name or self.model,
            model=model.settings,
            data=measured_on(records, settings),
            all_clips=Row.of(records),
            occlusion=Row.of(occluded) if occluded else None,
            fps=generation_fps(records),
            skipped=source.skipped,
            circumstances=circumstances(model.device),
        )


def _retracker(stream: StreamConfig) -> Retracker:
    """Made for the size that is measured at, and as strict about a point's look as the checks."""
    from motionstream.evaluation.retracker import LucasKanade
    from motionstream.streaming.retracking import TrackerConfig
    from motionstream.training.videos.lucas_kanade import config_for

    fitted = config_for(stream.height, stream.width)
    return LucasKanade(config=replace(fitted, lost_difference=TrackerConfig().lost_difference))
