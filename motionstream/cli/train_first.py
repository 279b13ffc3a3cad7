"""The first stages of `motionstream train`: the autoencoder and the text encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.cli.train_steps import RUNS, Steps
from motionstream.cli.watching import watched
from motionstream.errors import InputError

if TYPE_CHECKING:
    import torch

    from motionstream.models.vae.tiny import TinyVAE
    from motionstream.training.clip_source import ClipSource
    from motionstream.training.loop import Run
    from motionstream.training.picture_stage import PictureStage


@dataclass(frozen=True, kw_only=True)
class TrainTinyVAE(Steps):
    """Stage 1: the autoencoder; all later stages read it from FOLDER/vae."""

    folder: Path = RUNS / "tiny_vae"
    """Folder of the run."""
    preset: str = "tiny"
    """tiny (the embedded default), or the published model whose autoencoder gets a small stand-in."""
    kind: Literal["linear", "deep"] | None = None
    """Of tiny. linear (the default): principal components, fitted without steps; deep: convolutions too."""
    channels: int = 96
    """Channels of the linear one's latents."""
    base: Path | None = None
    """Folder of the published checkpoint, of which only vae/ is read."""
    data: Path | None = None
    """Folder of videos to cut crops from; by default procedural clips."""
    feature_weight: float | None = None
    """Of the distance of oriented derivatives; by default the stage's."""
    adversarial_weight: float | None = None
    """Of the discriminator, as a part of all other errors' pull; 0 for tiny, 0.1 for published models."""
    lpips: Path | None = None
    """Weights of LPIPS (VGG16 and its linear layers, one safetensors file) for one more perceptual term."""
    workers: int = 1
    """Processes that make crops."""

    def run(self) -> int:
        """Fit or train it, measure its latents, write it."""
        from motionstream.training.distributed import is_first
        from motionstream.training.frozen_vae import normalised, save_frozen
        from motionstream.training.linear_vae import fit_linear_vae
        from motionstream.training.presets import find_preset

        self._check()
        device = self.prepared()
        published = not find_preset(self.preset).embedded
        if published:
            vae, told = self._decoder(device), f"stands in for the autoencoder of {self.preset}"
        elif self.kind == "deep":
            vae, told = normalised(self._deep(device)), "deep"
        else:
            vae, told = normalised(fit_linear_vae(self.seed, latent_channels=self.channels)), "linear"
        if is_first():
            rebuilt = "" if published else f"; rebuilt clips: {self._draw(vae, 'final')}"
            print(f"{save_frozen(vae, self.folder)}: {told}, {vae.latent_channels} channels{rebuilt}")
        return 0

    def _check(self) -> None:
        from motionstream.training.presets import find_preset

        published = not find_preset(self.preset).embedded
        if published and self.base is None:
            raise InputError(f"--preset {self.preset}: wanted --base FOLDER, whose vae/ gets a small stand-in.")
        if published and self.kind is not None:
            raise InputError(f"--kind {self.kind}: the preset {self.preset} has a kind of its own. Leave it out.")
        if not published and self.base is not None:
            raise InputError(f"--base {self.base}: the preset tiny begins with nothing. Leave it out.")
        trained = published or self.kind == "deep"
        for flag in ("data", "feature_weight", "adversarial_weight", "lpips"):
            value, name = getattr(self, flag), flag.replace("_", "-")
            if value is not None and not trained:
                raise InputError(f"--{name}: the linear kind is fitted without it. Leave it out, or add --kind deep.")
            if isinstance(value, float) and value < 0:
                raise InputError(f"--{name}: wanted at least 0, got {value}.")
        if self.workers < 1:
            raise InputError(f"--workers: wanted at least 1, got {self.workers}.")

    def _deep(self, device: torch.device) -> TinyVAE:
        from motionstream.training.tiny_vae import TinyVAESettings, averaged_vae, deep_stage

        stage = deep_stage(TinyVAESettings(), self.seed)
        return self._trained(stage, device, lambda run: self._draw(averaged_vae(run), f"step_{run.step:06d}"))

    def _decoder(self, device: torch.device) -> TinyVAE:
        from motionstream.models.components import load_vae
        from motionstream.models.vae.wan import WanVAE
        from motionstream.training.previews import save_png
        from motionstream.training.tiny_decoder import decoder_stage, decoding_grid
        from motionstream.training.tiny_vae import averaged_vae

        assert self.base is not None
        full = load_vae(self.base / "vae", device)
        if not isinstance(full, WanVAE):
            raise InputError(f"--base {self.base}: wanted a full autoencoder (AutoencoderKLWan) in its vae/.")
        stage = decoder_stage(full.requires_grad_(False))

        def preview(run: Run) -> None:
            grid = decoding_grid(full, averaged_vae(run), stage.crops)
            save_png(grid, self.folder / "previews" / f"step_{run.step:06d}.png")

        return self._trained(stage, device, preview)

    def _trained(self, stage: PictureStage, device: torch.device, preview: Callable[[Run], object]) -> TinyVAE:
        from motionstream.training.lpips import Lpips
        from motionstream.training.picture_stage import train_pictures
        from motionstream.training.presets import StageSettings
        from motionstream.training.tiny_vae import averaged_vae

        settled, own = self.settled(StageSettings(loop=stage.loop, batch=stage.crops.batch)), stage.pictures
        pictures = replace(
            own,
            feature_weight=own.feature_weight if self.feature_weight is None else self.feature_weight,
            adversarial_weight=own.adversarial_weight if self.adversarial_weight is None else self.adversarial_weight,
        )
        crops = replace(stage.crops, batch=settled.batch)
        stage = replace(stage, loop=settled.loop, crops=crops, pictures=pictures)
        distance = None if self.lpips is None else Lpips.load(self.lpips, device)
        source = self._source(crops.num_frames)
        with watched(stage.loop.steps, preview, self.preview_every) as watch:
            run = train_pictures(
                self.folder,
                stage,
                self.seed,
                distance=distance,
                source=source,
                workers=self.workers,
                device=device,
                watch=watch,
            )
        return averaged_vae(run)

    def _source(self, num_frames: int) -> ClipSource | None:
        from motionstream.training.clip_source import find_clips
        from motionstream.training.presets import find_preset

        if self.data is None:
            return None
        return find_clips(self.data, self.folder, find_preset(self.preset).stream, num_frames)

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

        from motionstream.training.text import FIRST_SEED, NO_WORD, SETTINGS, TextSettings, train_text_encoder
        from motionstream.training.world import caption_and_newcomer

        self.prepared()
        stage, seeds = self.settled(SETTINGS), range(FIRST_SEED, FIRST_SEED + self.captions)
        told = track(seeds, "captions", console=notes(), transient=True)
        arrivals = dict(caption_and_newcomer(seed, newcomer=seed % 3 == 0) for seed in told)
        captions = list(arrivals)
        with watched(stage.loop.steps, lambda run: None, 0) as watch:
            settings = TextSettings(batch=stage.batch)
            named = {caption: colour or NO_WORD for caption, colour in arrivals.items()}
            run = train_text_encoder(
                self.folder, captions, settings, stage.loop, self.seed, arrivals=named, watch=watch
            )
        print(f"{run.state_file}: {run.step} steps on {len(captions)} captions")
        return 0
