"""Where the autoencoders' clips come from: the procedural world, or a folder of real videos."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training import distributed
from motionstream.training.videos.clip import read_clips
from motionstream.training.videos.plan import ClipPlace, make_plan
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource, find_videos


class ClipSource(Protocol):
    """Clips without end, by number, so that a run which is resumed sees those that it would have seen."""

    def __call__(self, number: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Returns the frames of a clip; the same number, the same clip."""
        ...


@dataclass(frozen=True, kw_only=True)
class ProceduralClips:
    """Square clips of the procedural world, each number a seed.

    Attributes:
        num_frames: Video frames of a clip.
        side: Height and width in pixels, a multiple of 8.
    """

    num_frames: int
    side: int = 128

    def __call__(self, number: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Returns the frames of a clip."""
        from motionstream.training.world import make_clip

        return make_clip(number, self.num_frames, self.side, self.side).frames


@dataclass(frozen=True, kw_only=True)
class VideoClips:
    """Clips of real videos, each number a draw among them; a video is read from its beginning to the clip's end.

    Attributes:
        videos: That the clips are cut from.
        places: Of the clips that lie within one scene.
        stream: Size and frame rate of the clips.
        settings: Of the cutting.
    """

    videos: tuple[VideoSource, ...]
    places: tuple[ClipPlace, ...]
    stream: StreamConfig
    settings: VideoSettings

    def __call__(self, number: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Returns the frames of a clip.

        Raises:
            InputError: Its video cannot be read any more.
        """
        place = self.places[np.random.default_rng(number).integers(len(self.places))]
        return next(read_clips(self.videos[place.video], (place.start,), self.stream, self.settings))


def find_clips(
    data: Path,
    run_folder: Path,
    stream: StreamConfig,
    num_frames: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> VideoClips:
    """Scans a folder of videos once and keeps in the run's folder which clips there are.

    Raises:
        InputError: There is no such folder, no video in it is long enough, or the run is on other videos.
    """
    videos, settings = find_videos(data).videos, VideoSettings(num_frames=num_frames)
    run_folder.mkdir(parents=True, exist_ok=True)
    for turn in range(distributed.world_size()):  # they write the same file
        if turn == distributed.rank():
            plan = make_plan(videos, run_folder, stream, settings, on_progress)
        distributed.wait_for_all()
    if not plan.places:
        reasons = "".join(f" {skipped.path}: {skipped.reason}." for skipped in plan.skipped[:1])
        raise InputError(
            f"{data}: wanted videos of at least {num_frames} frames within one scene, found none among "
            f"{len(videos)}.{reasons} Give a folder of longer videos."
        )
    return VideoClips(videos=videos, places=plan.places, stream=stream, settings=settings)
