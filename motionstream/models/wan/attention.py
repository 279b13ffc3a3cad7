"""Self-attention over video tokens and cross-attention to the prompt; parameter names are diffusers'."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.kv_cache import KVCache, Past
from motionstream.models.rope import Rotary, apply_rotary
from motionstream.models.wan.flex import FlexPlan, attend_flex
from motionstream.models.wan.mask import Group


class PromptKeys(NamedTuple):
    """One layer's keys and values of the prompt, `[b a s d]`; those of the image tokens where the model has them."""

    key: Tensor
    value: Tensor
    image_key: Tensor | None = None
    image_value: Tensor | None = None


class Visibility(NamedTuple):
    """Which keys a query may see, and at which positions.

    Attributes:
        table: Positions of all tokens. With `ranked`, of the longest context a group may see, from position 0.
        groups: A plan in tokens; empty = every key.
        bias: A dense additive mask `[s s]` instead of a plan.
        ranked: A key's position is its rank among those that the group sees, as in `KVCache`.
        flex: The mask for FlexAttention instead of groups; with `ranked` it has its own tables.
    """

    table: Rotary
    groups: tuple[Group, ...] = ()
    bias: Tensor | None = None
    ranked: bool = False
    flex: FlexPlan | None = None

    @property
    def rotary(self) -> Rotary | None:
        """Positions that hold for every group."""
        return None if self.ranked else self.table


class _Projections(nn.Module):
    """What both attentions share: four projections and the norms of queries and keys across heads."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim)
        self.to_k = nn.Linear(dim, dim)
        self.to_v = nn.Linear(dim, dim)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])  # a list, as in diffusers, whose item 1 is a dropout
        self.norm_q = nn.RMSNorm(dim, eps=eps)
        self.norm_k = nn.RMSNorm(dim, eps=eps)

    def split(self, x: Float[Tensor, "b s dim"]) -> Float[Tensor, "b s a d"]:
        return torch.unflatten(x, -1, (self.heads, -1))

    def merge(self, x: Float[Tensor, "b a s d"]) -> Float[Tensor, "b s dim"]:
        out: Tensor = self.to_out[0](x.transpose(1, 2).flatten(2))
        return out


class Projected(NamedTuple):
    """Queries, keys (before and after rotation) and values of video tokens, `[b s a d]`."""

    query: Tensor
    key: Tensor
    rotated: Tensor
    value: Tensor


class SelfAttention(_Projections):
    """Projections of the attention among video tokens; `attend` and `attend_cached` do what lies between them."""

    def project(self, x: Float[Tensor, "b s dim"], rotary: Rotary | None) -> Projected:
        """Queries, keys and values; without `rotary` nothing is rotated yet."""
        query, key = self.split(self.norm_q(self.to_q(x))), self.split(self.norm_k(self.to_k(x)))
        value = self.split(self.to_v(x))
        if rotary is None:
            return Projected(query, key, key, value)
        return Projected(apply_rotary(query, rotary), key, apply_rotary(key, rotary), value)


class CrossAttention(_Projections):
    """Attention from video tokens to the prompt (and to image tokens: their result is added)."""

    def __init__(self, dim: int, heads: int, eps: float, added_kv_proj_dim: int | None) -> None:
        super().__init__(dim, heads, eps)
        self.has_image = added_kv_proj_dim is not None
        if added_kv_proj_dim is not None:
            self.add_k_proj = nn.Linear(added_kv_proj_dim, dim)
            self.add_v_proj = nn.Linear(added_kv_proj_dim, dim)
            self.norm_added_k = nn.RMSNorm(dim, eps=eps)

    def prompt_keys(self, text: Float[Tensor, "b s dim"], image: Float[Tensor, "b i dim"] | None) -> PromptKeys:
        """Keys and values of an embedded prompt; they hold for every video token and denoising step."""
        key = self.split(self.norm_k(self.to_k(text))).transpose(1, 2).contiguous()
        value = self.split(self.to_v(text)).transpose(1, 2).contiguous()
        if image is None:
            return PromptKeys(key, value)
        image_key = self.split(self.norm_added_k(self.add_k_proj(image))).transpose(1, 2).contiguous()
        return PromptKeys(key, value, image_key, self.split(self.add_v_proj(image)).transpose(1, 2).contiguous())

    def forward(self, x: Float[Tensor, "b s dim"], prompt: PromptKeys) -> Float[Tensor, "b s dim"]:
        """Attend the whole prompt."""
        query = self.split(self.norm_q(self.to_q(x))).transpose(1, 2)
        out = F.scaled_dot_product_attention(query, prompt.key, prompt.value)
        if prompt.image_key is not None and prompt.image_value is not None:
            out = out + F.scaled_dot_product_attention(query, prompt.image_key, prompt.image_value)
        return self.merge(out)


def attend(tokens: Projected, seen: Visibility) -> Float[Tensor, "b a s d"]:
    """Attention within a sequence: by FlexAttention, or one dense call per group of queries that see the same keys."""
    if seen.flex is not None:
        return attend_flex(tokens.query, tokens.rotated, tokens.value, seen.flex)
    if not seen.groups:
        return _attention(tokens.query, tokens.rotated, tokens.value, seen.bias)
    outputs = []
    for group in seen.groups:
        query, key = tokens.query[:, group.start : group.stop], _take(tokens.rotated, group.runs)
        if seen.ranked:
            rank = group.rank(group.start)
            query = apply_rotary(query, seen.table.part(rank, rank + query.shape[1]))
            key = apply_rotary(key, seen.table.part(0, key.shape[1]))
        outputs.append(_attention(query, key, _take(tokens.value, group.runs)))
    return torch.cat(outputs, dim=2)


def attend_cached(tokens: Projected, cache: KVCache, layer: int) -> Float[Tensor, "b a s d"]:
    """Attention to the cache and to the chunk itself, whose keys and values become the cache's current ones."""
    keys, values = cache.extend(layer, tokens.key, tokens.rotated, tokens.value)
    return F.scaled_dot_product_attention(tokens.query.transpose(1, 2), keys, values)


def attend_past(tokens: Projected, past: Past) -> Float[Tensor, "b a s d"]:
    """Attention to a copy of the past and to the chunk itself: what `attend_cached` gives, as often as it is asked."""
    keys, values = past.joined(tokens.rotated, tokens.value)
    return F.scaled_dot_product_attention(tokens.query.transpose(1, 2), keys, values)


def _attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Float[Tensor, "b a s d"]:
    return F.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=bias
    )


def _take(x: Float[Tensor, "b s a d"], runs: tuple[tuple[int, int], ...]) -> Float[Tensor, "b k a d"]:
    parts = [x[:, start:stop] for start, stop in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
