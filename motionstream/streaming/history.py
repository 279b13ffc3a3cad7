"""History: snapshots of a stream to go back to, ever sparser the older they are, in bounded memory."""

from __future__ import annotations

from motionstream.streaming.session import SessionState, StreamSession

_ALL_KEPT = 8
"""Newest chunks of which every one is kept."""


class History:
    """Snapshots of one stream by the number of chunks that it had.

    Every snapshot of the newest 8 chunks is kept, every second one of the next 8, every fourth of the next 16, and so
    on; and always the first. A session's snapshot shares memory with others, which is counted as if it did not.

    Args:
        max_bytes: For all snapshots together; the first one is kept even where it alone needs more.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._states: dict[int, tuple[SessionState, int]] = {}  # ascending

    @property
    def chunks(self) -> list[int]:
        """Chunks at whose beginning there is a snapshot."""
        return list(self._states)

    @property
    def num_bytes(self) -> int:
        """Memory of all snapshots."""
        return sum(size for _, size in self._states.values())

    def keep(self, session: StreamSession) -> None:
        """Take a snapshot of a session's present state, before the controls of its next chunk; at the start too.

        Nothing is copied where there is no room for two snapshots.
        """
        chunk, size = session.num_chunks, session.num_bytes
        self.forget(chunk)
        first = next((size for _, size in self._states.values()), 0)
        if self._states and first + size > self._max_bytes:
            return
        self._thin(chunk, size)
        self._states[chunk] = (session.snapshot(), size)

    def nearest(self, chunk: int) -> tuple[int, SessionState]:
        """The latest snapshot at or before the beginning of a chunk.

        Raises:
            KeyError: There is none: nothing was kept at the start.
        """
        found = [kept for kept in self._states if kept <= chunk]
        if not found:
            raise KeyError(f"no snapshot at or before chunk {chunk}")
        return found[-1], self._states[found[-1]][0]

    def forget(self, chunk: int) -> None:
        """Drop the snapshots at the beginning of a chunk and later: they belong to another branch."""
        self._states = {kept: state for kept, state in self._states.items() if kept < chunk}

    def _thin(self, newest: int, size: int) -> None:
        """Drop what is too dense for its age, then what is most dispensable, until `size` more bytes fit."""
        first = next(iter(self._states), newest)
        self._states = {kept: s for kept, s in self._states.items() if kept in (first, newest) or _is_due(newest, kept)}
        while len(self._states) > 1 and self.num_bytes + size > self._max_bytes:
            del self._states[_most_dispensable([*self._states, newest])]


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
