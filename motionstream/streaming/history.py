"""History: snapshots of a stream to go back to, ever sparser the older they are, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from motionstream.providers import TrajectoryProvider
from motionstream.streaming.session import SessionState, StreamSession

_ALL_KEPT = 8
"""Newest chunks of which every one is kept."""


@runtime_checkable
class CopyableProvider(TrajectoryProvider, Protocol):
    """A provider that can be gone back to without being told everything again."""

    def copy(self) -> TrajectoryProvider:
        """An independent provider that goes on from here by itself; with the same input both give the same tracks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    state: SessionState
    provider: CopyableProvider | None
    num_bytes: int


class History:
    """Snapshots of one stream by the number of chunks that it had.

    Every snapshot of the newest 8 chunks is kept, every second one of the next 8, every fourth of the next 16, and so
    on; and always the first. A session's snapshot shares memory with others, which is counted as if it did not.

    Args:
        max_bytes: For all snapshots together; the first one is kept even where it alone needs more.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[int, _Kept] = {}  # ascending

    @property
    def chunks(self) -> list[int]:
        """Chunks at whose beginning there is a snapshot."""
        return list(self._kept)

    @property
    def num_bytes(self) -> int:
        """Memory of all snapshots."""
        return sum(kept.num_bytes for kept in self._kept.values())

    def keep(self, session: StreamSession, provider: TrajectoryProvider | None = None) -> None:
        """Take a snapshot of a session's present state, before the controls of its next chunk; at the start too.

        Nothing is copied where there is no room for two snapshots.

        Args:
            session: Whose state it is.
            provider: Copied with it, where it can be.
        """
        chunk, size = session.num_chunks, session.num_bytes
        self.forget(chunk)
        first = next((kept.num_bytes for kept in self._kept.values()), 0)
        if self._kept and first + size > self._max_bytes:
            return
        self._thin(chunk, size)
        twin = provider.copy() if isinstance(provider, CopyableProvider) else None
        copied = twin if isinstance(twin, CopyableProvider) else None
        self._kept[chunk] = _Kept(state=session.snapshot(), provider=copied, num_bytes=size)

    def nearest(self, chunk: int) -> tuple[int, SessionState]:
        """The latest snapshot at or before the beginning of a chunk.

        Raises:
            KeyError: There is none: nothing was kept at the start.
        """
        found = [kept for kept in self._kept if kept <= chunk]
        if not found:
            raise KeyError(f"no snapshot at or before chunk {chunk}")
        return found[-1], self._kept[found[-1]].state

    def provider(self, chunk: int) -> TrajectoryProvider | None:
        """A provider as it was at the beginning of a chunk; None where there is no snapshot or it cannot be copied."""
        kept = self._kept.get(chunk)
        return kept.provider.copy() if kept is not None and kept.provider is not None else None

    def forget(self, chunk: int) -> None:
        """Drop the snapshots at the beginning of a chunk and later: they belong to another branch."""
        self._kept = {number: kept for number, kept in self._kept.items() if number < chunk}

    def _thin(self, newest: int, size: int) -> None:
        """Drop what is too dense for its age, then what is most dispensable, until `size` more bytes fit."""
        first = next(iter(self._kept), newest)
        self._kept = {number: kept for number, kept in self._kept.items() if number == first or _is_due(newest, number)}
        while len(self._kept) > 1 and self.num_bytes + size > self._max_bytes:
            del self._kept[_most_dispensable([*self._kept, newest])]


def _is_due(newest: int, kept: int) -> bool:
    """Whether a snapshot is one of those kept at its age."""
    spacing = 1
    while newest - kept >= _ALL_KEPT * spacing:
        spacing *= 2
    return kept % spacing == 0


def _most_dispensable(chunks: list[int]) -> int:
    """The one without which the gap is smallest for its age; neither the first nor the last."""
    newest = chunks[-1]
    inner = range(1, len(chunks) - 1)
    return chunks[min(inner, key=lambda i: (chunks[i + 1] - chunks[i - 1]) / (newest - chunks[i]))]
