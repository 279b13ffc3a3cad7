"""`motionstream replay`: the control log of a live stream -> its video again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from motionstream.cli.console import INTERRUPTED, notes, say
from motionstream.cli.output_path import make_folder_of
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.cli.video_sink import VideoSink
    from motionstream.streaming.engine import StreamEngine
    from motionstream.streaming.loaded_log import LoadedLog


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Make the video of a live stream again, from its control log."""

    log: Annotated[Path, tyro.conf.Positional]
    """The control log of a recording, control.jsonl."""
    out: Path
    """The mp4 to write; its folder is made where it does not exist."""
    num_chunks: int | None = None
    """Stop after so many chunks; by default all that the log tells of."""
    overlay: bool = False
    """Draw the tracks on the video."""
    scale: int | None = None
    """Whole factor by which the video is enlarged for viewing; by default small ones, to at least 360 pixels."""
    checkpoint: str | None = None
    """A checkpoint folder or hub id; by default the embedded one."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""

    def run(self) -> int:
        """Make the video; the log is read before the weights are."""
        from motionstream.streaming.loaded_log import read_log

        log = read_log(self.log)
        if log.note:
            say(f"note: {log.note}")
        num_chunks = self._length(log)
        make_folder_of(self.out)
        engine = self._load()
        _say_differences(engine, log)
        with self._sink(engine, num_chunks) as sink:
            stopped = _pour(engine, log, num_chunks, sink)
        print(sink.summary())
        return INTERRUPTED if stopped else 0

    def _length(self, log: LoadedLog) -> int:
        num_chunks = log.num_chunks if self.num_chunks is None else self.num_chunks
        if num_chunks < 1:
            source = "the log tells of none" if self.num_chunks is None else f"got {num_chunks}"
            raise InputError(f"--num-chunks: wanted at least 1 chunk, {source}. Give the number of chunks.")
        return num_chunks

    def _load(self) -> StreamEngine:
        with notes().status("loading the model"):
            from motionstream.streaming.engine import StreamEngine

            return StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype)

    def _sink(self, engine: StreamEngine, num_chunks: int) -> VideoSink:
        from motionstream.cli.video_sink import VideoSink, viewing_scale

        scale = viewing_scale(engine.config) if self.scale is None else self.scale
        num_frames = engine.config.first_video_frame(num_chunks)
        return VideoSink(self.out, engine.config, num_frames=num_frames, scale=scale, overlay=self.overlay)


def _pour(engine: StreamEngine, log: LoadedLog, num_chunks: int, sink: VideoSink) -> bool:
    """Make the chunks and write them; whether the user stopped it."""
    from motionstream.streaming.replay import replay

    try:
        with closing(replay(engine, log, num_chunks)) as chunks:
            for chunk in chunks:
                sink.write(chunk)
    except KeyboardInterrupt:
        return True
    return False


def _say_differences(engine: StreamEngine, log: LoadedLog) -> None:
    """Say what keeps the frames from being those that were shown live."""
    from motionstream.streaming.checkpoint_id import CheckpointId

    header, loaded = log.header, engine.checkpoint
    used = CheckpointId.of(loaded.path)
    if used.digest != header.checkpoint.digest:
        say(f"note: the log was made with the checkpoint {header.checkpoint}, not {used}: the video will be another")
    made_on, runs_on = (header.device, header.dtype), (loaded.device.type, str(loaded.dtype).removeprefix("torch."))
    if made_on != runs_on:
        say(
            f"note: the log was made on {made_on[0]} in {made_on[1]}, this is {runs_on[0]} in {runs_on[1]}: "
            "frames differ by rounding, and the more the longer the video"
        )
