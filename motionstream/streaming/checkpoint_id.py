"""CheckpointId: enough of a checkpoint's files to tell it from another one, without reading all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import Self

from motionstream.errors import CheckpointError

_NUM_SAMPLES = 64
_SAMPLE_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class CheckpointId:
    """What a checkpoint is known by.

    Attributes:
        name: Of its folder, for people.
        digest: Of its configuration files, and of samples of its weights' files.
    """

    name: str
    digest: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read a checkpoint's folder.

        Two steps of one training have files of the same size with the same header, so weights are sampled too.

        Raises:
            CheckpointError: A file cannot be read.
        """
        digest = hashlib.sha256()
        files = sorted([*folder.rglob("*.safetensors"), *folder.glob("*/*config.json")])
        try:
            for file in files:
                digest.update(file.relative_to(folder).as_posix().encode())
                digest.update(_sampled(file))
        except OSError as error:
            raise CheckpointError(
                f"{folder}: could not be read: {error.strerror or error}. Check that the checkpoint is still there."
            ) from error
        return cls(name=folder.resolve().name, digest=digest.hexdigest()[:32])

    def __str__(self) -> str:
        return f"{self.name} ({self.digest[:8]})"


def _sampled(file: Path) -> bytes:
    """A file's size and evenly spread samples of it; all of a small file."""
    with file.open("rb") as opened:
        size = opened.seek(0, SEEK_END)
        last = max(size - _SAMPLE_BYTES, 0)
        samples = []
        for number in range(_NUM_SAMPLES):
            opened.seek(last * number // (_NUM_SAMPLES - 1))
            samples.append(opened.read(_SAMPLE_BYTES))
    return hashlib.sha256(b"".join([size.to_bytes(8, "little"), *samples])).digest()
