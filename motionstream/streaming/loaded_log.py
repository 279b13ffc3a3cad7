"""LoadedLog: a control log that was read back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from motionstream.errors import InputError
from motionstream.streaming.control_log import Control, End, Entry, LogHeader, TracksControl

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class LoadedLog:
    """What a log says.

    Attributes:
        header: What the stream was begun with.
        entries: What was applied, in order, and the end where there was one.
        note: What is to be said of the file, such as that its last line was torn; empty where all is well.
    """

    header: LogHeader
    entries: tuple[Entry, ...]
    note: str = ""

    @property
    def num_chunks(self) -> int:
        """Chunks of the stream; where it was not ended in order, those up to the last control."""
        if not self.entries:
            return 0
        last = self.entries[-1]
        return last.chunk if isinstance(last, End) else last.chunk + 1

    def controls(self, chunk: int) -> tuple[Control, ...]:
        """What was applied before a chunk."""
        return self._by_chunk.get(chunk, ())

    def has_tracks(self, chunk: int) -> bool:
        """Whether the chunk's tracks are in the log."""
        return any(isinstance(control, TracksControl) for control in self.controls(chunk))

    @cached_property
    def _by_chunk(self) -> dict[int, tuple[Control, ...]]:
        found: dict[int, list[Control]] = {}
        for entry in self.entries:
            if not isinstance(entry, End):
                found.setdefault(entry.chunk, []).append(entry)
        return {chunk: tuple(controls) for chunk, controls in found.items()}


def read_log(path: str | Path) -> LoadedLog:
    """Read a control log.

    A last line without an end was torn by a crash: it is left out, and `LoadedLog.note` says so.

    Raises:
        InputError: There is no such file, or it is no control log; the first bad line is named.
    """
    try:
        lines = Path(path).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InputError(
            f"Control log {path}: could not be read: {error.strerror or error}. Check the path."
        ) from error
    note = ""
    if len(lines) > 1 and not lines[-1].endswith(b"\n"):
        note = f"the last line of {path} is torn and was left out: the stream did not end in order"
        lines.pop()
    if not lines:
        raise InputError(f"Control log {path}: wanted a header, got an empty file. Give a log of a live stream.")
    headers, entries = _adapters()
    header = _parsed(headers, path, 1, lines[0])
    parsed = tuple(_parsed(entries, path, number, line) for number, line in enumerate(lines[1:], start=2))
    _check_order(path, parsed)
    return LoadedLog(header=header, entries=parsed, note=note)


def _parsed(adapter: TypeAdapter[_T], path: str | Path, number: int, line: bytes) -> _T:
    from pydantic import ValidationError

    try:
        return adapter.validate_json(line)
    except InputError as error:
        raise InputError(f"Control log {path}, line {number}: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the line"
        raise InputError(f"Control log {path}, line {number}: {where}: {problem['msg']}.") from error


def _check_order(path: str | Path, entries: tuple[Entry, ...]) -> None:
    newest = 0
    for number, entry in enumerate(entries, start=2):
        if entry.chunk < newest or (isinstance(entry, End) and number != len(entries) + 1):
            raise InputError(
                f"Control log {path}, line {number}: wanted entries in the order of their chunks and the end last, got "
                f"{entry.type} of chunk {entry.chunk} after chunk {newest}. The file is damaged."
            )
        newest = entry.chunk


@cache
def _adapters() -> tuple[TypeAdapter[LogHeader], TypeAdapter[Entry]]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(LogHeader), TypeAdapter(Annotated[Entry, Field(discriminator="type")])
