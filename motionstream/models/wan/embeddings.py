"""Embeddings of the timestep, the prompt and the image tokens; parameter names are diffusers'."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.wan.config import WanConfig


class ConditionEmbedder(nn.Module):
    """Everything that conditions the blocks, brought to the width of a token."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.freq_dim = config.freq_dim
        self.time_embedder = _TwoLinears(config.freq_dim, config.dim)
        self.time_proj = nn.Linear(config.dim, config.dim * 6)
        self.text_embedder = _TwoLinears(config.text_dim, config.dim)
        if config.image_dim is not None:
            self.image_embedder = ImageEmbedding(config.image_dim, config.dim, config.pos_embed_seq_len)

    def time(self, timesteps: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n dim"], Float[Tensor, "*n 6 dim"]]:
        """Embedding of the timesteps (0..1000) and its projection to the six modulations of a block, in float32."""
        layers = self.time_embedder
        wave = sinusoid(timesteps, self.freq_dim).to(layers.linear_1.weight.dtype)
        embedding = layers.linear_2(F.silu(layers.linear_1(wave))).to(self.time_proj.weight.dtype)
        projection = self.time_proj(F.silu(embedding))
        return embedding.float(), torch.unflatten(projection, -1, (6, -1)).float()

    def text(self, prompt_embeds: Float[Tensor, "b s text"]) -> Float[Tensor, "b s dim"]:
        """Prompt embeddings at the width of a token."""
        layers = self.text_embedder
        hidden = F.gelu(layers.linear_1(prompt_embeds), approximate="tanh")
        out: Tensor = layers.linear_2(hidden)
        return out


class ImageEmbedding(nn.Module):
    """Image-encoder tokens at the width of a token (Wan 2.1 I2V)."""

    def __init__(self, image_dim: int, dim: int, pos_embed_seq_len: int | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(image_dim)
        self.ff = FeedForward(image_dim, image_dim, dim, approximate="none")
        self.norm2 = nn.LayerNorm(dim)
        self.pos_embed = (
            None if pos_embed_seq_len is None else nn.Parameter(torch.zeros(1, pos_embed_seq_len, image_dim))
        )

    def forward(self, tokens: Float[Tensor, "n i image"]) -> Float[Tensor, "b j dim"]:
        """Embed; with learned positions, first and last image of a sample lie one after the other along the batch."""
        if self.pos_embed is not None:
            tokens = tokens.reshape(-1, 2 * tokens.shape[1], tokens.shape[2]) + self.pos_embed
        return layer_norm(self.norm2, self.ff(layer_norm(self.norm1, tokens)))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between; the list keeps diffusers' names `net.0.proj` and `net.2`."""

    def __init__(self, dim: int, hidden: int, out: int, approximate: str = "tanh") -> None:
        super().__init__()
        self.net = nn.ModuleList([_Widen(dim, hidden, approximate), nn.Identity(), nn.Linear(hidden, out)])

    def forward(self, x: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n out"]:
        """Widen, bend, narrow."""
        out: Tensor = self.net[2](self.net[0](x))
        return out


def layer_norm(norm: nn.LayerNorm, x: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n dim"]:
    """A learned layer norm, computed in float32 and returned in x's type."""
    out = F.layer_norm(x.float(), norm.normalized_shape, norm.weight.float(), norm.bias.float(), norm.eps)
    return out.to(x.dtype)


def sinusoid(timesteps: Float[Tensor, "*n"], dim: int) -> Float[Tensor, "*n dim"]:
    """Cosines, then sines, of the timesteps at `dim // 2` frequencies from 1 down to 1/10000, in float32."""
    half = dim // 2
    exponent = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angle = timesteps.float()[..., None] * torch.exp(-math.log(10000.0) * exponent)
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


class _Widen(nn.Module):
    def __init__(self, dim: int, hidden: int, approximate: str) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, hidden)
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj(x), approximate=self.approximate)


class _TwoLinears(nn.Module):
    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(dim, out)
        self.linear_2 = nn.Linear(out, out)
