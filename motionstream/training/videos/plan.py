"""Which clip of which video goes into which shard: decided once, kept in the shards' folder, followed ever after."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training.skipped import Skipped
from motionstream.training.videos.scan import ScannedVideo, clip_starts, scan_video
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource

PLAN_FILE: Final = "plan.jsonl"
"""A line on what is planned for, then one for each video in their order; scanning goes on after the last."""


class ClipPlace(NamedTuple):
    """Where a clip is: the video's number and the clip's first frame."""

    video: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All clips in their order, `settings.shard_clips` of them a shard.

    Attributes:
        places: The clips, video by video.
        shard_clips: Clips of a shard.
        num_spanning: Clips left out because they span a scene cut.
        skipped: Videos that give no clip or break off, with the reason.
    """

    places: tuple[ClipPlace, ...]
    shard_clips: int
    num_spanning: int
    skipped: tuple[Skipped, ...]

    @property
    def num_shards(self) -> int:
        """Shards, the last of which may be smaller."""
        return -(-len(self.places) // self.shard_clips)

    def shard(self, number: int) -> tuple[ClipPlace, ...]:
        """The clips of a shard."""
        return self.places[number * self.shard_clips : (number + 1) * self.shard_clips]


def make_plan(
    videos: tuple[VideoSource, ...],
    folder: Path,
    stream: StreamConfig,
    settings: VideoSettings,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Scans the videos that the folder's plan does not know yet and returns the plan.

    Args:
        videos: In their order.
        folder: Of the shards.
        stream: Frame rate and size.
        settings: Of the clips.
        on_progress: Told the number of videos scanned.

    Raises:
        InputError: The folder's plan is for other videos or settings.
    """
    scans = []
    for scanned in _scans(videos, folder / PLAN_FILE, stream, settings):
        scans.append(scanned)
        on_progress(len(scans))
    return _planned(videos, scans, settings)


def _planned(videos: tuple[VideoSource, ...], scans: list[ScannedVideo], settings: VideoSettings) -> Plan:
    places: list[ClipPlace] = []
    skipped, num_spanning = [], 0
    for number, (video, scanned) in enumerate(zip(videos, scans, strict=True)):
        starts, spanning = clip_starts(scanned, settings)
        places += [ClipPlace(number, start) for start in starts]
        num_spanning += spanning
        if reason := scanned.problem or (None if starts else _fruitless(scanned, spanning, settings)):
            skipped.append(Skipped(video.name, reason))
    return Plan(
        places=tuple(places), shard_clips=settings.shard_clips, num_spanning=num_spanning, skipped=tuple(skipped)
    )


def _fruitless(scanned: ScannedVideo, spanning: int, settings: VideoSettings) -> str:
    if spanning:
        return f"each of its {spanning} clips spans a scene cut"
    return f"it is too short: wanted at least {settings.num_frames} frames, got {scanned.num_frames}"


def _scans(
    videos: tuple[VideoSource, ...], file: Path, stream: StreamConfig, settings: VideoSettings
) -> Iterator[ScannedVideo]:
    purpose = _purpose(videos, stream, settings)
    kept = _kept_lines(file, purpose)
    known = [ScannedVideo(**{**values, "cuts": tuple(values["cuts"])}) for values in kept[1:]]
    fresh = file.with_suffix(".part")  # rids the file of a line that was cut short
    fresh.write_text("".join(json.dumps(values) + "\n" for values in (purpose, *kept[1:])), encoding="utf-8")
    os.replace(fresh, file)
    yield from known
    with file.open("a", encoding="utf-8") as lines:
        for video in videos[len(known) :]:
            scanned = scan_video(video, stream, settings)
            lines.write(json.dumps(asdict(scanned)) + "\n")
            lines.flush()
            yield scanned


def _purpose(videos: tuple[VideoSource, ...], stream: StreamConfig, settings: VideoSettings) -> dict[str, Any]:
    names = hashlib.sha256()
    for video in videos:
        size = video.path.stat().st_size if video.path.is_file() else 0
        names.update(json.dumps([video.name, video.caption, size]).encode())
    shape = {"height": stream.height, "width": stream.width, "fps": stream.fps}
    return {"videos": len(videos), "sha256": names.hexdigest(), "stream": shape, "settings": settings.to_json()}


def _kept_lines(file: Path, purpose: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole lines of a plan that was begun, checked to be for the same purpose."""
    kept: list[dict[str, Any]] = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            kept.append(json.loads(line))
        except ValueError:
            break  # the writing of this line was interrupted
    if kept and kept[0] != purpose:
        changed = [name for name in purpose if purpose[name] != kept[0].get(name)]
        raise InputError(
            f"{file}: wanted the plan of these videos and settings, got another's (other {', '.join(changed)}). "
            "Encode into another folder, or delete this one to begin anew."
        )
    return kept
