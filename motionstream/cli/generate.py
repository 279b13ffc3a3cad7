"""`motionstream generate`: a picture, a prompt and a provider of motion -> an mp4."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from motionstream.cli.console import INTERRUPTED, notes, say
from motionstream.cli.output_path import make_folder_of
from motionstream.cli.settings import parse_settings
from motionstream.errors import InputError
from motionstream.providers import load_provider

if TYPE_CHECKING:
    from motionstream.cli.video_sink import VideoSink
    from motionstream.providers import TrajectoryProvider
    from motionstream.streaming.engine import StreamEngine
    from motionstream.streaming.session import StreamSession


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Make a video of a picture that moves as a provider says.

    The provider's settings are flags too: --radius 0.1, --provider webcam --source head.mp4, --provider camera --path
    orbit; `motionstream providers NAME` lists them.
    """

    image: Path
    """The picture that the video starts from; any size, any usual format."""
    out: Path
    """The mp4 to write; its folder is made where it does not exist."""
    provider: str = "drag"
    """Where the motion comes from: a name of `motionstream providers`, or module:Class."""
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A setting of the provider as key=value, any number of times; needed where it is called as a flag here."""
    prompt: str = ""
    """What the video shows."""
    num_frames: int = 81
    """Video frames."""
    seed: int = 0
    """The same seed and input give the same frames."""
    overlay: bool = False
    """Draw the tracks on the video."""
    scale: int | None = None
    """Whole factor by which the video is enlarged for viewing; by default small ones, to at least 360 pixels."""
    fit: Literal["crop", "pad"] = "crop"
    """How a picture of another shape is brought to the model's size."""
    checkpoint: str | None = None
    """A checkpoint folder or hub id; by default the embedded one."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""
    compile: bool = False
    """Compile the network: a slow start, then faster."""

    def run(self) -> int:
        """Make the video; what is wrong with the input is found before the weights are loaded, where that can be."""
        if self.num_frames < 1:
            raise InputError(f"--num-frames: wanted at least 1, got {self.num_frames}.")
        provider = load_provider(self.provider, parse_settings(self.set))
        make_folder_of(self.out)
        engine, session = self._open()
        loaded = engine.checkpoint
        say(f"model: {loaded.path}, {loaded.device}, {str(loaded.dtype).removeprefix('torch.')}")
        say(f"picture: {session.picture.description}")
        with self._sink(engine) as sink:
            stopped = _pour(engine, session, provider, self.num_frames, sink)
        print(sink.summary())
        return INTERRUPTED if stopped else 0

    def _open(self) -> tuple[StreamEngine, StreamSession]:
        with notes().status("loading the model"):
            from motionstream.streaming.engine import StreamEngine

            engine = StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype, compile=self.compile)
            return engine, engine.open_session(self.image, self.prompt, self.seed, fit=self.fit)

    def _sink(self, engine: StreamEngine) -> VideoSink:
        from motionstream.cli.video_sink import VideoSink, viewing_scale

        scale = viewing_scale(engine.config) if self.scale is None else self.scale
        return VideoSink(self.out, engine.config, num_frames=self.num_frames, scale=scale, overlay=self.overlay)


def _pour(
    engine: StreamEngine, session: StreamSession, provider: TrajectoryProvider, num_frames: int, sink: VideoSink
) -> bool:
    """Stream into the sink; whether the user stopped it."""
    try:
        with closing(engine.stream_session(session, provider, num_frames)) as chunks:
            for chunk in chunks:
                sink.write(chunk)
    except KeyboardInterrupt:
        return True
    return False
