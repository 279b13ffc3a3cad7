"""One transformer block: self-attention, cross-attention, feed-forward, each modulated by the timestep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.rope import Rotary
from motionstream.models.wan.attention import CrossAttention, Projected, PromptKeys, SelfAttention
from motionstream.models.wan.config import WanConfig
from motionstream.models.wan.embeddings import FeedForward, layer_norm


class BlockModulation(NamedTuple):
    """Shift, scale (1 already added) and gate of the self-attention and of the feed-forward, float32, `[b g 1 dim]`.

    g counts the groups of tokens with a timestep of their own: 1, the latent frames, or the tokens.
    """

    shift: Tensor
    scale: Tensor
    gate: Tensor
    ffn_shift: Tensor
    ffn_scale: Tensor
    ffn_gate: Tensor


class WanBlock(nn.Module):
    """A block of the Wan transformer; what the self-attention attends is the caller's business."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        dim, heads = config.dim, config.num_attention_heads
        self.eps = config.eps
        self.attn1 = SelfAttention(dim, heads, config.eps)
        self.attn2 = CrossAttention(dim, heads, config.eps, config.added_kv_proj_dim)
        self.norm2 = nn.LayerNorm(dim, config.eps) if config.cross_attn_norm else None
        self.ffn = FeedForward(dim, config.ffn_dim, dim)
        self.scale_shift_table = nn.Parameter(torch.randn(1, 6, dim) / dim**0.5)
        self._halves = (_begin, _finish)  # functions of the block, so that a copy of a compiled block is its own

    def modulate(self, projection: Float[Tensor, "b g 6 dim"]) -> BlockModulation:
        """This block's modulation for projected timesteps."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = torch.split(
            self.scale_shift_table.float() + projection, 1, dim=2
        )
        return BlockModulation(shift, scale + 1, gate, ffn_shift, ffn_scale + 1, ffn_gate)

    def forward(
        self,
        x: Float[Tensor, "b s dim"],
        time: BlockModulation,
        prompt: PromptKeys,
        rotary: Rotary | None,
        attention: Callable[[Projected], Tensor],
    ) -> Float[Tensor, "b s dim"]:
        """Run the block; `attention` (`[b s a d]` in, `[b a s d]` out) knows which tokens see which."""
        begin, finish = self._halves
        return finish(self, x, attention(begin(self, x, time, rotary)), time, prompt)

    def project(self, x: Float[Tensor, "b s dim"], time: BlockModulation, rotary: Rotary | None) -> Projected:
        """The first half of the block alone: the self-attention's queries, keys and values."""
        begin, _ = self._halves
        return begin(self, x, time, rotary)

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the two halves around the attention (options as for torch.compile).

        The attention itself is one kernel, and the cache's slots change from chunk to chunk: inside a graph they would
        ask for a new one every time.
        """
        self._halves = (torch.compile(_begin, *args, **options), torch.compile(_finish, *args, **options))


def _begin(block: WanBlock, x: Tensor, time: BlockModulation, rotary: Rotary | None) -> Projected:
    return block.attn1.project(modulated_norm(x, time.scale, time.shift, block.eps), rotary)


def _finish(block: WanBlock, x: Tensor, attended: Tensor, time: BlockModulation, prompt: PromptKeys) -> Tensor:
    x = gated_add(x, block.attn1.merge(attended), time.gate)
    x = x + block.attn2(x if block.norm2 is None else layer_norm(block.norm2, x), prompt)
    return gated_add(x, block.ffn(modulated_norm(x, time.ffn_scale, time.ffn_shift, block.eps)), time.ffn_gate)


def modulated_norm(
    x: Float[Tensor, "b s dim"], scale: Float[Tensor, "b g 1 dim"], shift: Float[Tensor, "b g 1 dim"], eps: float
) -> Float[Tensor, "b s dim"]:
    """Layer norm without weights of its own, then scale and shift; in float32, returned in x's type."""
    dim = x.shape[-1:]
    if scale.numel() == dim[0]:  # one timestep for all: scale and shift serve as the norm's weights, in one kernel
        return F.layer_norm(x.float(), dim, scale.reshape(dim), shift.reshape(dim), eps).to(x.dtype)
    normed = torch.unflatten(F.layer_norm(x.float(), dim, eps=eps), 1, (scale.shape[1], -1))
    return torch.addcmul(shift, normed, scale).flatten(1, 2).to(x.dtype)


def gated_add(
    x: Float[Tensor, "b s dim"], y: Float[Tensor, "b s dim"], gate: Float[Tensor, "b g 1 dim"]
) -> Float[Tensor, "b s dim"]:
    """`x + y * gate` in float32, returned in x's type."""
    groups = (gate.shape[1], -1)
    added = torch.addcmul(torch.unflatten(x.float(), 1, groups), torch.unflatten(y.float(), 1, groups), gate)
    return added.flatten(1, 2).to(x.dtype)
