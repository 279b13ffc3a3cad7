"""The first stages of `motionstream train`: the autoencoder and the text encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.cli.train_steps import RUNS, Steps
from motionstream.cli.watching import watched

if TYPE_CHECKING:
    import torch

    from motionstream.models.vae.tiny import TinyVAE
    from motionstream.training.loop import Run


@dataclass(frozen=True, kw_only=True)
class TrainTinyVAE(Steps):
    """Stage 1: the autoencoder; all later stages read it from FOLDER/vae."""

    folder: Path = RUNS / "tiny_vae"
    """Folder of the run."""
    kind: Literal["linear", "deep"] = "linear"
    """linear: principal components, fitted without steps (the embedded checkpoint's); deep: convolutions too."""
    channels: int = 96
    """Channels of the linear one's latents."""

    def run(self) -> int:
        """Fit or train it, measure its latents, write it."""
        from motionstream.training.frozen_vae import normalised, save_frozen
        from motionstream.training.linear_vae import fit_linear_vae

        device = self.prepared()
        if self.kind == "linear":
            vae = fit_linear_vae(self.seed, latent_channels=self.channels)
        else:
            vae = self._trained(device)
        vae = normalised(vae)
        picture = self._draw(vae, "final")
        print(f"{save_frozen(vae, self.folder)}: {self.kind}, {vae.latent_channels} channels; rebuilt clips: {picture}")
        return 0

    def _trained(self, device: torch.device) -> TinyVAE:
        from motionstream.training.tiny_vae import SETTINGS, TinyVAESettings, averaged_vae, train_tiny_vae

        def preview(run: Run) -> None:
            self._draw(averaged_vae(run), f"step_{run.step:06d}")

        stage = self.settled(SETTINGS)
        with watched(stage.loop.steps, preview, self.preview_every) as watch:
            settings = TinyVAESettings(batch=stage.batch)
            run = train_tiny_vae(self.folder, settings, stage.loop, self.seed, device=device, watch=watch)
        return averaged_vae(run)

    def _draw(self, vae: TinyVAE, name: str) -> Path:
        from motionstream.training.presets import find_preset
        from motionstream.training.previews import reconstruction_grid, save_png

        stream = find_preset("tiny").stream
        grid = reconstruction_grid(vae, (stream.height, stream.width))
        return save_png(grid, self.folder / "previews" / f"{name}.png")


@dataclass(frozen=True, kw_only=True)
class TrainText(Steps):
    """Stage 2: the text encoder, on the captions of procedural clips."""

    folder: Path = RUNS / "text"
    """Folder of the run."""
    captions: int = 8192
    """Captions to read; one of three names something that comes into view."""
    preview_every: int = 0

    def run(self) -> int:
        """Train it."""
        from rich.progress import track

        from motionstream.training.text import FIRST_SEED, SETTINGS, TextSettings, train_text_encoder
        from motionstream.training.world import caption_of

        self.prepared()
        stage, seeds = self.settled(SETTINGS), range(FIRST_SEED, FIRST_SEED + self.captions)
        told = track(seeds, "captions", console=notes(), transient=True)
        captions = [caption_of(seed, newcomer=seed % 3 == 0) for seed in told]
        with watched(stage.loop.steps, lambda run: None, 0) as watch:
            settings = TextSettings(batch=stage.batch)
            run = train_text_encoder(self.folder, captions, settings, stage.loop, self.seed, watch=watch)
        print(f"{run.state_file}: {run.step} steps on {len(captions)} captions")
        return 0
