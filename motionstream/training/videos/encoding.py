"""Stage `encode` for real videos: a folder or list of them -> shards of encoded clips."""

import csv
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
from jaxtyping import UInt8

from motionstream.config import StreamConfig
from motionstream.errors import InputError, OutputError
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.protocol import VideoVAE
from motionstream.training.shard import Shard, encode_clips, picture_frames
from motionstream.training.shard_index import ShardEntry, ShardIndex, checksum
from motionstream.training.skipped import Skipped
from motionstream.training.videos.clip import VideoClip, make_video_clip, read_clips
from motionstream.training.videos.plan import ClipPlace, Plan, make_plan
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import Listing, VideoSource
from motionstream.training.videos.tracker import Tracker

T = TypeVar("T")

SKIPPED_FILE: Final = "skipped.csv"

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told the stage ("scanning" or "encoding"), how many videos or clips are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class VideoReport:
    """What a folder of shards holds.

    Attributes:
        clips: In all shards.
        shards: With at least one clip.
        seconds: Of video in the clips.
        num_spanning: Clips left out because they span a scene cut.
        skipped: Videos and clips that are not used, with the reason; `skipped.csv` lists them, too.
    """

    clips: int
    shards: int
    seconds: float
    num_spanning: int
    skipped: tuple[Skipped, ...]


def video_shard_name(shard: int) -> str:
    """Returns the name of a shard's file, another than those of procedural shards: they may lie beside one another."""
    return f"video-{shard:05d}.safetensors"


def encode_videos(
    listing: Listing,
    folder: Path,
    vae: VideoVAE,
    text_encoder: TextEncoder,
    stream: StreamConfig,
    settings: VideoSettings,
    tracker: Tracker,
    on_progress: Progress = lambda stage, done, total: None,
) -> VideoReport:
    """Encodes the clips of videos into shards; those that lie there are left alone, so an interrupted call goes on.

    A file that cannot be used never ends it: it is skipped, and the report says why.

    Args:
        listing: The videos, by `find_videos` or `read_listing`.
        folder: Of the shards, their plan, their index and `skipped.csv`.
        vae: Encodes them, on the device it lies on.
        text_encoder: Encodes their captions.
        stream: Size, frame rate and chunks.
        settings: Of the clips.
        tracker: Follows their points.
        on_progress: Told how far it is.

    Raises:
        InputError: The clips' length is no whole number of chunks, or the folder is for other videos or settings.
        OutputError: The folder cannot be written.
    """
    settings.check(stream)
    encoder = _Encoder(listing, vae, text_encoder, stream, settings, tracker)
    num_videos = len(listing.videos)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plan = make_plan(
            listing.videos, folder, stream, settings, lambda done: on_progress("scanning", done, num_videos)
        )
        index = _encoded(plan, folder, encoder, on_progress)
        report = _reported(plan, index, listing, stream.fps, settings)
        _write_skipped(folder / SKIPPED_FILE, report.skipped)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}. Free space, or choose another folder.") from error
    return report


@dataclass(frozen=True)
class _Encoder:
    """What turns places in videos into clips, and clips into a shard."""

    listing: Listing
    vae: VideoVAE
    text_encoder: TextEncoder
    stream: StreamConfig
    settings: VideoSettings
    tracker: Tracker

    def clips(self, places: list[ClipPlace]) -> Iterator[VideoClip | Skipped]:
        """Yields exactly one answer for each place; every video is read once."""
        for number, some in groupby(places, attrgetter("video")):
            video, waiting = self.listing.videos[number], deque(place.start for place in some)
            try:
                for frames in read_clips(video, list(waiting), self.stream, self.settings):
                    yield self._clip(frames, video, waiting.popleft())
            except InputError as error:
                yield from (self._skipped(video, start, error) for start in waiting)

    def shard(self, clips: Iterable[VideoClip]) -> Shard | None:
        """Encodes clips."""
        pictures = picture_frames(self.stream, self.settings.num_frames)
        return encode_clips(clips, pictures, self.vae, self.text_encoder.encode, self.settings.batch)

    def _clip(self, frames: UInt8[np.ndarray, "t h w 3"], video: VideoSource, start: int) -> VideoClip | Skipped:
        try:
            return make_video_clip(frames, video.caption, self.tracker, self.settings)
        except InputError as error:
            return self._skipped(video, start, error)

    def _skipped(self, video: VideoSource, start: int, error: InputError) -> Skipped:
        return Skipped(video.name, f"its clip from {start / self.stream.fps:.1f} s on: {error}")


def _encoded(plan: Plan, folder: Path, encoder: _Encoder, on_progress: Progress) -> ShardIndex:
    """Makes the shards that are missing."""
    index = ShardIndex.load(folder)
    missing = [number for number in range(plan.num_shards) if not index.is_done(video_shard_name(number))]
    places = [place for number in missing for place in plan.shard(number)]
    made = _counted(encoder.clips(places), lambda done: on_progress("encoding", done, len(places)))
    for number in missing:  # one iterator for all: a video that ends a shard and begins the next is read once
        skipped: list[Skipped] = []
        shard = encoder.shard(_kept(islice(made, len(plan.shard(number))), skipped))
        index = _with_shard(index, video_shard_name(number), shard, tuple(skipped))
    return index


def _counted(items: Iterator[T], tell: Callable[[int], None]) -> Iterator[T]:
    for number, item in enumerate(items, 1):
        tell(number)
        yield item


def _kept(clips: Iterable[VideoClip | Skipped], skipped: list[Skipped]) -> Iterator[VideoClip]:
    """The clips; what is none of them is added to `skipped`."""
    for clip in clips:
        if isinstance(clip, VideoClip):
            yield clip
        else:
            skipped.append(clip)


def _with_shard(index: ShardIndex, name: str, shard: Shard | None, skipped: tuple[Skipped, ...]) -> ShardIndex:
    """The index first, then the file: a file that is not in the index is never seen, whenever this is interrupted."""
    if shard is None:
        return index.with_shard(name, ShardEntry(0, None, skipped))
    fresh = shard.save(index.folder / name)
    index = index.with_shard(name, ShardEntry(len(shard.captions), checksum(fresh), skipped))
    os.replace(fresh, index.folder / name)
    return index


def _reported(plan: Plan, index: ShardIndex, listing: Listing, fps: float, settings: VideoSettings) -> VideoReport:
    entries = [index.shards[video_shard_name(number)] for number in range(plan.num_shards)]
    clips = sum(entry.clips for entry in entries)
    return VideoReport(
        clips=clips,
        shards=sum(entry.clips > 0 for entry in entries),
        seconds=clips * settings.num_frames / fps,
        num_spanning=plan.num_spanning,
        skipped=(*listing.skipped, *plan.skipped, *(one for entry in entries for one in entry.skipped)),
    )


def _write_skipped(file: Path, skipped: Sequence[Skipped]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([Skipped._fields, *skipped])
