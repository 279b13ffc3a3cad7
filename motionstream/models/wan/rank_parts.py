"""Positions by rank as a sum of few attentions with plain positions, for a kernel that rotates each key once.

With positions by rank a key's position depends on who looks: it is the key's place among all that the query sees. But
only differences of positions matter, and within the sink, and within the window and the chunk itself, the difference
by rank is that of the true positions. So each key keeps one position, and a query has one for every such part; the
parts' attentions are merged by their log-sum-exp. Any mask can be split like this; a stream's needs two parts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from motionstream.models.wan.mask import Group, attention_plan


class RankPart(NamedTuple):
    """Pairs of latent frames whose difference by rank is that of these positions.

    Attributes:
        queries: Position of each querying frame in this part.
        mask: Which pairs belong to it; every allowed pair is in exactly one part.
    """

    queries: tuple[int, ...]
    mask: Bool[Tensor, "f f"]


class RankParts(NamedTuple):
    """A mask over latent frames with positions by rank.

    Attributes:
        keys: Position of each attended frame, the same for all parts.
        parts: The newest keys' first.
    """

    keys: tuple[int, ...]
    parts: tuple[RankPart, ...]


def rank_parts(mask: Bool[Tensor, "f f"]) -> RankParts:
    """Split a mask into parts within which one position a key says its rank. Reads the mask on the host."""
    groups = attention_plan(mask)
    keys = _key_positions(groups, len(mask))
    queries: list[list[int]] = []
    masks: list[Tensor] = []
    for group in groups:
        for index, (offset, frames) in enumerate(_by_offset(group, keys)):
            if index == len(masks):
                queries.append([0] * len(mask))
                masks.append(torch.zeros_like(mask))
            first, count = group.rank(group.start) + offset, group.stop - group.start
            queries[index][group.start : group.stop] = range(first, first + count)
            masks[index][group.start : group.stop, frames] = True
    return RankParts(keys, tuple(RankPart(tuple(row), part) for row, part in zip(queries, masks, strict=True)))


def _key_positions(groups: tuple[Group, ...], num_frames: int) -> tuple[int, ...]:
    """One position a frame: one more than that of the frame attended before it, where it is attended first."""
    positions: dict[int, int] = {}
    for group in groups:
        before = -1
        for frame in _attended(group):
            before = positions.setdefault(frame, before + 1)
    return tuple(positions.get(frame, 0) for frame in range(num_frames))


def _by_offset(group: Group, keys: tuple[int, ...]) -> list[tuple[int, list[int]]]:
    """The group's attended frames by how far their position is ahead of their rank, the newest first."""
    found: dict[int, list[int]] = {}
    for rank, frame in reversed(list(enumerate(_attended(group)))):
        found.setdefault(keys[frame] - rank, []).append(frame)
    return list(found.items())


def _attended(group: Group) -> list[int]:
    return [frame for start, stop in group.runs for frame in range(start, stop)]
