"""ForgivingFile: the file under a muxer, which keeps what is whole when the disk fills up."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from motionstream.errors import OutputError


class ForgivingFile:
    """The file under the muxer: remembers the first failure and swallows whatever follows it.

    A muxer that is told of a full disk still tries to finish its file, and would thereby spoil the fragments that are
    already whole. Unbuffered, so that what was handed over survives the process.
    """

    def __init__(self, path: Path) -> None:
        """Create or empty the file at `path`; raises OutputError where that is not possible."""
        self._file = _open_for_writing(path)
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of `data`, or as much as fits; claims to have written it in either case."""
        rest = memoryview(data)
        try:
            while rest and self.failure is None:
                rest = rest[self._file.write(rest) :]  # an unbuffered file may take a part only
        except OSError as error:
            self.failure = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, as files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Current position, in bytes."""
        return self._file.tell()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._file.closed

    def close(self) -> None:
        """Close the file; a late error of the file system becomes `failure`."""
        try:
            self._file.close()
        except OSError as error:
            self.failure = self.failure or error


def _open_for_writing(path: Path) -> BinaryIO:
    try:
        return path.open("wb", buffering=0)
    except OSError as error:
        advice = "Create the folder first" if not path.parent.is_dir() else "Choose another path"
        raise OutputError(
            f"{path}: wanted a file to write video to, could not open it: {error.strerror}. {advice}."
        ) from error
