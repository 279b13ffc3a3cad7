"""The memory of a stream: keys and values of the sink and the newest latent frames, in tensors that never grow."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.models.rope import angles, apply_rotary, axis_dims, signed_table


def kept_frames(num_frames: int, sink_frames: int, window_frames: int) -> list[int]:
    """Latent frames that a stream still remembers after `num_frames` of them: the sink and the newest window."""
    sink = min(sink_frames, num_frames)
    return [*range(sink), *range(max(sink, num_frames - window_frames), num_frames)]


class _Run(NamedTuple):
    """Consecutive latent frames that lie in consecutive slots."""

    frame: int
    slot: int
    length: int


class Past(NamedTuple):
    """Keys and values of one layer's kept latent frames, `[b a p d]`, that later chunks do not overwrite."""

    keys: Tensor
    values: Tensor

    def joined(
        self, rotated: Float[Tensor, "b s a d"], value: Float[Tensor, "b s a d"]
    ) -> tuple[Float[Tensor, "b a k d"], Float[Tensor, "b a k d"]]:
        """All that a chunk attends: the past, then its own keys and values."""
        keys = torch.cat([self.keys, rotated.transpose(1, 2)], dim=2)
        return keys, torch.cat([self.values, value.transpose(1, 2)], dim=2)


class SinkFrames(NamedTuple):
    """Latent frames as a sink holds them: keys and values of every layer, `[l b a s d]`, the keys rotated."""

    keys: Tensor
    values: Tensor

    @property
    def num_tokens(self) -> int:
        """Tokens of all frames."""
        return self.keys.shape[3]

    def joined(self, later: SinkFrames) -> SinkFrames:
        """These frames and the later ones."""
        return SinkFrames(torch.cat([self.keys, later.keys], dim=3), torch.cat([self.values, later.values], dim=3))


