"""ControlLog: all that a user did to a stream, as a file from which the same video is made again.

JSON lines: a header, then what was applied, each entry with the chunk before which it was. Pictures are PNGs at the
stream's size, so that their pixels are exactly those that the model saw.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import UInt8

from motionstream import __version__
from motionstream.config import StreamConfig
from motionstream.errors import InputError, OutputError
from motionstream.providers import StreamInfo
from motionstream.streaming.checkpoint_id import CheckpointId
from motionstream.streaming.image import Fit
from motionstream.streaming.packed_tracks import pack_tracks, unpack_tracks
from motionstream.tracks import Tracks

if TYPE_CHECKING:
    from motionstream.models.checkpoint import Checkpoint
    from motionstream.streaming.control_timeline import TimedControl
    from motionstream.streaming.session import StreamSession


@dataclass(frozen=True, kw_only=True)
class LogHeader:
    """What a stream was begun with.

    Attributes:
        checkpoint: The model.
        device: What it ran on, such as "cpu" or "cuda".
        dtype: Type of its weights; on another device or in another type the frames differ a little.
        stream: Size, frame rate, memory and timesteps.
        seed: Of the noise.
        prompt: The first one.
        provider: Name of the source of motion.
        settings: The provider's settings that were given.
        fit: How the user's picture was brought to the stream's size.
        picture: The fitted picture, a PNG in base64.
        motionstream: Version of the library.
        version: Of the format.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    checkpoint: CheckpointId
    device: str
    dtype: str
    stream: StreamConfig
    seed: int
    prompt: str
    provider: str
    settings: dict[str, Any]
    fit: Fit
    picture: str
    motionstream: str = __version__
    version: Literal[1] = 1
    type: Literal["header"] = "header"

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        session: StreamSession,
        *,
        provider: str,
        settings: Mapping[str, Any],
        fit: Fit = "crop",
    ) -> Self:
        """The header of a session that has no chunk yet.

        Raises:
            CheckpointError: The checkpoint's files cannot be read.
        """
        return cls(
            checkpoint=CheckpointId.of(checkpoint.path),
            device=checkpoint.device.type,
            dtype=str(checkpoint.dtype).removeprefix("torch."),
            stream=session.config,
            seed=session.seed,
            prompt=session.prompt,
            provider=provider,
            settings=dict(settings),
            fit=fit,
            picture=_png(session.picture.pixels),
        )

    @property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The fitted picture."""
        return _pixels(self.picture)

    @property
    def info(self) -> StreamInfo:
        """What the provider was told."""
        stream = self.stream
        return StreamInfo(
            width=stream.width,
            height=stream.height,
            fps=stream.fps,
            image=self.pixels,
            seed=self.seed,
            prompt=self.prompt,
        )


@dataclass(frozen=True, kw_only=True)
class EventControl:
    """The user did something.

    Attributes:
        chunk: The chunk before which it was applied.
        seq: The client's number of the event.
        client_ms: When, by the client's clock.
        event: What, with `time_seconds`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chunk: int
    seq: int
    client_ms: float
    event: dict[str, Any]
    type: Literal["event"] = "event"

    @classmethod
    def of(cls, chunk: int, timed: TimedControl) -> Self:
        """An event that a timeline has put at its place."""
        return cls(chunk=chunk, seq=timed.seq, client_ms=timed.client_ms, event=dict(timed.event))


@dataclass(frozen=True, kw_only=True)
class PromptControl:
    """The prompt changed.

    Attributes:
        chunk: The chunk before which it was applied.
        prompt: The new one.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chunk: int
    prompt: str
    type: Literal["prompt"] = "prompt"


@dataclass(frozen=True, kw_only=True)
class CutControl:
    """The stream went on from another picture.

    Attributes:
        chunk: The chunk before which it was applied.
        picture: The fitted picture, a PNG in base64.
        prompt: The new one; None where it stayed.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chunk: int
    picture: str
    prompt: str | None = None
    type: Literal["cut"] = "cut"

    @classmethod
    def of(cls, chunk: int, pixels: UInt8[np.ndarray, "h w 3"], prompt: str | None) -> Self:
        """A cut to a picture that has the stream's size already."""
        return cls(chunk=chunk, picture=_png(pixels), prompt=prompt)

    @cached_property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The fitted picture."""
        return _pixels(self.picture)


@dataclass(frozen=True, kw_only=True)
class TracksControl:
    """What a provider gave that cannot give it again, such as one that looks through a camera.

    Attributes:
        chunk: The chunk that moves so.
        packed: The chunk's tracks as text.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chunk: int
    packed: str
    type: Literal["tracks"] = "tracks"

    @classmethod
    def of(cls, chunk: int, tracks: Tracks) -> Self:
        """Tracks of a whole chunk."""
        return cls(chunk=chunk, packed=pack_tracks(tracks))

    @cached_property
    def tracks(self) -> Tracks:
        """The tracks, rounded as they were when the chunk was first made."""
        return unpack_tracks(self.packed)


@dataclass(frozen=True, kw_only=True)
class End:
    """The stream was ended in order.

    Attributes:
        chunk: Chunks that it had.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chunk: int
    type: Literal["end"] = "end"


Control = EventControl | PromptControl | CutControl | TracksControl
Entry = EventControl | PromptControl | CutControl | TracksControl | End


class ControlLog:
    """A log in the making: append-only, except that a branch drops what came after it. Memory does not grow with it.

    Not for several threads at once. Entries come in the order of their chunks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._newest = 0
        try:
            self._file = path.open("w+b")
        except OSError as error:
            raise _unwritable(path, error) from error

    @classmethod
    def create(cls, path: Path, header: LogHeader) -> Self:
        """Begin a log; an old file is overwritten.

        Raises:
            OutputError: The file cannot be written.
        """
        log = cls(path)
        log._write(asdict(header))
        log.flush()
        return log

    def append(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            OutputError: The file cannot be written.
            ValueError: The entry belongs to a chunk before that of the last one.
        """
        if entry.chunk < self._newest:
            raise ValueError(f"wanted an entry of chunk {self._newest} or later, got one of {entry.chunk}")
        self._newest = entry.chunk
        self._write(asdict(entry))

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add several entries; see `append`."""
        for entry in entries:
            self.append(entry)

    def truncate(self, chunk: int) -> None:
        """Go back to the beginning of a chunk: drop the entries of this and later chunks, and the end.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._file.seek(0)
            stop = len(self._file.readline())
            for line in self._file:
                entry = json.loads(line)
                if entry["chunk"] >= chunk or entry["type"] == "end":
                    break
                stop += len(line)
            self._file.truncate(stop)
            self._file.seek(stop)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._newest = min(self._newest, chunk)

    def flush(self) -> None:
        """Bring everything to the file, so that others can read it.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Finish the file; a second call does nothing.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, values: Mapping[str, Any]) -> None:
        line = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Control log {path}: could not be written: {error.strerror or error}. Choose another path, or make room."
    )


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def _pixels(picture: str) -> UInt8[np.ndarray, "h w 3"]:
    from motionstream.streaming.image_file import decode_image

    try:
        data = base64.b64decode(picture, validate=True)
    except ValueError as error:
        raise InputError(f"Control log: a picture is not base64: {error}. The file is damaged.") from error
    return np.asarray(decode_image(data)[0])
