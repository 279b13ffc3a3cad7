"""Clips of real videos: frames read again from their video, and what a tracker knows of them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.streaming.image import fit_image
from motionstream.tracks import Tracks
from motionstream.training.videos.motion_layers import motion_layers
from motionstream.training.videos.reading import read_frames
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource
from motionstream.training.videos.tracker import Tracker


@dataclass(frozen=True, kw_only=True)
class VideoClip:
    """A clip of a video.

    Attributes:
        frames: RGB, at the stream's size and frame rate.
        tracks: The points that could be followed, ids 0..n-1, all of them visible in frame 0.
        layer: The group of like motion each point is in, int `n`; 0 is the dominant motion.
        caption: The prompt in words, perhaps empty.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    tracks: Tracks
    layer: Int64[np.ndarray, " n"]
    caption: str


def read_clips(
    video: VideoSource, starts: Sequence[int], stream: StreamConfig, settings: VideoSettings
) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
    """Yields the frames of a video's clips, resized and cropped in the middle to the stream's size.

    Args:
        video: Read from its beginning, once.
        starts: The clips' first frames, rising.
        stream: Size and frame rate.
        settings: Of the clips.

    Raises:
        InputError: It cannot be read as far as when it was scanned.
    """
    waiting, latest = deque(starts), deque[np.ndarray](maxlen=settings.num_frames)
    try:
        for number, picture in enumerate(read_frames(video, stream.fps, settings.folder_fps)):
            if number >= waiting[0]:
                latest.append(fit_image(picture(), height=stream.height, width=stream.width).pixels)
            if number == waiting[0] + settings.num_frames - 1:
                yield np.stack(latest)
                waiting.popleft()
            if not waiting:
                return
    except (OSError, ValueError) as error:
        raise InputError(str(error)) from error
    raise InputError("it has become shorter since it was scanned")


def make_video_clip(
    frames: UInt8[np.ndarray, "t h w 3"], caption: str, tracker: Tracker, settings: VideoSettings
) -> VideoClip:
    """Follows a clip's points and keeps those that are seen from frame 0 on for long enough.

    Raises:
        InputError: Too few of them are.
    """
    tracks = tracker(frames)
    lasting = tracks.visible[0] & (tracks.visible.mean(axis=0) >= settings.min_seen)
    if lasting.sum() < settings.min_points:
        raise InputError(
            f"only {lasting.sum()} of {tracks.num_points} points could be followed, wanted {settings.min_points}"
        )
    kept = Tracks(ids=np.arange(lasting.sum()), xy=tracks.xy[:, lasting], visible=tracks.visible[:, lasting])
    return VideoClip(frames=frames, tracks=kept, layer=motion_layers(kept), caption=caption)
