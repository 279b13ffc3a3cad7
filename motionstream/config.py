"""StreamConfig: the shape of one stream, in space, in time and in memory.

Video frames and latent frames: latent 0 is video frame 0, latent i >= 1 stands for video frames 4i-3 .. 4i. A chunk of
3 latent frames therefore gives 9 video frames when it is the first and 12 otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from motionstream.errors import InputError

VIDEO_FRAMES_PER_LATENT = 4
"""Temporal stride of every Wan VAE."""


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How large, how fast, and with how much memory a video is streamed.

    Attributes:
        height: Video height in pixels.
        width: Video width in pixels.
        fps: Video frames per second of playing time.
        chunk_frames: Latent frames made together.
        sink_frames: Latent frames from the start of the video that stay in memory for ever.
        window_frames: Latent frames from the recent past that stay in memory.
        timesteps: Denoising timesteps of the few-step sampler, falling, within (0, 1000].
    """

    height: int
    width: int
    fps: float = 16.0
    chunk_frames: int = 3
    sink_frames: int = 3
    window_frames: int = 3
    timesteps: tuple[float, ...] = (1000.0, 927.0, 771.0)

    def __post_init__(self) -> None:
        for name, least in (("height", 1), ("width", 1), ("chunk_frames", 1), ("sink_frames", 0), ("window_frames", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"StreamConfig.{name}: wanted a whole number of at least {least}, got {value!r}.")
        if not _is_number(self.fps) or not 0 < self.fps <= 240:
            raise InputError(f"StreamConfig.fps: wanted a number within (0, 240], got {self.fps!r}.")
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "timesteps", _checked_timesteps(self.timesteps))

    def video_frames_in_chunk(self, index: int) -> int:
        """Video frames that chunk `index` gives: three fewer for the first, whose first latent is one frame."""
        _check_index(index)
        frames = VIDEO_FRAMES_PER_LATENT * self.chunk_frames
        return frames - (VIDEO_FRAMES_PER_LATENT - 1) if index == 0 else frames

    def first_video_frame(self, index: int) -> int:
        """Number of the first video frame of chunk `index`."""
        _check_index(index)
        if index == 0:
            return 0
        return VIDEO_FRAMES_PER_LATENT * self.chunk_frames * index - (VIDEO_FRAMES_PER_LATENT - 1)

    def num_chunks(self, num_frames: int) -> int:
        """Chunks needed for at least `num_frames` video frames."""
        if num_frames < 1:
            return 0
        return math.ceil((num_frames + VIDEO_FRAMES_PER_LATENT - 1) / (VIDEO_FRAMES_PER_LATENT * self.chunk_frames))

    def to_json(self) -> dict[str, Any]:
        """Plain values for `stream.json`."""
        return {**asdict(self), "timesteps": list(self.timesteps)}

    @classmethod
    def from_json(cls, source: Mapping[str, Any] | str | Path) -> Self:
        """Read what `to_json` gave, from the mapping itself or from the path of a JSON file."""
        values = source if isinstance(source, Mapping) else _read_json(Path(source))
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        missing = [name for name in ("height", "width") if name not in values]
        if unknown or missing:
            raise InputError(
                f"StreamConfig: wanted the keys {', '.join(known)}; unknown: {unknown}, missing: {missing}. "
                "Correct the names."
            )
        return cls(**values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_index(index: int) -> None:
    if index < 0:
        raise InputError(f"Chunks are numbered from 0, got {index}.")


def _checked_timesteps(value: Any) -> tuple[float, ...]:
    steps = tuple(value) if isinstance(value, list | tuple) else ()
    numbers = bool(steps) and all(map(_is_number, steps))
    falling = numbers and all(earlier > later for earlier, later in pairwise(steps))
    if not falling or not (steps[0] <= 1000 and steps[-1] > 0):
        raise InputError(
            f"StreamConfig.timesteps: wanted falling numbers within (0, 1000], such as [1000, 927, 771], got {value!r}."
        )
    return tuple(float(step) for step in steps)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: wanted a JSON file with a stream's settings, could not read it: {error}.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: wanted a JSON object with a stream's settings, got {type(values).__name__}.")
    return values


PRESETS: Mapping[str, StreamConfig] = MappingProxyType(
    {
        "wan2.1-1.3b": StreamConfig(height=480, width=832, fps=16),
        "wan2.2-5b": StreamConfig(height=704, width=1280, fps=24),
    }
)
"""Sizes and frame rates of the two published base models."""
