"""What a training stage stands on: an autoencoder, a text encoder, and networks to begin with."""

from dataclasses import dataclass
from pathlib import Path

import torch

from motionstream.errors import InputError
from motionstream.models.checkpoint import load_checkpoint
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.wan import WanVAE
from motionstream.training.frozen_vae import load_frozen
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.text import trained_text_encoder


@dataclass(frozen=True)
class Base:
    """The frozen parts, and where networks come from.

    Attributes:
        vae: pixels <-> latents, frozen.
        text_encoder: prompts -> embeddings, frozen.
        preset: sizes of the networks.
        weights: a published checkpoint to begin with; None begins with nothing.
    """

    vae: TinyVAE | WanVAE
    text_encoder: TextEncoder
    preset: Preset
    weights: Path | None = None

    def networks(self, seed: int, device: torch.device | str) -> Networks:
        """Returns networks to train: fresh ones, or published ones with channels for motion."""
        torch.manual_seed(seed)
        if self.weights is None:
            return Networks.fresh(self.preset.transformer, self.preset.track_head).to(device)
        published = load_checkpoint(self.weights, device).transformer
        return Networks.on(published, self.preset.transformer, self.preset.track_head)


def embedded_base(preset: Preset, vae_run: Path, text_run: Path, device: torch.device | str) -> Base:
    """Loads what the first stages made.

    Raises:
        InputError: One of them has not been run, or made something of another size.
    """
    vae = load_frozen(vae_run).to(device)
    if vae.latent_channels != preset.transformer.out_channels:
        raise InputError(
            f"{vae_run}: wanted an autoencoder of {preset.transformer.out_channels} channels for the preset "
            f"{preset.name}, got {vae.latent_channels}. Train one with `motionstream train tiny-vae`."
        )
    return Base(vae, trained_text_encoder(text_run), preset)


def published_base(preset: Preset, folder: Path, device: torch.device | str) -> Base:
    """Loads a published checkpoint in diffusers' layout, its networks in float32.

    Raises:
        CheckpointError: It is missing, damaged, or not the preset's model.
    """
    checkpoint = load_checkpoint(folder, device, stream=preset.stream)
    vae = checkpoint.vae
    assert isinstance(vae, TinyVAE | WanVAE)
    return Base(vae, checkpoint.text_encoder, preset, folder)
