"""Replay: a control log -> the same video again, by the code that made it live."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motionstream.errors import InputError
from motionstream.providers import TrajectoryProvider, Window, load_provider
from motionstream.streaming.absent import Absent
from motionstream.streaming.control_log import (
    Control,
    CutControl,
    EventControl,
    LogHeader,
    PromptControl,
    TracksControl,
)
from motionstream.streaming.loaded_log import LoadedLog
from motionstream.streaming.provider_calls import handle_event, read_tracks, start_provider
from motionstream.streaming.session import StreamSession, VideoChunk

if TYPE_CHECKING:
    from motionstream.streaming.engine import StreamEngine
    from motionstream.streaming.history import History


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A control that made no sense, and changed nothing.

    Attributes:
        control: What was refused.
        reason: Why, for people.
    """

    control: Control
    reason: str


@dataclass(frozen=True, kw_only=True)
class AppliedChunk:
    """A chunk, and what became of the controls that came before it.

    Attributes:
        chunk: The chunk.
        controls: Those that were applied; they are what a log keeps.
        refused: Those that were not.
    """

    chunk: VideoChunk
    controls: tuple[Control, ...]
    refused: tuple[Refusal, ...]


def apply_chunk(
    session: StreamSession, provider: TrajectoryProvider, controls: Iterable[Control], window: Window
) -> AppliedChunk:
    """Apply controls in their order, read the motion and make the next chunk: one turn of a stream, live or again.

    Where a provider cannot be told again what it was told, its tracks become one of the controls; where they are one
    already, the provider is not asked.

    Raises:
        InputError: Tracks that are one of the controls are damaged.
        ProviderError: The provider failed.
        TracksError: The window is not that of the session's next chunk.
    """
    applied, refused = list[Control](), list[Refusal]()
    for control in controls:
        try:
            _apply(session, provider, control)
        except InputError as error:
            refused.append(Refusal(control=control, reason=str(error)))
        else:
            applied.append(control)
    tracks = next((control for control in applied if isinstance(control, TracksControl)), None)
    if tracks is None and replays_by_tracks(type(provider)):
        tracks = TracksControl.of(window.index, read_tracks(provider, window))
        applied.append(tracks)
    chunk = session.step(read_tracks(provider, window) if tracks is None else tracks.tracks)
    return AppliedChunk(chunk=chunk, controls=tuple(applied), refused=tuple(refused))


def replays_by_tracks(provider: type[TrajectoryProvider]) -> bool:
    """Whether a stream of such providers is made again from their tracks: they have `replays_by_tracks = True`."""
    return bool(getattr(provider, "replays_by_tracks", False))


def begin(engine: StreamEngine, header: LogHeader) -> StreamSession:
    """Open the session that a header tells of.

    Raises:
        InputError: The engine's streams have another size, frame rate or chunk length.
    """
    _check_fits(engine, header)
    stream = header.stream
    return engine.open_session(
        header.pixels,
        header.prompt,
        header.seed,
        timesteps=stream.timesteps,
        sink_frames=stream.sink_frames,
        window_frames=stream.window_frames,
    )


def begin_provider(header: LogHeader) -> TrajectoryProvider:
    """Make and start the provider that a header tells of.

    Raises:
        InputError: It is not named as an announced one: a log that came from elsewhere imports no module of its choice.
        ProviderError: There is no such provider, or it failed.
    """
    if ":" in header.provider:
        raise InputError(
            f"Control log: wanted the name of an announced provider, got {header.provider!r}. "
            "Announce it as an entry point, see plugins/README.md."
        )
    provider = load_provider(header.provider, header.settings)
    start_provider(provider, header.info)
    return provider


def provider_at(log: LoadedLog, chunk: int, history: History | None = None) -> TrajectoryProvider:
    """A provider as it was at the beginning of a chunk, to go on with.

    Where the history has no copy of it, a new one is told all that the first one was told and reads all windows before
    the chunk; no network is run. One whose tracks are in the log reads nothing: what it looks at has gone by.

    Raises:
        ProviderError: There is no such provider, or it failed.
    """
    kept = None if history is None else history.provider(chunk)
    if kept is not None:
        return kept
    provider = begin_provider(log.header)
    for index in range(chunk):
        for control in log.controls(index):
            if isinstance(control, EventControl):
                handle_event(provider, control.event)
        if not log.has_tracks(index):
            read_tracks(provider, Window.of_chunk(log.header.stream, index))
    return provider


def replay(engine: StreamEngine, log: LoadedLog, num_chunks: int | None = None) -> Generator[VideoChunk, None, None]:
    """Make the video of a log again, to the bit where the model, the device and the number type are the same.

    The session opens at once. Closing the iterator closes the provider.

    Args:
        engine: With the checkpoint of the log, or another one of the same size.
        log: What was done.
        num_chunks: How many chunks; None are as many as the log tells of.

    Raises:
        InputError: The engine's streams have another shape; while iterating: it cannot do what the log says.
        ProviderError: The provider is not installed, or failed.
    """
    session = begin(engine, log.header)
    provider = Absent() if log.has_tracks(0) else begin_provider(log.header)
    return _chunks(session, provider, log, log.num_chunks if num_chunks is None else num_chunks)


def _chunks(
    session: StreamSession, provider: TrajectoryProvider, log: LoadedLog, num_chunks: int
) -> Generator[VideoChunk, None, None]:
    try:
        for index in range(num_chunks):
            made = apply_chunk(session, provider, log.controls(index), Window.of_chunk(session.config, index))
            for refusal in made.refused:
                raise InputError(f"Replay, chunk {index}: what was done live was refused now: {refusal.reason}")
            yield made.chunk
    finally:
        provider.close()


def _apply(session: StreamSession, provider: TrajectoryProvider, control: Control) -> None:
    match control:
        case EventControl():
            handle_event(provider, control.event)
        case PromptControl():
            session.set_prompt(control.prompt)
        case CutControl():
            session.cut(control.pixels, control.prompt)
        case TracksControl():
            pass  # it stands for what the provider reads, once all else is applied


def _check_fits(engine: StreamEngine, header: LogHeader) -> None:
    for name in ("width", "height", "fps", "chunk_frames"):
        wanted, got = getattr(header.stream, name), getattr(engine.config, name)
        if wanted != got:
            raise InputError(
                f"Control log: wanted a model whose streams have {name} {wanted}, got {got}. "
                f"Give the checkpoint that the log was made with: {header.checkpoint}."
            )
