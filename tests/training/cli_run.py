"""The command line with a preset of tiny sizes: tests start it under torchrun.

Usage: cli_run.py [--whole-teacher] ARGUMENTS...   the teacher of self-forcing whole in every process, or in shards
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from motionstream.cli import main
from motionstream.config import StreamConfig
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training import distributed, presets, self_forcing, sharding, trajectories
from motionstream.training.frozen_vae import save_frozen
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.networks import Networks
from motionstream.training.procedural_shard import write_shard
from motionstream.training.text import TextSettings, train_text_encoder

CHANNELS, SHARD_CLIPS = 4, 2


def small_preset() -> presets.Preset:
    tiny = presets.PRESETS["tiny"]
    head = replace(tiny.track_head, id_channels=8, width=16, out_channels=8)
    config = replace(
        tiny.transformer,
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        condition_channels=head.condition_channels(CHANNELS),
        track_channels=head.out_channels,
    )
    stream = StreamConfig(height=32, width=48, timesteps=(1000.0, 750.0))
    return replace(tiny, transformer=config, track_head=head, stream=stream)


def prepare(folder: Path) -> None:
    """What the distillation needs: an autoencoder, a text encoder, a teacher, and four clips of three chunks."""
    torch.manual_seed(0)
    preset, vae = small_preset(), TinyVAE(TinyVAEConfig.linear(CHANNELS)).eval()
    save_frozen(vae, folder / "runs" / "tiny_vae")
    settings = LoopSettings(steps=1, warmup_steps=1, autocast=False)
    train_text_encoder(folder / "runs" / "text", ["a red star"], TextSettings(batch=1), settings)
    teacher = Networks.fresh(preset.transformer, preset.track_head)
    with torch.no_grad():
        for weights in teacher.parameters():
            weights += 0.05 * torch.randn_like(weights)
    Run(teacher, settings, folder / "runs" / "teacher").save()
    latents = folder / "runs" / "latents"
    latents.mkdir()
    prompts = torch.randn(5, 1, 5, preset.transformer.text_dim).unbind()
    write_shard(
        latents / "0.safetensors",
        range(4),
        (0, 8, 20),
        33,
        vae,
        lambda caption: prompts[len(caption) % 5],
        height=32,
        width=48,
    )


def saying_what_is_held(teacher: Networks, *arguments: Any) -> self_forcing.SelfForcing:
    """The stage; says how much of the teacher's weights this process holds."""
    held, whole = (
        sum(size(p) for p in teacher.parameters())
        for size in (lambda p: sharding.local(p).numel(), lambda p: p.numel())
    )
    # one write, also where torchrun has turned off the buffer: lines of two processes stay whole
    sys.stdout.write(f"process {distributed.rank()} holds {held / whole:.1f} of the teacher\n")
    return STAGE(teacher, *arguments)


if __name__ == "__main__":
    presets.PRESETS = {"tiny": small_preset()}
    trajectories.SHARD_CLIPS = SHARD_CLIPS
    STAGE, self_forcing.SelfForcing = self_forcing.SelfForcing, saying_what_is_held  # type: ignore[assignment,misc]
    if "--whole-teacher" in sys.argv:
        sys.argv.remove("--whole-teacher")
        sharding.shard = lambda _: None  # the command's own; trainees have theirs
    sys.exit(main(sys.argv[1:]))
