"""FlexAttention for masks over latent frames: one fused kernel instead of one dense attention a group of frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.attention.flex_attention import AuxRequest, BlockMask, flex_attention

from motionstream.models.rope import Rotary, RotaryTables, apply_rotary
from motionstream.models.wan.rank_parts import rank_parts

_BLOCK = 128
"""Tokens along a side of the squares that the kernel computes or leaves out as a whole."""


class FlexPart(NamedTuple):
    """One call of the kernel.

    Attributes:
        pairs: Which queries may attend which keys.
        query: Rotation of the queries; None = they come rotated.
    """

    pairs: BlockMask
    query: Rotary | None = None


class FlexPlan(NamedTuple):
    """A masked attention as calls of the kernel, whose results are merged by their log-sum-exp.

    Attributes:
        parts: The calls; no key is in two of them for the same query.
        key: Rotation of the keys in all of them; None = they come rotated.
    """

    parts: tuple[FlexPart, ...]
    key: Rotary | None = None


def flex_plan(mask: Bool[Tensor, "f f"], tokens_per_frame: int, device: torch.device) -> FlexPlan:
    """The plan of a mask over latent frames for tokens that come rotated."""
    return FlexPlan((FlexPart(block_mask(mask, tokens_per_frame, device)),))


def ranked_flex_plan(
    mask: Bool[Tensor, "f f"], height: int, width: int, tables: RotaryTables, device: torch.device
) -> FlexPlan:
    """The plan of a mask over latent frames of `height x width` tokens, with positions by rank."""
    keys, parts = rank_parts(mask)
    calls = tuple(
        FlexPart(block_mask(part.mask, height * width, device), tables.get(part.queries, height, width, device))
        for part in parts
    )
    return FlexPlan(calls, tables.get(keys, height, width, device))


def attend_flex(
    query: Float[Tensor, "b s a d"], key: Float[Tensor, "b s a d"], value: Float[Tensor, "b s a d"], plan: FlexPlan
) -> Float[Tensor, "b a s d"]:
    """Masked attention by FlexAttention: compiled on CUDA, elsewhere PyTorch's slow reference.

    The reference computes every pair, and on the CPU PyTorch refuses its gradients.
    """
    attention = _kernel(query.device.type)
    keys, values = _rotated(key, plan.key).transpose(1, 2), value.transpose(1, 2)
    outputs: list[Tensor] = []
    weights: list[Tensor] = []
    for part in plan.parts:
        queries, wanted = _rotated(query, part.query).transpose(1, 2), AuxRequest(lse=len(plan.parts) > 1)
        out, aux = attention(queries, keys, values, block_mask=part.pairs, return_aux=wanted)
        outputs.append(out)
        weights.append(aux.lse)
    if len(outputs) == 1:
        return outputs[0]
    shares = torch.stack(weights).softmax(dim=0)[..., None].to(value.dtype)  # exp(-inf) for a part without keys
    return (shares * torch.stack(outputs)).sum(dim=0)


def block_mask(mask: Bool[Tensor, "f f"], tokens_per_frame: int, device: torch.device) -> BlockMask:
    """The kernel's form of a mask over latent frames; kept for the next call with the same mask.

    Reads the mask on the host: keep it on the CPU.
    """
    rows = tuple(tuple(row) for row in mask.tolist())
    return _block_mask(rows, tokens_per_frame, device)


@lru_cache(maxsize=64)
def _block_mask(rows: tuple[tuple[bool, ...], ...], tokens_per_frame: int, device: torch.device) -> BlockMask:
    """Worked out on frames: `create_block_mask` would lay out every pair of tokens, gigabytes for a real clip."""
    with torch.inference_mode(False):  # a mask first made without training must also serve training
        mask = torch.tensor(rows)
        some, every = _blocks(mask, tokens_per_frame)
        partial, full = _listed(some & ~every, device), _listed(every, device)
        table, length = mask.to(device), len(mask) * tokens_per_frame

        def allowed(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return table[query // tokens_per_frame, key // tokens_per_frame]

        return BlockMask.from_kv_blocks(
            *partial, *full, BLOCK_SIZE=_BLOCK, mask_mod=allowed, seq_lengths=(length, length)
        )


def _blocks(mask: Bool[Tensor, "f f"], tokens_per_frame: int) -> tuple[Bool[Tensor, "n n"], Bool[Tensor, "n n"]]:
    """For each square of tokens, whether it holds an allowed pair, and whether all of it is allowed."""
    length = len(mask) * tokens_per_frame
    start = torch.arange(0, length, _BLOCK)[:, None]
    frame = torch.arange(len(mask)) * tokens_per_frame
    touched = ((frame < start + _BLOCK) & (frame + tokens_per_frame > start)).float()
    some = touched @ mask.float() @ touched.T > 0
    every = touched @ (~mask).float() @ touched.T == 0
    inside = (start + _BLOCK <= length).squeeze(1)  # a square that hangs over the end is never whole
    return some, every & inside[:, None] & inside


def _listed(blocks: Bool[Tensor, "n n"], device: torch.device) -> tuple[Tensor, Tensor]:
    """How many squares of each row are chosen, and their columns, the chosen ones first: `[1 1 n]`, `[1 1 n n]`."""
    counts = blocks.sum(dim=1, dtype=torch.int32)
    columns = blocks.int().argsort(dim=1, descending=True, stable=True).int()
    return counts[None, None].to(device), columns[None, None].contiguous().to(device)


def _rotated(x: Float[Tensor, "b s a d"], rotary: Rotary | None) -> Float[Tensor, "b s a d"]:
    return x if rotary is None else apply_rotary(x, rotary)


@lru_cache
def _kernel(device_type: str) -> Callable[..., Any]:
    plain = cast(Callable[..., Any], flex_attention)
    return torch.compile(plain, dynamic=False) if device_type == "cuda" else plain
