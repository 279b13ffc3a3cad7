"""`motionstream train encode`: clips become shards of latents and tracks, from procedural scenes or from videos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.cli.train_steps import RUNS, Parts
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.training.skipped import Skipped
    from motionstream.training.videos.source import Listing

SHOWN = 10
"""Skipped files that are named on the terminal; `skipped.csv` names all."""


@dataclass(frozen=True, kw_only=True)
class Encode(Parts):
    """Stage 3: clips, encoded once to be trained on many times; procedural ones, or those of a folder of videos."""

    folder: Path = RUNS / "latents"
    """Where the shards go; those that lie there are left alone."""
    data: Path | None = None
    """A folder of videos, or a CSV of them (columns video and caption, as OpenVid's); by default procedural clips."""
    videos: Path | None = None
    """Folder of the videos that a CSV names; by default the CSV's own."""
    tracker: Literal["auto", "lucas-kanade", "cotracker3"] = "auto"
    """What follows points through videos; auto is CoTracker3 where it is installed."""
    tracker_weights: Path | None = None
    """CoTracker3's weights; downloaded where none are given."""
    hop: int | None = None
    """Video frames from a clip's start to the next one's; by default a clip's length."""
    shards: int = 40
    """Procedural shards to end up with, of 256 clips and 190 MB each."""
    newcomer_every: int = 3
    """One procedural clip of so many shows something that its first frame does not and its caption names; 0: none."""
    first_seed: int | None = None
    """Seed of the first procedural clip; another one for another folder of clips."""
    workers: int = 2
    """Processes for procedural clips; on the CPU each works on one core."""
    device: str = "cpu"
    """Where the autoencoder encodes: cpu, cuda, ..."""

    def run(self) -> int:
        """Make the shards that are missing."""
        least = {"shards": 1, "workers": 1, "hop": 1, "newcomer_every": 0, "first_seed": 0}
        for name, smallest in least.items():
            if (value := getattr(self, name)) is not None and value < smallest:
                raise InputError(f"--{name.replace('_', '-')}: wanted at least {smallest}, got {value}.")
        if self.videos is not None and (self.data is None or self.data.suffix.lower() != ".csv"):
            raise InputError(f"--videos {self.videos}: it goes with a CSV. Name one by --data, or leave it out.")
        return self._procedural() if self.data is None else self._videos(self.data)

    def _procedural(self) -> int:
        from rich.progress import track

        from motionstream.training.encoding import EncodingSettings, encode_shards, missing_shards

        source = self.source()
        settings = EncodingSettings(
            num_shards=self.shards, num_frames=source.preset.num_frames, newcomer_every=self.newcomer_every
        )
        if self.first_seed is not None:
            settings = replace(settings, first_seed=self.first_seed)
        total = len(missing_shards(self.folder, settings))
        done = encode_shards(source, self.folder, settings, self.workers, self.device)
        for _ in track(done, "encoding", total=total, console=notes()):
            pass
        print(f"{self.folder}: {self.shards * settings.shard_clips} clips, {total} shards new")
        return 0

    def _videos(self, data: Path) -> int:
        from rich.progress import Progress

        from motionstream.training.videos.encoding import encode_videos
        from motionstream.training.videos.settings import VideoSettings
        from motionstream.training.videos.tracker import find_tracker

        base = self.source().load(self.device)
        preset, listing = base.preset, self._listing(data)
        tracker = find_tracker(self.tracker, self.tracker_weights, self.device)
        settings = VideoSettings(num_frames=preset.num_frames, hop=self.hop)
        with Progress(console=notes()) as progress:
            tasks = {stage: progress.add_task(stage, total=None) for stage in ("scanning", "encoding")}

            def tell(stage: str, done: int, total: int) -> None:
                progress.update(tasks[stage], completed=done, total=total)

            report = encode_videos(
                listing, self.folder, base.vae, base.text_encoder, preset.stream, settings, tracker, tell
            )
        _name_skipped(report.skipped)
        cut = f", {report.num_spanning} clips span a scene cut" if report.num_spanning else ""
        print(
            f"{self.folder}: {report.clips} clips ({report.seconds:.0f} s) in {report.shards} shards; "
            f"{len(report.skipped)} skipped{cut}"
        )
        return 0

    def _listing(self, data: Path) -> Listing:
        from motionstream.training.videos.listing_file import read_listing
        from motionstream.training.videos.source import find_videos

        return read_listing(data, self.videos) if data.suffix.lower() == ".csv" else find_videos(data)


def _name_skipped(skipped: tuple[Skipped, ...]) -> None:
    for path, reason in skipped[:SHOWN]:
        notes().print(f"skipped: {path}: {reason}", markup=False, highlight=False)
    if len(skipped) > SHOWN:
        notes().print(f"and {len(skipped) - SHOWN} more, see skipped.csv", markup=False)
