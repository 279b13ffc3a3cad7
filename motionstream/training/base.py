"""What a training stage stands on: an autoencoder, a text encoder, and networks to begin with."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import CheckpointError, InputError
from motionstream.models.checkpoint import TRANSFORMER, VAE
from motionstream.models.checkpoint_source import find_checkpoint
from motionstream.models.components import load_transformer, load_vae, read_config
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.wan import WanVAE
from motionstream.models.wan import WanConfig
from motionstream.training.channel_weights import channel_weights
from motionstream.training.frozen_vae import load_frozen
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.text import trained_text_encoder

_SIZES = ("num_attention_heads", "attention_head_dim", "out_channels", "text_dim", "ffn_dim", "num_layers")


@dataclass(frozen=True)
class Base:
    """The frozen parts, and where networks come from.

    Attributes:
        vae: pixels <-> latents, frozen.
        text_encoder: prompts -> embeddings, frozen.
        preset: sizes of the networks.
        weights: folder of a published checkpoint to begin with; None begins with nothing.
    """

    vae: TinyVAE | WanVAE
    text_encoder: TextEncoder
    preset: Preset
    weights: Path | None = None

    def channel_weights(self, device: torch.device | str) -> Float[Tensor, "c"] | None:
        """Returns the weights of the latents' channels in losses; None where the preset weighs all the same."""
        return channel_weights(self.vae, device) if self.preset.weigh_channels else None

    def networks(self, seed: int, device: torch.device | str) -> Networks:
        """Returns networks to train: fresh ones, or published ones with channels for motion."""
        torch.manual_seed(seed)
        if self.weights is None:
            return Networks.fresh(self.preset.transformer, self.preset.track_head).to(device)
        published, _ = load_transformer(self.weights / TRANSFORMER, device)
        return Networks.on(published, self.preset.transformer, self.preset.track_head)


@dataclass(frozen=True, kw_only=True)
class BaseSource:
    """Where a preset's frozen parts lie; small, so that every process can load its own.

    Attributes:
        preset: The model.
        vae_run: Folder of the autoencoder's run (embedded preset).
        text_run: Folder of the text encoder's run (embedded preset).
        weights: Folder or hub id of the published checkpoint in diffusers' layout; None for the embedded preset.
    """

    preset: Preset
    vae_run: Path
    text_run: Path
    weights: Path | None = None

    def load(self, device: torch.device | str = "cpu") -> Base:
        """Loads them, the autoencoder without gradients of its weights.

        Raises:
            InputError: A stage before this one has not been run, or made something of another size.
            CheckpointError: The published checkpoint is missing, damaged, or not the preset's model.
        """
        base = self._embedded(device) if self.weights is None else self._published(self.weights, device)
        base.vae.requires_grad_(False)
        return base

    def _embedded(self, device: torch.device | str) -> Base:
        vae, wanted = load_frozen(self.vae_run).to(device), self.preset.transformer.out_channels
        if vae.latent_channels != wanted:
            raise InputError(
                f"{self.vae_run}: wanted an autoencoder of {wanted} channels for the preset {self.preset.name}, "
                f"got {vae.latent_channels}. Train one with `motionstream train tiny-vae`."
            )
        return Base(vae, trained_text_encoder(self.text_run), self.preset)

    def _published(self, weights: Path, device: torch.device | str) -> Base:
        folder = find_checkpoint(weights)
        self._check(folder)
        vae = load_vae(folder / VAE, device)
        assert isinstance(vae, TinyVAE | WanVAE)
        return Base(vae, TextEncoder.load(folder, device), self.preset, folder)

    def _check(self, folder: Path) -> None:
        """Refuses a published model of another size than the preset's, before its weights are read."""
        found, wanted = read_config(folder / TRANSFORMER, WanConfig.from_json), self.preset.transformer
        pairs = ((name, getattr(found, name), getattr(wanted, name)) for name in _SIZES)
        if odd := [f"{name} is {a}, not {b}" for name, a, b in pairs if a != b]:
            raise CheckpointError(f"{folder}: not the preset {self.preset.name}'s model: {'; '.join(odd)}.")
