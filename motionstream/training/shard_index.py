"""The index of a folder's shards: how many clips each holds, its checksum, and what was left out of it."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from motionstream.errors import InputError, OutputError
from motionstream.training.skipped import Skipped

INDEX_FILE: Final = "index.json"


@dataclass(frozen=True)
class ShardEntry:
    """One shard.

    Attributes:
        clips: In its file; without a clip there is no file.
        sha256: Of its file, in hexadecimal digits.
        skipped: Planned clips that are not in it.
    """

    clips: int
    sha256: str | None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class ShardIndex:
    """The shards of a folder by their file's name."""

    folder: Path
    shards: Mapping[str, ShardEntry] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "ShardIndex":
        """Reads a folder's index, an empty one where there is none.

        Raises:
            InputError: It cannot be read.
        """
        file = folder / INDEX_FILE
        if not file.exists():
            return cls(folder)
        try:
            values = json.loads(file.read_text(encoding="utf-8"))["shards"]
            return cls(folder, {name: _entry(**entry) for name, entry in values.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{file}: wanted an index of shards, could not read it: {error}. Delete the folder and encode again."
            ) from error

    def is_done(self, name: str) -> bool:
        """Whether a shard was made and, unless it is empty, its file is there."""
        entry = self.shards.get(name)
        return entry is not None and (entry.clips == 0 or (self.folder / name).exists())

    def with_shard(self, name: str, entry: ShardEntry) -> "ShardIndex":
        """The folder's index with one shard more, written to the folder; several processes may do so at a time.

        Raises:
            InputError: What lies in the folder cannot be read.
            OutputError: It cannot be written.
        """
        file = self.folder / INDEX_FILE
        try:
            with _locked(file):
                index = ShardIndex(self.folder, {**ShardIndex.load(self.folder).shards, name: entry})
                index._write(file)
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error}. Choose another folder.") from error
        return index

    def _write(self, file: Path) -> None:
        """Writes it, whole or not at all."""
        fresh = file.with_suffix(".json.part")
        shards = {name: asdict(self.shards[name]) for name in sorted(self.shards)}
        fresh.write_text(json.dumps({"shards": shards}, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, file)


def damaged_shards(folder: Path) -> list[Skipped]:
    """Lists the shards of a folder's index whose file is missing or is not what was written.

    Raises:
        InputError: The index cannot be read.
    """
    damaged = []
    for name, entry in ShardIndex.load(folder).shards.items():
        if entry.sha256 is None:
            continue
        if not (folder / name).exists():
            damaged.append(Skipped(name, "its file is missing; encode again"))
        elif checksum(folder / name) != entry.sha256:
            damaged.append(Skipped(name, "its checksum is another; delete it and encode again"))
    return damaged


def checksum(file: Path) -> str:
    """Returns a file's SHA-256 in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keeps other processes out; the lock is a file of its own, as the locked one is replaced."""
    with file.with_suffix(".json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file gives it back, even where the process is killed
        yield


def _entry(clips: int, sha256: str | None, skipped: list[Any]) -> ShardEntry:
    return ShardEntry(clips, sha256, tuple(Skipped(*one) for one in skipped))