class KVCache:
    """Keys and values of the first `sink_frames`, the last `window_frames` and the current chunk, for every layer.

    The rule, in latent frames: kept = frames[:sink] + frames[sink:][-window:]. The rotary position of a kept frame is
    its rank in that list and the current chunk follows, so positions stay below sink + window + chunk for ever.

    Storage per layer is `[b a S d]` with S = (sink + window + chunk) frames: sink slots, then a ring of
    window + chunk. A new chunk takes the slots of the frames it drives out, so what is attended is always a prefix
    (all of it, once full) and nothing is moved. Sink keys never change their rank and are stored rotated. The ranks of
    window frames change between chunks: the channels that encode time (the others never change) are also kept
    unrotated and are rotated anew by `commit`, once per chunk. All indices are Python integers.

    Use: for every denoising step, each layer calls `extend` (which overwrites the last step's current chunk); after
    the clean pass, `commit`.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        batch: int,
        heads: int,
        head_dim: int,
        tokens_per_frame: int,
        sink_frames: int,
        window_frames: int,
        chunk_frames: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        counts = (num_layers, batch, heads, tokens_per_frame, chunk_frames)
        if min(counts) < 1 or min(sink_frames, window_frames) < 0:
            raise ValueError(
                "a cache needs at least one layer, sample, head, token and chunk frame, and no negative sink or "
                f"window: got {counts}, sink {sink_frames}, window {window_frames}"
            )
        self.tokens_per_frame = tokens_per_frame
        self.sink_frames, self.window_frames, self.chunk_frames = sink_frames, window_frames, chunk_frames
        self.num_frames = 0
        """Latent frames committed since the stream began."""
        self._current = 0  # latent frames of the chunk that is being made
        self._time_dim = axis_dims(head_dim)[0]
        shape = (num_layers, batch, heads)
        slots, ring = sink_frames + self._ring_frames, self._ring_frames
        self.keys = torch.zeros(*shape, slots * tokens_per_frame, head_dim, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        ranks = torch.arange(sink_frames + window_frames, device=device)
        self._ranks = signed_table(angles(ranks, self._time_dim)[:, None])
        self._unrotated = torch.zeros(*shape, ring * tokens_per_frame, self._time_dim, dtype=dtype, device=device)

    @property
    def num_kept(self) -> int:
        """Latent frames that the next chunk sees besides itself; also the rotary position of its first frame."""
        sink = min(self.num_frames, self.sink_frames)
        return sink + min(self.num_frames - sink, self.window_frames)

    @property
    def kept_frames(self) -> list[int]:
        """Indices in the stream of the latent frames that the next chunk sees besides itself."""
        return kept_frames(self.num_frames, self.sink_frames, self.window_frames)

    @property
    def num_bytes(self) -> int:
        """Memory of the tensors; constant."""
        return sum(tensor.nbytes for tensor in (self.keys, self.values, self._unrotated))

    def positions(self, num_frames: int) -> range:
        """Rotary positions of a current chunk of `num_frames` latent frames."""
        return range(self.num_kept, self.num_kept + num_frames)

    def extend(
        self,
        layer: int,
        unrotated: Float[Tensor, "b s a d"],
        rotated: Float[Tensor, "b s a d"],
        value: Float[Tensor, "b s a d"],
    ) -> tuple[Float[Tensor, "b a k d"], Float[Tensor, "b a k d"]]:
        """Make the chunk's keys and values current and return all that the chunk attends, as views.

        While gradients are recorded nothing is written: the result is then a copy through which they flow to the
        current chunk, and the past is a constant. Run the clean pass without gradients to store the chunk.

        Args:
            layer: Index of the layer.
            unrotated: Keys of the current chunk before rotation.
            rotated: The same keys, rotated at `positions`.
            value: Values of the current chunk.

        Raises:
            ValueError: The chunk has more than `chunk_frames`, no whole number of latent frames, or is short although
                the window is full (only the first chunks of a stream may be short).
        """
        count = self._count(unrotated.shape[1])
        if torch.is_grad_enabled() and (rotated.requires_grad or value.requires_grad):
            return self._joined(self.keys[layer], rotated), self._joined(self.values[layer], value)
        self._current = count
        size = self.tokens_per_frame
        for frame, slot, length in self._runs(self.num_frames, count):
            source = slice((frame - self.num_frames) * size, (frame - self.num_frames + length) * size)
            target = slice(slot * size, (slot + length) * size)
            self.keys[layer, :, :, target] = rotated[:, source].transpose(1, 2)
            self.values[layer, :, :, target] = value[:, source].transpose(1, 2)
            if slot >= self.sink_frames:
                self._ring(layer, slot, length)[:] = unrotated[:, source, :, : self._time_dim].transpose(1, 2)
        stop = (self.num_kept + count) * size
        return self.keys[layer, :, :, :stop], self.values[layer, :, :, :stop]

    def past(self, layer: int, num_tokens: int) -> Past:
        """Copies of a layer's kept latent frames, for a chunk whose gradients are worked out after later chunks.

        Args:
            layer: Index of the layer.
            num_tokens: Of the chunk.

        Raises:
            ValueError: As for `extend`.
        """
        self._count(num_tokens)
        return Past(torch.cat(self._kept(self.keys[layer]), dim=2), torch.cat(self._kept(self.values[layer]), dim=2))

    def commit(self) -> None:
        """Make the current chunk part of the past; call it once per chunk, after the clean pass.

        Raises:
            ValueError: No chunk has been written since the last commit.
        """
        if not self._current:
            raise ValueError("commit needs a current chunk: run forward_chunk without gradients first")
        self.num_frames += self._current
        self._current = 0
        if self.num_frames > self.sink_frames + self.window_frames:  # the ranks have moved
            self._rotate_window()

    def as_sink(self, first: int, count: int, rank: int) -> SinkFrames:
        """Copies of the newest latent frames as the sink would hold them.

        Args:
            first: Number in the stream of the first of them.
            count: How many.
            rank: Place in the sink of the first.

        Raises:
            ValueError: The frames are in the sink, not committed, or may have been overwritten.
        """
        if not max(self.sink_frames, self.num_frames - self.chunk_frames) <= first < first + count <= self.num_frames:
            raise ValueError(f"wanted frames of the newest chunk, after the sink, got {first} to {first + count - 1}")
        runs = self._runs(first, count)
        keys = torch.cat([self._slots(self.keys, run) for run in runs], dim=3)
        values = torch.cat([self._slots(self.values, run) for run in runs], dim=3)
        start = 0
        for run in runs:
            stop = start + run.length * self.tokens_per_frame
            for layer in range(len(keys)):
                turned = self._turned(layer, run, rank + run.frame - first)
                keys[layer, :, :, start:stop, : self._time_dim] = turned
            start = stop
        return SinkFrames(keys, values)

    def blend_sink(self, target: SinkFrames, weight: float) -> None:
        """Move the sink's keys and values towards the target's, in place: 0 changes nothing, 1 replaces them."""
        stop = self.sink_frames * self.tokens_per_frame
        self.keys[:, :, :, :stop].lerp_(target.keys, weight)
        self.values[:, :, :, :stop].lerp_(target.values, weight)

    def reset(self) -> None:
        """Forget the stream; the memory is kept for the next one."""
        self.num_frames = self._current = 0

    def clone(self) -> KVCache:
        """An independent copy of the present state, for snapshots and forks."""
        twin = copy.copy(self)
        twin.keys, twin.values, twin._unrotated = self.keys.clone(), self.values.clone(), self._unrotated.clone()
        return twin

    @property
    def _ring_frames(self) -> int:
        return self.window_frames + self.chunk_frames

    def _ring(self, layer: int, slot: int, length: int) -> Tensor:
        start = (slot - self.sink_frames) * self.tokens_per_frame
        return self._unrotated[layer, :, :, start : start + length * self.tokens_per_frame]

    def _slot(self, frame: int) -> int:
        if frame < self.sink_frames:
            return frame
        return self.sink_frames + (frame - self.sink_frames) % self._ring_frames

    def _runs(self, first: int, count: int) -> list[_Run]:
        """Where `count` latent frames from `first` lie: at most three runs (sink, ring's end, ring's start)."""
        runs: list[_Run] = []
        for frame in range(first, first + count):
            slot = self._slot(frame)
            if runs and slot == runs[-1].slot + runs[-1].length and slot != self.sink_frames:
                runs[-1] = runs[-1]._replace(length=runs[-1].length + 1)
            else:
                runs.append(_Run(frame, slot, 1))
        return runs

    def _count(self, num_tokens: int) -> int:
        count, rest = divmod(num_tokens, self.tokens_per_frame)
        full = self.num_frames > self.sink_frames + self.window_frames
        if rest or not 0 < count <= self.chunk_frames or (full and count < self.chunk_frames):
            raise ValueError(
                f"wanted a chunk of {self.chunk_frames} latent frames of {self.tokens_per_frame} tokens, got "
                f"{num_tokens} tokens: give the cache the chunk length and the latent size of the stream"
            )
        return count

    def _joined(self, stored: Tensor, current: Tensor) -> Tensor:
        """A new tensor of the kept frames and the current chunk."""
        return torch.cat([*self._kept(stored), current.transpose(1, 2)], dim=2)

    def _kept(self, stored: Tensor) -> list[Tensor]:
        """Views of the kept frames in the stream's order; the first is empty, so that there always is one."""
        size = self.tokens_per_frame
        runs = [_Run(0, 0, 0), *(run for first, length in self._kept_spans() for run in self._runs(first, length))]
        return [stored[:, :, run.slot * size : (run.slot + run.length) * size] for run in runs]

    def _kept_spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        sink = min(self.num_frames, self.sink_frames)
        window = self.num_kept - sink
        return (0, sink), (self.num_frames - window, window)

    def _slots(self, stored: Tensor, run: _Run) -> Tensor:
        size = self.tokens_per_frame
        return stored[:, :, :, run.slot * size : (run.slot + run.length) * size]

    def _turned(self, layer: int, run: _Run, rank: int) -> Tensor:
        """The time channels of a run's keys in one layer, rotated to ranks from `rank` on."""
        frames = torch.unflatten(self._ring(layer, run.slot, run.length), 2, (run.length, self.tokens_per_frame))
        return apply_rotary(frames, self._ranks.part(rank, rank + run.length)).flatten(2, 3)

    def _rotate_window(self) -> None:
        """Rotate the window's keys to their new ranks, layer by layer to keep the float32 working memory small."""
        first, count = self._kept_spans()[1]
        for run in self._runs(first, count):
            rank = self.sink_frames + run.frame - first
            for layer in range(len(self.keys)):
                self._slots(self.keys, run)[layer, ..., : self._time_dim] = self._turned(layer, run, rank)
