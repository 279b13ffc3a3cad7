"""An autoencoder that is done: its weights with the measured statistics of its latents, in a checkpoint's layout."""

from dataclasses import replace
from pathlib import Path

import torch

from motionstream.errors import InputError
from motionstream.models.components import CONFIG_FILE, load_vae
from motionstream.models.json_file import write_json
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.weights import save_weights
from motionstream.training.tiny_vae import measure_latents

VAE_FOLDER = "vae"
STATISTICS_SEEDS = range(40_000_000, 40_000_032)
STATISTICS_FRAMES = 17


def normalised(vae: TinyVAE, seeds: range = STATISTICS_SEEDS) -> TinyVAE:
    """Returns the same autoencoder with the mean and spread of its latents over procedural clips in its configuration.

    The spread is one for all channels, so that channels keep their weight relative to one another.
    """
    mean, std = measure_latents(vae, seeds, STATISTICS_FRAMES)
    measured = TinyVAE(replace(vae.config, latents_mean=mean, latents_std=(std,) * len(mean)))
    measured.load_state_dict(vae.state_dict())
    return measured.eval()


def save_frozen(vae: TinyVAE, run_folder: Path) -> Path:
    """Writes `vae/` into a run's folder, in float32.

    Raises:
        OutputError: It cannot be written.
    """
    folder = run_folder / VAE_FOLDER
    save_weights(vae.state_dict(), folder, storage_dtype=torch.float32)
    write_json(folder / CONFIG_FILE, {"_class_name": type(vae).__name__, **vae.config.to_json()})
    return folder


def load_frozen(run_folder: Path) -> TinyVAE:
    """Loads what `save_frozen` wrote.

    Raises:
        InputError: There is none.
        CheckpointError: It is damaged.
    """
    folder = run_folder / VAE_FOLDER
    if not (folder / CONFIG_FILE).exists():
        raise InputError(f"Wanted a trained autoencoder in {folder}, found none; run `motionstream train tiny-vae`.")
    vae = load_vae(folder)
    if not isinstance(vae, TinyVAE):
        raise InputError(f"{folder}: wanted a TinyVAE, got {type(vae).__name__}; train one with this program.")
    return vae.requires_grad_(False)
