"""The Wan video transformer: one network for the bidirectional teacher and the causal student."""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple, TypeAlias, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from motionstream.models.kv_cache import KVCache, Past
from motionstream.models.rope import Rotary, RotaryTables
from motionstream.models.wan.attention import PromptKeys, Visibility, attend, attend_cached, attend_past
from motionstream.models.wan.block import BlockModulation, WanBlock, modulated_norm
from motionstream.models.wan.config import MASK_CHANNELS, WanConfig
from motionstream.models.wan.embeddings import ConditionEmbedder
from motionstream.models.wan.flex import flex_plan, ranked_flex_plan
from motionstream.models.wan.mask import attention_plan

_OPEN_GATE, _GATE_HEIGHT = 2.9, 1.05
"""The gate of the image condition is 0.995 without a prediction, and 1 from a small positive one on."""

_Grid: TypeAlias = tuple[int, int, int]  # latent frames, rows and columns of tokens


class PromptContext(NamedTuple):
    """Cross-attention keys and values of every layer for one prompt: worked out once, read at every step."""

    layers: tuple[PromptKeys, ...]


class StepModulation(NamedTuple):
    """What one denoising step's timestep does to every block and to the output: worked out once per step list.

    Attributes:
        blocks: One per layer.
        shift: Of the output, `[1 g 1 dim]`.
        scale: Of the output, 1 already added, `[1 g 1 dim]`.
    """

    blocks: tuple[BlockModulation, ...]
    shift: Tensor
    scale: Tensor


