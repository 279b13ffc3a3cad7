"""What a stage holds in the memory of each GPU, part by part."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Self

import torch

from motionstream.models.kv_cache import KVCache
from motionstream.models.track_head import FRAMES_PER_LATENT
from motionstream.training.autoencoder_cost import autoencoder_of
from motionstream.training.network_cost import backward_bytes, saved_bytes, working_bytes
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.workload import ClipShape, Update, Workload

_TRAINED = 4 + 4 + 8 + 4
"""Bytes a parameter: float32 weight, gradient, AdamW's two moments, average (see `Trainee`)."""

_LATENT_COPIES = 10
"""Tensors of a clip's latents that a loss holds: clean, noise, noisy, prediction, targets and their gradients."""


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """Parameters of one network with its track head.

    Attributes:
        total: All of them.
        block: Of one transformer block.
        root: Of what lies outside of the blocks.
    """

    total: int
    block: int
    root: int

    @classmethod
    @lru_cache
    def of(cls, preset: Preset) -> Self:
        """Counts them on the real networks, without memory for their weights."""
        with torch.device("meta"):
            networks = Networks.fresh(preset.transformer, preset.track_head)
        total, block = (
            sum(p.numel() for p in module.parameters()) for module in (networks, networks.transformer.blocks[0])
        )
        return cls(total=total, block=block, root=total - block * preset.transformer.num_layers)


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes on one GPU.

    Attributes:
        trained: Shards of weights, gradients, moments and averages.
        frozen: Networks without gradients, or shards of them.
        gathered: Weights and gradients of two blocks, and of the ends of every network, put together from shards.
        cast: bfloat16 copies of weights that the backward pass waits for.
        activations: Of the largest update, with caches and what the autoencoder holds at that time.
        clips: Latents, conditions and motion maps.
        autoencoder: Its weights.
    """

    trained: float
    frozen: float
    gathered: float
    cast: float
    activations: float
    clips: float
    autoencoder: float

    @property
    def total(self) -> float:
        """All of it."""
        return float(sum(asdict(self).values()))


def footprint(preset: Preset, work: Workload, num_gpus: int, clips: int, *, checkpointing: bool) -> Footprint:
    """Returns what a stage holds with so many clips at once on each of so many GPUs."""
    size, autoencoder = NetworkSize.of(preset), autoencoder_of(preset.transformer)
    sharded = num_gpus > 1 and work.num_trained > 0
    parts = num_gpus if sharded else 1
    ends = work.num_trained + work.num_frozen + 1  # of all networks the weights, of one the gradients
    return Footprint(
        trained=_TRAINED * work.num_trained * size.total / parts,
        frozen=4 * work.num_frozen * size.total / parts,
        gathered=4 * (ends * size.root + 4 * size.block) if sharded else 0,
        cast=max(_cast_bytes(preset, work, update, sharded, checkpointing) for update in work.updates),
        activations=max(_update_bytes(preset, update, clips, checkpointing) for update in work.updates),
        clips=clips * _clip_bytes(preset),
        autoencoder=4 * autoencoder.num_parameters,
    )


def _cast_bytes(preset: Preset, work: Workload, update: Update, sharded: bool, checkpointing: bool) -> float:
    """One process keeps one copy of each weight; shards are cast anew, and kept, for every evaluation with gradient."""
    size, config = NetworkSize.of(preset), preset.transformer
    if not sharded:
        return 2 * size.total * work.num_trained
    if checkpointing:  # the keys and values of the prompt are made outside of the blocks that are recomputed
        return 2 * (size.root + size.block + config.num_layers * 2 * config.dim**2)
    return 2 * size.total * len(update.trained)


def _update_bytes(preset: Preset, update: Update, clips: int, checkpointing: bool) -> float:
    """The largest of three moments: the end of a rollout, the scores of it, and the backward pass."""
    config, shape = preset.transformer, ClipShape.of(preset)
    autoencoder = autoencoder_of(config)
    saved = sum(saved_bytes(config, e, clips, shape.prompt_tokens, checkpointing=checkpointing) for e in update.trained)
    saved += clips * shape.num_pixels * autoencoder.saved_bytes * update.decoded_trained
    free = [working_bytes(config, e, clips) for _, e in (*update.free, *update.frozen)]
    decoding = clips * shape.chunk_pixels * autoencoder.working_bytes if update.decoded else 0
    streaming = decoding + (clips * cache_bytes(preset) if update.rolls_out else 0)
    backward = [backward_bytes(config, e, clips, checkpointing=checkpointing) for e in update.trained]
    kept = saved if update.keeps_rollout else 0
    return max(kept + streaming, kept + max(free, default=0), saved + max(backward, default=0))


@lru_cache
def cache_bytes(preset: Preset) -> int:
    """Returns the keys and values, in bfloat16, that the stream of one clip remembers."""
    stream, config = preset.stream, preset.transformer
    return KVCache(
        num_layers=config.num_layers,
        batch=1,
        heads=config.num_attention_heads,
        head_dim=config.attention_head_dim,
        tokens_per_frame=ClipShape.of(preset).frame_tokens,
        sink_frames=stream.sink_frames,
        window_frames=stream.window_frames,
        chunk_frames=stream.chunk_frames,
        dtype=torch.bfloat16,
        device="meta",
    ).num_bytes


def _clip_bytes(preset: Preset) -> float:
    """Float32; motion maps are made for every video frame, then packed."""
    shape, config = ClipShape.of(preset), preset.transformer
    maps = 2 * FRAMES_PER_LATENT * preset.track_head.map_channels
    channels = _LATENT_COPIES * config.out_channels + 2 * config.total_in_channels + maps
    return 4 * channels * shape.num_frames * shape.frame_cells
