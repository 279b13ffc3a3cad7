"""LiveVideo: one video in the making with all that belongs to it; what a stream does on the engine's thread."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError, OutputError
from motionstream.providers import TrajectoryProvider, Window
from motionstream.serving.messages import Start
from motionstream.serving.opener import Opener
from motionstream.serving.packet import NO_FLAGS, Flag, Kind, Packet, encode_tracks
from motionstream.serving.presenter import Frame
from motionstream.streaming.control_log import (
    Control,
    ControlLog,
    CutControl,
    End,
    EventControl,
    LogHeader,
    PromptControl,
)
from motionstream.streaming.control_timeline import ControlTimeline, TimedControl
from motionstream.streaming.history import History
from motionstream.streaming.image import FittedImage
from motionstream.streaming.loaded_log import read_log
from motionstream.streaming.provider_calls import handle_event, start_provider, take_input_seconds, take_report
from motionstream.streaming.replay import apply_chunk, provider_at, replays_by_tracks
from motionstream.streaming.session import StreamSession, VideoChunk


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """Another prompt, another picture, or both, from the next chunk on.

    Attributes:
        prompt: None where it stays.
        pixels: A picture of the stream's size; None where the video just goes on.
    """

    prompt: str | None = None
    pixels: UInt8[np.ndarray, "h w 3"] | None = None

    def before(self, chunk: int) -> Control:
        """What the log says of it, now that its chunk is known."""
        if self.pixels is not None:
            return CutControl.of(chunk, self.pixels, self.prompt)
        return PromptControl(chunk=chunk, prompt=self.prompt or "")


@dataclass(frozen=True, kw_only=True)
class MadeChunk:
    """A chunk, and what the user did that is in it.

    Attributes:
        video: The chunk.
        controls: What was done, with the video frame that each first moves.
        refused: Why others were not applied, for the user.
        inputs_ms: Client's time of the newest camera picture in each frame; NaN where it is in an earlier frame too.
    """

    video: VideoChunk
    controls: tuple[TimedControl, ...]
    refused: tuple[str, ...]
    inputs_ms: tuple[float, ...] = ()

    def frames(self, generation: int, fps: float) -> list[Frame]:
        """Its frames for the presenter, each with the time of the newest input that it is the first to show."""
        video = self.video
        inputs = {video.start_frame + place: ms for place, ms in enumerate(self.inputs_ms) if not math.isnan(ms)}
        for control in self.controls:
            inputs[control.frame] = max(control.client_ms, inputs.get(control.frame, control.client_ms))
        last = len(video.frames) - 1
        return [
            Frame(
                pixels=pixels,
                generation=generation,
                chunk=video.index,
                number=video.start_frame + place,
                time_ms=1e3 * (video.start_frame + place) / fps,
                input_ms=inputs.get(video.start_frame + place, math.nan),
                flags=(Flag.CHUNK_START if place == 0 else NO_FLAGS) | (Flag.CHUNK_END if place == last else NO_FLAGS),
            )
            for place, pixels in enumerate(video.frames)
        ]

    def tracks_packet(self, generation: int, fps: float) -> Packet:
        """What the model was told, to be drawn over the chunk."""
        video = self.video
        return Packet(
            kind=Kind.TRACKS,
            payload=encode_tracks(video.tracks),
            generation=generation,
            chunk=video.index,
            frame=video.start_frame,
            time_ms=1e3 * video.start_frame / fps,
        )


class LiveVideo:
    """Session, provider, log and history of one video: they are begun, rewound and ended together.

    Not for several threads at once: all of it belongs to the engine's thread.
    """

    def __init__(self, session: StreamSession, provider: TrajectoryProvider, log: ControlLog, history: History) -> None:
        self._session, self._provider, self._log, self._history = session, provider, log, history
        self._history.keep(session, provider)
        self._shown_seconds = math.nan

    @classmethod
    def open(
        cls,
        engine: Opener,
        provider: TrajectoryProvider,
        picture: FittedImage,
        start: Start,
        *,
        log: Path,
        history_bytes: int,
    ) -> Self:
        """Begin a video.

        Raises:
            InputError: The model cannot do what is asked for.
            ProviderError: The provider failed.
            OutputError: The log cannot be written.
        """
        session = engine.open_session(
            picture.pixels,
            start.prompt,
            start.seed,
            timesteps=start.timesteps,
            sink_frames=start.sink_frames,
            window_frames=start.window_frames,
        )
        header = LogHeader.of(
            engine.checkpoint, session, provider=start.provider, settings=start.settings, fit=start.fit
        )
        try:
            start_provider(provider, header.info)
            return cls(session, provider, ControlLog.create(log, header), History(history_bytes))
        except Exception:
            provider.close()
            raise

    @property
    def num_chunks(self) -> int:
        """Chunks made so far; also the number of the next one."""
        return self._session.num_chunks

    @property
    def prompt(self) -> str:
        """The prompt of the next chunk."""
        return self._session.prompt

    def report(self) -> dict[str, Any]:
        """What the provider has to show of itself; from any thread.

        Raises:
            ProviderError: The provider failed.
        """
        return take_report(self._provider)

    def camera(self, jpeg: bytes, seconds: float) -> None:
        """Hand over a picture of the client's camera, at once and past the log; from any thread.

        Raises:
            InputError: The provider takes no camera pictures, or not this one.
            ProviderError: The provider failed.
        """
        provider = self._provider
        if not replays_by_tracks(type(provider)):  # the others are made again from all that they were told
            raise InputError("This source of motion takes no camera pictures. Start one that does, such as webcam.")
        handle_event(provider, {"type": "camera", "jpeg": jpeg, "time_seconds": seconds})

    def make_chunk(self, timeline: ControlTimeline, changes: Sequence[Change], now: Callable[[], float]) -> MadeChunk:
        """Make the next chunk from what was done up to now; `remember` is to follow, before anything else.

        Raises:
            ProviderError: The provider failed.
            OutputError: The log cannot be written.
        """
        index = self.num_chunks
        window = Window.of_chunk(self._session.config, index)
        timed = timeline.take(window, now())
        events = [EventControl.of(index, control) for control in timed]
        made = apply_chunk(
            self._session, self._provider, [*(change.before(index) for change in changes), *events], window
        )
        self._log.extend(made.controls)
        applied = {control.seq for control in made.controls if isinstance(control, EventControl)}
        return MadeChunk(
            video=made.chunk,
            controls=tuple(control for control in timed if control.seq in applied),
            refused=tuple(refusal.reason for refusal in made.refused),
            inputs_ms=self._first_shown(take_input_seconds(self._provider)),
        )

    def remember(self) -> None:
        """Keep what is needed to go on from the newest chunk, and to go back to it."""
        self._session.settle()
        self._history.keep(self._session, self._provider)

    def rewind(self, chunk: int) -> Iterator[None]:
        """Go back to the beginning of a chunk, in steps of which none takes longer than a chunk.

        What lies between the nearest snapshot and the wanted chunk is made again.

        Raises:
            InputError: There is no such chunk yet.
            ProviderError: The provider failed.
        """
        if not 0 <= chunk <= self.num_chunks:
            raise InputError(f"Seek: wanted a chunk from 0 to {self.num_chunks}, got {chunk}.")
        self._log.flush()
        log = read_log(self._log.path)
        start, state = self._history.nearest(chunk)
        provider = provider_at(log, start, self._history)
        self._provider.close()
        self._provider, self._shown_seconds = provider, math.nan
        self._session.restore(state)
        self._log.truncate(chunk)
        self._history.forget(chunk + 1)
        yield
        for index in range(start, chunk):
            apply_chunk(self._session, provider, log.controls(index), Window.of_chunk(self._session.config, index))
            self._history.keep(self._session, self._provider)
            yield

    def save_log(self, path: Path) -> None:
        """Write the control log so far, as a finished one, beside the live one.

        Raises:
            OutputError: The file cannot be written.
        """
        self._log.flush()
        end = json.dumps(asdict(End(chunk=self.num_chunks))).encode() + b"\n"
        try:
            shutil.copyfile(self._log.path, path)
            with path.open("ab") as file:
                file.write(end)
        except OSError as error:
            raise OutputError(f"{path}: could not be written: {error.strerror or error}. Make room.") from error

    @property
    def log_bytes(self) -> int:
        """Length of the control log on disk, about."""
        return self._log.path.stat().st_size

    def close(self) -> None:
        """End it, and give back what it held; the log's file goes too."""
        self._provider.close()
        self._log.close()
        self._log.path.unlink(missing_ok=True)

    def _first_shown(self, seconds: tuple[float, ...]) -> tuple[float, ...]:
        """The times in milliseconds, NaN where it is that of the frame before: another page has another clock."""
        before = (self._shown_seconds, *seconds)
        self._shown_seconds = before[-1]
        return tuple(math.nan if now == then else 1e3 * now for then, now in zip(before, seconds, strict=False))
