"""A program that trains the real networks at a tiny size: tests kill it, and start it under torchrun.

Usage: networks_run.py FOLDER STEPS [--stop-in STEP]   stops for ever in the middle of that step, and says so
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.wan import WanConfig, WanTransformer
from motionstream.training import distributed
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.networks import Networks

GLOBAL_BATCH, CHANNELS, PROMPT = 4, 4, (5, 8)
HEAD = TrackHeadConfig(id_channels=4, identity="origin", hidden_channel=True, width=8, out_channels=4)
STEPS = LoopSettings(
    steps=1,
    learning_rate=3e-3,
    clip_norm=0.05,
    warmup_steps=2,
    cooldown_share=0.0,  # a short run is the beginning of a longer one
    autocast=False,
    log_every=4,
    save_every=6,
    ema_decay=0.6,
)


def networks() -> Networks:
    config = WanConfig(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=PROMPT[1],
        freq_dim=16,
        ffn_dim=33,
        num_layers=2,
        condition_channels=HEAD.condition_channels(CHANNELS),
        track_channels=HEAD.out_channels,
        prediction="sample",
        gated_condition=True,
    )
    made = Networks(WanTransformer(config), TrackHead(HEAD))
    made.transformer.gradient_checkpointing = True
    return made


def batches(start: int) -> Iterator[tuple[Tensor, ...]]:
    """A step's clips with their noise, this process's part of them: latents, noise, motion, prompt."""
    shapes = [(CHANNELS, 2, 4, 4), (CHANNELS, 2, 4, 4), (4 * HEAD.map_channels, 2, 4, 4), PROMPT]
    for step in range(start, 1000):
        generator = torch.Generator().manual_seed(step % 3)
        samples = [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(GLOBAL_BATCH)]
        yield tuple(torch.stack(part) for part in zip(*distributed.part(samples), strict=True))


def loss(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    """The errors of whole noisy clips at once and of streamed ones, chunk by chunk with a cache, as in a rollout."""
    assert isinstance(model, Networks)
    (clean, noise, motion, prompt), network = batch, model.transformer
    told = [torch.zeros(len(clean), 4, 2, 4, 4), clean, model.track_head(motion)]
    joined = torch.cat([0.5 * clean + 0.5 * noise, *told], dim=1)
    whole = (network(joined, torch.full((len(clean),), 500.0), prompt) - clean).square().mean()
    context, (step, clear) = network.prompt_context(prompt), network.modulation(torch.tensor([500.0, 0.0]))
    cache = network.new_cache(4, 4, sink_frames=1, window_frames=1, chunk_frames=1, batch=len(clean))
    streamed = []
    for frame in (slice(0, 1), slice(1, 2)):
        made = network.forward_chunk(joined[:, :, frame], step, context, cache)
        streamed.append((made - clean[:, :, frame]).square().mean())
        with torch.no_grad():
            network.forward_chunk(joined[:, :, frame], clear, context, cache)
        cache.commit()
    return whole + streamed[0] + streamed[1], {"whole": whole, "chance": float(torch.rand((), generator=generator))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("steps", type=int)
    parser.add_argument("--stop-in", type=int, default=-1)
    arguments = parser.parse_args()
    distributed.start(torch.device("cpu"))
    torch.manual_seed(distributed.rank())  # the processes' own weights: those of process 0 count
    settings = replace(STEPS, steps=arguments.steps)
    run = Run(networks(), settings, arguments.folder, seed=3)
    run.resume()

    def stopping(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        if run.step == arguments.stop_in:
            print("stopped", flush=True)
            time.sleep(1000)
        return loss(model, batch, generator)

    run.fit(batches(run.num_batches), stopping)


if __name__ == "__main__":
    main()
