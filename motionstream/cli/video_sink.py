"""VideoSink: chunks as they come -> an mp4, a progress bar, and the final word on how fast it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import UInt8
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from motionstream.cli.console import notes, say
from motionstream.config import StreamConfig
from motionstream.errors import OutputError
from motionstream.streaming.enlarge import enlarge
from motionstream.streaming.overlay import draw_tracks
from motionstream.streaming.profiling import STAGES, StageTimes, stage_spreads
from motionstream.streaming.session import VideoChunk
from motionstream.streaming.video_file import VideoWriter
from motionstream.tracks import Tracks

_WATCHABLE_PX = 360
_TAIL_FRAMES = 8


def viewing_scale(config: StreamConfig) -> int:
    """The whole factor that makes the shorter side of a video watchable."""
    return max(1, -(-_WATCHABLE_PX // min(config.height, config.width)))


class _FramesProgress(Progress):
    """A bar of video frames, and a line below it that says where the time of the last chunk went."""

    def __init__(self, num_frames: int) -> None:
        self._stages = ""
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("frames  {task.description}"), TimeRemainingColumn())
        super().__init__(*columns, console=notes())
        self._task = self.add_task("", total=num_frames)

    def get_renderables(self) -> Iterable[RenderableType]:
        """What rich draws anew."""
        yield from super().get_renderables()
        yield Text(self._stages, no_wrap=True, overflow="ellipsis")

    def show(self, completed: int, fps: float, stages: str) -> None:
        """Move on to so many video frames."""
        self._stages = stages
        self.update(self._task, completed=completed, description=f"{fps:.1f} fps")


class VideoSink:
    """Writes chunks; a context manager that finishes the file whatever happens."""

    def __init__(self, path: Path, config: StreamConfig, *, num_frames: int, scale: int, overlay: bool) -> None:
        self._writer = VideoWriter(path, fps=config.fps)
        self._config, self._scale, self._overlay = config, scale, overlay
        self._before: Tracks | None = None
        self._num_made, self._times = 0, list[StageTimes]()
        self._progress = _FramesProgress(num_frames)

    def write(self, chunk: VideoChunk) -> None:
        """Write one chunk and show how it goes."""
        self._writer.write(self._for_viewing(chunk))
        self._num_made += self._config.video_frames_in_chunk(chunk.index)
        self._times.append(chunk.timings)
        self._progress.show(self._writer.num_frames, self._fps, _stages_in_words([chunk.timings]))

    def summary(self) -> str:
        """Where the video lies and how fast it was made."""
        path, num_frames, fps = self._writer.path, self._writer.num_frames, self._config.fps
        if not num_frames:
            return f"{path}: stopped before the first video frame, nothing was written"
        size = f"{self._config.width * self._scale}x{self._config.height * self._scale}"
        return (
            f"{path}: {num_frames} video frames, {num_frames / fps:.1f} s at {fps:g} fps, {size}; "
            f"made at {self._fps:.1f} frames per second ({_stages_in_words(self._times)} per chunk, medians)"
        )

    @property
    def _fps(self) -> float:
        """Frames made per second of the time from tracks to uint8 frames, warm-up included."""
        return 1000 * self._num_made / sum(times.total_ms for times in self._times)

    def _for_viewing(self, chunk: VideoChunk) -> UInt8[np.ndarray, "t h w 3"]:
        large = enlarge(chunk.frames, self._scale)
        if not self._overlay:
            return large
        tracks = chunk.tracks if self._before is None else self._before.concat_time(chunk.tracks)
        self._before = tracks.slice(max(0, tracks.num_frames - _TAIL_FRAMES), tracks.num_frames)
        return draw_tracks(large, tracks, tail_frames=_TAIL_FRAMES)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if error is not None and not isinstance(error, OutputError) and self._writer.num_frames:
            say(f"kept: {self._writer.path}, {self._writer.num_frames} video frames")
        self._writer.__exit__(kind, error, trace)


def _stages_in_words(times: list[StageTimes]) -> str:
    spreads = stage_spreads(times)
    return ", ".join(f"{stage.replace('_', ' ')} {spreads[stage].median_ms:.0f} ms" for stage in STAGES)
