"""The frames of a video one after the other, each with its time, whatever the video's length."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.streaming.image_file import decode_image
from motionstream.training.videos.source import VideoSource, numbered_pictures

_LONGEST_STEP_SECONDS = 1.0  # times of damaged files jump by hours, which would be filled with one frame repeated
_TIE_SECONDS = 1e-6  # halfway between two frames the later one is taken: rounding must not decide, or motion stutters

T = TypeVar("T")


class Picture(Protocol):
    """A frame that is turned into pixels when it is asked for: not every frame is."""

    def __call__(self) -> UInt8[np.ndarray, "h w 3"]:
        """Returns its pixels, upright."""
        ...


def read_frames(video: VideoSource, fps: float, folder_fps: float) -> Iterator[Picture]:
    """Yields a video's frames at `fps` a second, at each moment the one that is nearest in time.

    Args:
        video: To read.
        fps: Video frames per second to yield.
        folder_fps: Of a folder of pictures, which does not say.

    Raises:
        InputError: It cannot be read, or not further; what came before is good.
    """
    timed = _folder_frames(video.path, folder_fps) if video.path.is_dir() else _file_frames(video.path)
    return resampled(timed, fps)


def resampled(frames: Iterable[tuple[float, T]], fps: float) -> Iterator[T]:
    """Yields at each multiple of 1/fps the frame whose time (in seconds, from the first one's on) is nearest."""
    number, now, started = 0, 0.0, False
    shown: T
    stamp = 0.0
    for seconds, frame in frames:
        if started:
            after = now + min(max(seconds - stamp, 0.0), _LONGEST_STEP_SECONDS)
            while number / fps < (now + after) / 2 - _TIE_SECONDS:
                yield shown
                number += 1
            now = after
        shown, stamp, started = frame, seconds, True
    while started and number / fps <= now + _TIE_SECONDS:
        yield shown
        number += 1


def _file_frames(path: Path) -> Iterator[tuple[float, Picture]]:
    import av

    number = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 25)
            for number, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:
                    raise InputError(f"it is damaged from its frame {number} on")
                yield (number / rate if frame.time is None else frame.time), partial(_upright, frame)
    except (OSError, ValueError, IndexError) as error:  # FFmpegError is one of the first two; no video stream: the last
        reason = getattr(error, "strerror", None) or ("no video stream" if isinstance(error, IndexError) else error)
        where = f"it breaks off after its frame {number}" if number else "it cannot be read"
        raise InputError(f"{where}: {reason}") from error


def _upright(frame: Any) -> UInt8[np.ndarray, "h w 3"]:
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def _folder_frames(folder: Path, fps: float) -> Iterator[tuple[float, Picture]]:
    pictures = numbered_pictures(folder)
    if not pictures:
        raise InputError("it is a folder without numbered pictures")
    for number, path in enumerate(pictures):
        yield number / fps, partial(_pixels, path)


def _pixels(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    return np.array(decode_image(path)[0])