class WanTransformer(nn.Module):
    """Predicts the flow-matching velocity of latents, or the clean latents (`config.prediction`).

    Parameter names are those of diffusers' WanTransformer3DModel.

    Input channels are ordered latents, image condition, tracks. All sizes come from `config`.
    """

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False
        self.attention: Literal["groups", "flex"] = "groups"
        """How `forward` computes masks over latent frames; "flex" is for training on CUDA (see `attend_flex`)."""
        self.rotary = RotaryTables(config.attention_head_dim)
        self.patch_embedding = nn.Conv3d(config.total_in_channels, config.dim, config.patch_size, config.patch_size)
        self.condition_embedder = ConditionEmbedder(config)
        self.blocks = nn.ModuleList([WanBlock(config) for _ in range(config.num_layers)])
        outputs = config.out_channels + int(config.gated_condition)
        self.proj_out = nn.Linear(config.dim, outputs * config.patch_size[1] * config.patch_size[2])
        self.scale_shift_table = nn.Parameter(torch.randn(1, 2, config.dim) / config.dim**0.5)

    def forward(
        self,
        latents: Float[Tensor, "b c f h w"],
        timesteps: Float[Tensor, b * g],
        prompt_embeds: Float[Tensor, "b s text"],
        image_embeds: Float[Tensor, "n i image"] | None = None,
        *,
        positions: Int[Tensor, " f"] | Literal["rank"] | None = None,
        attention_mask: Bool[Tensor, "m m"] | None = None,
    ) -> Float[Tensor, "b c_out f h w"]:
        """Predict a whole sequence.

        Args:
            latents: Noisy latents with the condition and track channels behind them.
            timesteps: 0..1000; one per sample, or `[b f]` one per latent frame, or `[b s]` one per token.
            prompt_embeds: The text encoder's output.
            image_embeds: The image encoder's tokens (Wan 2.1 I2V only).
            positions: Rotary position of each latent frame; default 0, 1, 2, ...
                Two copies of a latent frame may share a position. "rank" gives each chunk the positions it would have
                in a stream, whatever was evicted before it (needs a causal mask over latent frames).
            attention_mask: True = row may attend column; over latent frames `[f f]` (only allowed pairs are computed;
                keep it on the CPU) or over tokens `[s s]`. Default: everything.

        Raises:
            ValueError: Shapes that do not fit the configuration or one another.
        """
        grid = self._grid(latents)
        time, projection = self.condition_embedder.time(self._grouped(timesteps, grid))
        prompt = self.prompt_context(prompt_embeds, image_embeds)
        seen = self._visibility(attention_mask, positions, grid, latents)
        x = self._embed(latents)
        for index, keys in enumerate(prompt.layers):
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(self._block, index, x, projection, keys, seen, use_reentrant=False)
            else:
                x = self._block(index, x, projection, keys, seen)
        shift, scale = self._out_modulation(time)
        return self._output(modulated_norm(x, scale, shift, self.config.eps), latents, grid)

    def prompt_context(
        self, prompt_embeds: Float[Tensor, "b s text"], image_embeds: Float[Tensor, "n i image"] | None = None
    ) -> PromptContext:
        """Cross-attention keys and values of every layer, for all chunks and steps that share the prompt.

        Raises:
            ValueError: Image tokens are given to a model without them, or missing where the model reads them.
        """
        if (image_embeds is None) != (self.config.image_dim is None):
            wants = "no image_embeds" if self.config.image_dim is None else "image_embeds with the prompt"
            raise ValueError(f"this transformer reads {wants} (image_dim is {self.config.image_dim})")
        text = self.condition_embedder.text(prompt_embeds)
        image = None if image_embeds is None else self.condition_embedder.image_embedder(image_embeds)
        return PromptContext(tuple(block.attn2.prompt_keys(text, image) for block in self._layers()))

    def modulation(self, timesteps: Float[Tensor, k * f]) -> tuple[StepModulation, ...]:
        """The modulation of each denoising step: pass one entry to `forward_chunk`.

        Args:
            timesteps: 0..1000; `[k]` one per step, or `[k f]` where latent frames of a chunk differ (a clean frame 0).
        """
        time, projection = self.condition_embedder.time(timesteps if timesteps.ndim == 2 else timesteps[:, None])
        return tuple(
            StepModulation(
                tuple(block.modulate(projection[step : step + 1]) for block in self._layers()),
                *self._out_modulation(time[step : step + 1]),
            )
            for step in range(len(time))
        )

    def forward_chunk(
        self, latents: Float[Tensor, "b c f h w"], modulation: StepModulation, context: PromptContext, cache: KVCache
    ) -> Float[Tensor, "b c_out f h w"]:
        """Predict the next chunk, which attends the cache and itself.

        Leaves the chunk's keys and values in the cache's current slots: the next step overwrites them, `cache.commit()`
        after the clean pass keeps them. Reads nothing back from the device. While gradients are recorded the cache is
        only read; with `gradient_checkpointing` each block is then computed again from a copy of what it has read.

        Args:
            latents: The chunk's noisy latents with the condition and track channels behind them.
            modulation: One entry of `modulation(timesteps)`.
            context: The prompt, from `prompt_context`.
            cache: The stream's memory, made for this latent size.

        Raises:
            ValueError: The latents fit neither the configuration nor the cache.
        """
        grid = self._grid(latents)
        x, rotary = self._embed(latents), self._next_rotary(grid, latents, cache)
        x = self._through(self._layers(), x, rotary, modulation, context, cache)
        x = modulated_norm(x, modulation.scale, modulation.shift, self.config.eps)
        return self._output(x, latents, grid)

    def write_chunk(
        self, latents: Float[Tensor, "b c f h w"], modulation: StepModulation, context: PromptContext, cache: KVCache
    ) -> None:
        """Leave a chunk's keys and values in the cache's current slots, as `forward_chunk` does, and predict nothing.

        What follows the last layer's keys and values is not computed.

        Raises:
            ValueError: The latents fit neither the configuration nor the cache.
        """
        grid = self._grid(latents)
        x, rotary = self._embed(latents), self._next_rotary(grid, latents, cache)
        *layers, last = self._layers()
        x = self._through(layers, x, rotary, modulation, context, cache)
        tokens = last.project(x, modulation.blocks[-1], rotary)
        cache.extend(len(layers), tokens.key, tokens.rotated, tokens.value)

    def clean(
        self, prediction: Float[Tensor, "b c f h w"], noisy: Float[Tensor, "b c f h w"], time: float | Tensor
    ) -> Float[Tensor, "b c f h w"]:
        """The clean latents that a prediction means for noisy ones `(1 - time) x0 + time noise`."""
        return prediction if self.config.prediction == "sample" else noisy - time * prediction

    def new_cache(
        self,
        height: int,
        width: int,
        *,
        sink_frames: int,
        window_frames: int,
        chunk_frames: int,
        batch: int = 1,
        dtype: torch.dtype | None = None,
    ) -> KVCache:
        """An empty cache for latents of `height x width`, on the device and, by default, in the type of the weights."""
        _, p_h, p_w = self.config.patch_size
        weight = self.proj_out.weight
        return KVCache(
            num_layers=self.config.num_layers,
            batch=batch,
            heads=self.config.num_attention_heads,
            head_dim=self.config.attention_head_dim,
            tokens_per_frame=(height // p_h) * (width // p_w),
            sink_frames=sink_frames,
            window_frames=window_frames,
            chunk_frames=chunk_frames,
            dtype=dtype or weight.dtype,
            device=weight.device,
        )

    def _layers(self) -> list[WanBlock]:
        return cast(list[WanBlock], list(self.blocks))

    def _next_rotary(self, grid: _Grid, latents: Tensor, cache: KVCache) -> Rotary:
        return self.rotary.get(cache.positions(grid[0]), grid[1], grid[2], latents.device)

    def _through(
        self,
        layers: list[WanBlock],
        x: Float[Tensor, "b s dim"],
        rotary: Rotary,
        modulation: StepModulation,
        context: PromptContext,
        cache: KVCache,
    ) -> Float[Tensor, "b s dim"]:
        """The first layers of a chunk, which attends the cache and itself."""
        again = self.gradient_checkpointing and torch.is_grad_enabled()
        for layer, block in enumerate(layers):
            time, prompt = modulation.blocks[layer], context.layers[layer]
            if again:
                past = cache.past(layer, x.shape[1])
                x = checkpoint(self._block_after, layer, x, time, prompt, rotary, *past, use_reentrant=False)
            else:
                x = block(x, time, prompt, rotary, partial(attend_cached, cache=cache, layer=layer))
        return x

    def _block(self, index: int, x: Tensor, projection: Tensor, keys: PromptKeys, seen: Visibility) -> Tensor:
        block = cast(WanBlock, self.blocks[index])
        out: Tensor = block(x, block.modulate(projection), keys, seen.rotary, partial(attend, seen=seen))
        return out

    def _block_after(
        self,
        index: int,
        x: Tensor,
        time: BlockModulation,
        prompt: PromptKeys,
        rotary: Rotary,
        past_keys: Tensor,
        past_values: Tensor,
    ) -> Tensor:
        """A block of a chunk; the past is not one argument, so that checkpoint sees and keeps its tensors."""
        attention = partial(attend_past, past=Past(past_keys, past_values))
        out: Tensor = self.blocks[index](x, time, prompt, rotary, attention)
        return out

    def _out_modulation(self, time: Float[Tensor, "b g dim"]) -> tuple[Tensor, Tensor]:
        shift, scale = torch.split(self.scale_shift_table.float() + time[:, :, None], 1, dim=2)
        return shift, scale + 1

    def _embed(self, latents: Float[Tensor, "b c f h w"]) -> Float[Tensor, "b s dim"]:
        x: Tensor = self.patch_embedding(latents)
        return x.flatten(2).transpose(1, 2).contiguous()

    def _output(self, x: Float[Tensor, "b s dim"], latents: Tensor, grid: _Grid) -> Float[Tensor, "b c_out f h w"]:
        made = self._unpatchify(self.proj_out(x), grid)
        if not self.config.gated_condition:
            return made
        start = self.config.out_channels + MASK_CHANNELS
        known = latents[:, start : start + self.config.out_channels]
        gate = (_GATE_HEIGHT * torch.sigmoid(made[:, :1] + _OPEN_GATE)).clamp(max=1)  # it can be quite open: no drift
        return gate * known + made[:, 1:]

    def _unpatchify(self, x: Float[Tensor, "b s out"], grid: _Grid) -> Float[Tensor, "b c f h w"]:
        f, h, w = grid
        _, p_h, p_w = self.config.patch_size
        x = x.reshape(x.shape[0], f, h, w, p_h, p_w, -1).permute(0, 6, 1, 2, 4, 3, 5)
        return x.flatten(5, 6).flatten(3, 4)

    def _grid(self, latents: Float[Tensor, "b c f h w"]) -> _Grid:
        _, p_h, p_w = self.config.patch_size
        channels, f, h, w = latents.shape[1:]
        if channels != self.config.total_in_channels or h % p_h or w % p_w:
            raise ValueError(
                f"wanted latents of {self.config.total_in_channels} channels with height and width in multiples of "
                f"{p_h} and {p_w}, got {channels} channels of {h} x {w}: check the conditioning and the video's size"
            )
        return f, h // p_h, w // p_w

    def _grouped(self, timesteps: Tensor, grid: _Grid) -> Float[Tensor, "b g"]:
        if timesteps.ndim == 1:
            return timesteps[:, None]
        if timesteps.ndim != 2 or timesteps.shape[1] not in (1, grid[0], grid[0] * grid[1] * grid[2]):
            raise ValueError(
                f"wanted timesteps [b], [b f] or [b s] for {grid[0]} latent frames of {grid[1]} x {grid[2]} tokens, "
                f"got shape {tuple(timesteps.shape)}"
            )
        return timesteps

    def _visibility(
        self, mask: Tensor | None, positions: Tensor | Literal["rank"] | None, grid: _Grid, latents: Tensor
    ) -> Visibility:
        frames, tokens = grid[0], grid[0] * grid[1] * grid[2]
        if positions is None or isinstance(positions, str):
            rotary = self.rotary.get(range(frames), grid[1], grid[2], latents.device)
        else:
            rotary = self.rotary.make(positions.to(latents.device), grid[1], grid[2])
        if mask is not None and mask.shape == (frames, frames):
            return self._masked(mask, rotary, isinstance(positions, str), grid)
        if isinstance(positions, str):
            raise ValueError('positions="rank" needs an attention mask over latent frames')
        if mask is None:
            return Visibility(rotary)
        if mask.shape != (tokens, tokens):
            raise ValueError(
                f"wanted a mask over {frames} latent frames or {tokens} tokens, got shape {tuple(mask.shape)}"
            )
        bias = torch.zeros(mask.shape, dtype=latents.dtype, device=latents.device)
        return Visibility(rotary, bias=bias.masked_fill_(~mask.to(latents.device), float("-inf")))

    def _masked(self, mask: Bool[Tensor, "f f"], rotary: Rotary, ranked: bool, grid: _Grid) -> Visibility:
        _, height, width = grid
        if self.attention == "groups":
            groups = tuple(group.in_tokens(height * width) for group in attention_plan(mask))
            return Visibility(rotary, groups=groups, ranked=ranked)
        device = rotary.cos.device
        if ranked:
            return Visibility(rotary, ranked=True, flex=ranked_flex_plan(mask, height, width, self.rotary, device))
        return Visibility(rotary, flex=flex_plan(mask, height * width, device))
