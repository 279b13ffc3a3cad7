"""Runs -> a checkpoint: the averaged student, its autoencoder and the text encoder it was trained with."""

from pathlib import Path

import torch

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.checkpoint_writer import save_checkpoint
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.frozen_vae import load_frozen
from motionstream.training.loop import STATE_FILE
from motionstream.training.student import Student, tiny_student

EMBEDDED_STREAM = StreamConfig(height=128, width=128, timesteps=(1000.0, 750.0))
"""Size, chunks and memory of the checkpoint that comes with the source."""

TEXT_SEED = 0
"""Of its random text encoder, in training and in use."""


def averaged_student(run_folder: Path, latent_channels: int) -> Student:
    """Loads the averaged weights of a student's run.

    Raises:
        InputError: There is no run, or it trained other networks.
    """
    path = run_folder / STATE_FILE
    if not path.exists():
        raise InputError(f"Wanted a trained student in {path}, found none; run `motionstream train student`.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    student = tiny_student(latent_channels)
    try:
        student.load_state_dict({**state["model"], **state["average"]})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(
            f"{path}: wanted the embedded student's weights on {latent_channels} latent channels, but {reason} "
            "Train it on this autoencoder."
        ) from error
    return student.eval()


def assembled(student: Student, vae: TinyVAE, stream: StreamConfig, path: Path, shift: float = 6.0) -> Checkpoint:
    """Returns networks in memory as a checkpoint that can be streamed; `path` is where they come from."""
    return Checkpoint(
        transformer=student.transformer,
        track_head=student.track_head,
        vae=vae,
        text_encoder=TextEncoder.create_tiny(TEXT_SEED),
        stream=stream,
        shift=shift,
        device=torch.device("cpu"),
        dtype=torch.float32,
        path=path,
    )


def export_checkpoint(
    vae_folder: Path,
    student_folder: Path,
    target: Path,
    stream: StreamConfig,
    *,
    shift: float = 6.0,
    storage_dtype: torch.dtype = torch.bfloat16,
) -> Path:
    """Writes a checkpoint that `load_checkpoint` and the engine read.

    Args:
        vae_folder: Run folder of the autoencoder.
        student_folder: Run folder of the student.
        target: New folder, or an older checkpoint; what else lies in it (its model card) is kept.
        stream: Size, frame rate and memory of the streams.
        shift: Timestep shift that the student was trained with.
        storage_dtype: Of the weights in the files.

    Raises:
        InputError: A run is missing, or the two do not fit.
        OutputError: The folder holds something else, or cannot be written.
    """
    vae = load_frozen(vae_folder)
    student = averaged_student(student_folder, vae.latent_channels)
    return save_checkpoint(
        target,
        transformer=student.transformer,
        track_head=student.track_head,
        vae=vae,
        text_encoder=TextEncoder.create_tiny(TEXT_SEED),
        stream=stream,
        shift=shift,
        storage_dtype=storage_dtype,
    )
