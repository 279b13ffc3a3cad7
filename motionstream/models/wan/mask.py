"""Who may attend whom: masks over latent frames, and the plan that turns a mask into few dense attentions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from motionstream.models.kv_cache import kept_frames


class Group(NamedTuple):
    """Consecutive latent frames that attend the same latent frames.

    Attributes:
        start: First querying frame.
        stop: One past the last querying frame.
        runs: Attended frames as half-open ranges, in order.
    """

    start: int
    stop: int
    runs: tuple[tuple[int, int], ...]

    def in_tokens(self, tokens_per_frame: int) -> Group:
        """The same group over tokens."""
        n = tokens_per_frame
        return Group(self.start * n, self.stop * n, tuple((start * n, stop * n) for start, stop in self.runs))

    def rank(self, index: int) -> int:
        """Place of `index` among the attended ones; how many are attended before it where it is not."""
        return sum(max(0, min(stop, index) - start) for start, stop in self.runs)

    def num_attended(self) -> int:
        """How many are attended."""
        return sum(stop - start for start, stop in self.runs)


def chunk_starts(num_frames: int, chunk_frames: int) -> list[int]:
    """First latent frame of each chunk; the last chunk may be short."""
    return list(range(0, num_frames, chunk_frames))


def bidirectional_mask(num_frames: int) -> Bool[Tensor, "f f"]:
    """Every latent frame attends every other (the teacher)."""
    return torch.ones(num_frames, num_frames, dtype=torch.bool)


def causal_mask(
    num_frames: int, chunk_frames: int, sink_frames: int | None = None, window_frames: int | None = None
) -> Bool[Tensor, "f f"]:
    """A chunk attends itself, the first `sink_frames` and the `window_frames` before it.

    The rule is `KVCache`'s. Rows attend columns; True = may attend. Without a window all past frames are attended.
    """
    mask = torch.zeros(num_frames, num_frames, dtype=torch.bool)
    for start in chunk_starts(num_frames, chunk_frames):
        stop = min(start + chunk_frames, num_frames)
        mask[start:stop, _past(start, sink_frames, window_frames)] = True
        mask[start:stop, start:stop] = True
    return mask


def teacher_forcing_mask(
    num_frames: int, chunk_frames: int, sink_frames: int | None = None, window_frames: int | None = None
) -> Bool[Tensor, "f2 f2"]:
    """The mask of one training sequence that holds a clip twice: [clean chunks 0..k-2 ; noisy chunks 0..k-1].

    Clean chunk j attends itself and the clean past that `sink_frames` and `window_frames` allow. Noisy chunk j attends
    itself and the same *clean* past; so all chunks of a clip train in one forward, each as if its past were done.
    The last clean chunk is left out: nothing would read it.
    """
    num_clean = chunk_starts(num_frames, chunk_frames)[-1]
    past = causal_mask(num_frames, chunk_frames, sink_frames, window_frames)
    own = causal_mask(num_frames, chunk_frames, 0, 0)
    mask = torch.zeros(num_clean + num_frames, num_clean + num_frames, dtype=torch.bool)
    mask[:num_clean, :num_clean] = past[:num_clean, :num_clean]
    mask[num_clean:, :num_clean] = (past & ~own)[:, :num_clean]
    mask[num_clean:, num_clean:] = own
    return mask


def attention_plan(mask: Bool[Tensor, "f f"]) -> tuple[Group, ...]:
    """Split a mask over frames into groups of equal rows: each is one dense attention over the frames it may see.

    No work is spent on masked pairs: with sink and window of a chunk each, a noisy chunk computes three chunks' worth
    of scores instead of the whole sequence's. Reads the mask on the host once: keep it on the CPU.
    """
    rows: list[list[bool]] = mask.tolist()
    starts = [i for i, row in enumerate(rows) if i == 0 or row != rows[i - 1]]
    return tuple(Group(start, stop, _runs(rows[start])) for start, stop in zip(starts, [*starts[1:], len(rows)]))


def _past(start: int, sink_frames: int | None, window_frames: int | None) -> list[int]:
    if window_frames is None:
        return list(range(start))
    return kept_frames(start, sink_frames or 0, window_frames)


def _runs(row: list[bool]) -> tuple[tuple[int, int], ...]:
    edges = [i for i in range(len(row) + 1) if (row[i - 1] if i else False) != (row[i] if i < len(row) else False)]
    return tuple(zip(edges[::2], edges[1::2]))
