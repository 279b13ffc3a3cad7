"""Runs -> a checkpoint: averaged networks with the autoencoder and the text encoder they were trained with."""

from pathlib import Path

import torch

from motionstream.errors import InputError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.checkpoint_writer import save_checkpoint
from motionstream.training.base import Base
from motionstream.training.loop import STATE_FILE
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset


def averaged_networks(run_folder: Path, preset: Preset) -> Networks:
    """Loads the averaged weights of a run, onto the CPU.

    Raises:
        InputError: There is no run, or it trained other networks.
    """
    path = run_folder / STATE_FILE
    if not path.exists():
        raise InputError(f"Wanted a training run in {run_folder}, found none; train there, or name another folder.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    networks = Networks.fresh(preset.transformer, preset.track_head)
    try:
        networks.load_state_dict({**state["model"], **state["average"]})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(
            f"{path}: wanted networks of the preset {preset.name}, but {reason} Name a run of that preset."
        ) from error
    return networks.eval()


def assembled(networks: Networks, base: Base, path: Path) -> Checkpoint:
    """Returns networks in memory as a checkpoint that can be streamed; `path` is where they come from."""
    return Checkpoint(
        transformer=networks.transformer,
        track_head=networks.track_head,
        vae=base.vae,
        text_encoder=base.text_encoder,
        stream=base.preset.stream,
        shift=base.preset.shift,
        device=networks.device,
        dtype=torch.float32,
        path=path,
    )


def export_checkpoint(
    networks: Networks, base: Base, target: Path, *, storage_dtype: torch.dtype = torch.bfloat16
) -> Path:
    """Writes a checkpoint that `load_checkpoint` and the engine read.

    Args:
        networks: The student, or a teacher.
        base: The autoencoder and text encoder it was trained with.
        target: New folder, or an older checkpoint; what else lies in it (its model card) is kept.
        storage_dtype: Of the weights in the files.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    return save_checkpoint(
        target,
        transformer=networks.transformer,
        track_head=networks.track_head,
        vae=base.vae,
        text_encoder=base.text_encoder,
        stream=base.preset.stream,
        shift=base.preset.shift,
        storage_dtype=storage_dtype,
    )
