"""How long one step of a stage takes, from what it computes and what it sends."""

from motionstream.training.autoencoder_cost import autoencoder_of
from motionstream.training.footprint import NetworkSize
from motionstream.training.hardware import Machine
from motionstream.training.network_cost import forward_flops
from motionstream.training.presets import Preset
from motionstream.training.workload import ClipShape, Update, Workload

_UPDATE_TRAFFIC = 52
"""Bytes a parameter that clipping (12), AdamW (28) and the average (12) read and write."""


def step_seconds(
    preset: Preset, work: Workload, machine: Machine, mfu: float, clips: int, *, checkpointing: bool
) -> float:
    """Returns the time of one step with so many clips at once on each GPU.

    Args:
        preset: The model.
        work: The stage.
        machine: The GPUs that work on it.
        mfu: Part of the stated rates that is reached.
        clips: At once on one GPU.
        checkpointing: Whether blocks are recomputed for the backward pass.
    """
    passes = work.clips_on_one(machine.count) // clips
    updating = 0.0
    if work.num_trained:
        updating = _UPDATE_TRAFFIC * NetworkSize.of(preset).total / machine.count / (machine.gpu.memory_gbps * 1e9)
    seconds = 0.0
    for update in work.updates:
        computing = clips * _clip_seconds(preset, update, machine, mfu, checkpointing)
        gathering = _gather_seconds(preset, update, machine) if work.num_trained else 0
        one_pass = max(computing, gathering)
        seconds += update.times * (passes * one_pass + updating)
    return seconds


def _clip_seconds(preset: Preset, update: Update, machine: Machine, mfu: float, checkpointing: bool) -> float:
    """Backward is two forward passes; recomputation is one more; a video's gradient one more decoding."""
    config, shape, gpu = preset.transformer, ClipShape.of(preset), machine.gpu
    counted = [
        *((4 if checkpointing else 3, e) for e in update.trained),
        *update.free,
        *update.frozen,
    ]
    flops = sum(times * forward_flops(config, e, shape.prompt_tokens) for times, e in counted)
    decodings = update.decoded + 2 * update.decoded_trained
    pixels = decodings * shape.num_pixels * autoencoder_of(config).flops
    return (flops / gpu.bfloat16_tflops + pixels / gpu.tf32_tflops) / (mfu * 1e12)


def _gather_seconds(preset: Preset, update: Update, machine: Machine) -> float:
    """Float32 shards go round for every evaluation; with gradient also before the backward pass, and as gradients."""
    evaluations = 3 * len(update.trained) + sum(times for times, _ in (*update.free, *update.frozen))
    sent = 4 * NetworkSize.of(preset).total * (machine.count - 1) / machine.count
    return evaluations * sent / (machine.gpu.link_gbps * 1e9)
