"""Rotary position embedding over (latent frame, row, column), in diffusers' channel layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

THETA = 10000.0
_MAX_TABLES = 64  # a stream needs a handful; a trainer with many clip shapes must not grow without end


class Rotary(NamedTuple):
    """Cosines and sines of the angles of each token, one per channel pair, float32; sines carry the pair's sign.

    Attributes:
        cos: `[s 1 d]`, each value twice.
        sin: `[s 1 d]`, each value twice, negated at even channels.
    """

    cos: Tensor
    sin: Tensor

    def part(self, start: int, stop: int) -> Rotary:
        """The table of the tokens from `start` to before `stop`, as views."""
        return Rotary(self.cos[start:stop], self.sin[start:stop])


def axis_dims(head_dim: int) -> tuple[int, int, int]:
    """Channels of a head that encode (latent frame, row, column): rows and columns get a third each, rounded down."""
    side = 2 * (head_dim // 6)
    return head_dim - 2 * side, side, side


def apply_rotary(x: Float[Tensor, "b s a d"], rotary: Rotary) -> Float[Tensor, "b s a d"]:
    """Turn each channel pair (2i, 2i+1) by its token's angle; computed in float32, returned in x's type."""
    swapped = torch.unflatten(x, -1, (-1, 2)).flip(-1).flatten(-2)
    return torch.addcmul(x * rotary.cos, swapped, rotary.sin).to(x.dtype)


class RotaryTables:
    """Makes and keeps rotary tables: each shape is worked out once, not per call or per layer.

    Plain memory, not module state: it appears in no state dict and needs no maximum length.
    """

    def __init__(self, head_dim: int) -> None:
        self.head_dim = head_dim
        self._tables: dict[tuple[object, ...], Rotary] = {}

    def get(self, frames: Sequence[int], height: int, width: int, device: torch.device) -> Rotary:
        """The table of `height x width` tokens for each latent-frame position of `frames` (kept for the next call)."""
        key = (tuple(frames), height, width, device)
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= _MAX_TABLES:
                del self._tables[next(iter(self._tables))]
            with torch.inference_mode(False):  # a table first made for a stream must also serve training
                table = self._tables[key] = self.make(torch.tensor(list(frames), device=device), height, width)
        return table

    def make(self, frames: Int[Tensor, " f"], height: int, width: int) -> Rotary:
        """The table for positions that live on the device (no synchronisation, nothing kept)."""
        t, h, w = (
            angles(position, dim)
            for position, dim in zip(
                (frames, _arange(height, frames.device), _arange(width, frames.device)), axis_dims(self.head_dim)
            )
        )
        grid = (len(frames), height, width, -1)
        angle = torch.cat(
            [t[:, None, None].expand(grid), h[None, :, None].expand(grid), w[None, None, :].expand(grid)], dim=-1
        ).flatten(0, 2)
        return signed_table(angle[:, None])


def angles(positions: Int[Tensor, " n"], dim: int) -> Float[Tensor, "n half"]:
    """Angle of each position for the `dim // 2` channel pairs of one axis, in float64 where the device has it."""
    dtype = torch.float32 if positions.device.type == "mps" else torch.float64
    frequencies = torch.tensor(_frequencies(dim), dtype=dtype, device=positions.device)
    return positions.to(dtype)[:, None] * frequencies


def signed_table(angle: Float[Tensor, "*n half"]) -> Rotary:
    """Cosines and signed sines in the form that `apply_rotary` multiplies with."""
    sin = angle.sin()
    return Rotary(
        angle.cos().repeat_interleave(2, dim=-1).float(), torch.stack((-sin, sin), dim=-1).flatten(-2).float()
    )


@lru_cache
def _frequencies(dim: int) -> tuple[float, ...]:
    return tuple(1.0 / THETA ** (i / dim) for i in range(0, dim, 2))


def _arange(stop: int, device: torch.device) -> Tensor:
    return torch.arange(stop, device=device)
