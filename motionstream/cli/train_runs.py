"""The stages of `motionstream train` that take steps: the autoencoder, the student, the student's rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from motionstream.cli.watching import watched
from motionstream.errors import InputError

if TYPE_CHECKING:
    import torch

    from motionstream.config import StreamConfig
    from motionstream.models.vae.protocol import VideoVAE
    from motionstream.models.vae.tiny import TinyVAE
    from motionstream.training.loop import LoopSettings, Loss, Run
    from motionstream.training.student import Student

TINY_VAE, LATENTS, STUDENT, ROLLOUT = (Path("runs") / name for name in ("tiny_vae", "latents", "student", "rollout"))


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Flags of every stage that takes steps."""

    steps: int
    """Steps to end at; where a run has come further than that, nothing is done."""
    learning_rate: float
    """The constant one, after the warm-up and before the cool-down over the last quarter."""
    batch: int
    """Clips of a step, or crops."""
    seed: int = 0
    """Decides weights, batches and noise."""
    threads: int | None = None
    """CPU threads; by default torch's choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    save_every: int = 100
    """Steps between two saved states."""
    preview_every: int = 500
    """Steps between two pictures of what is learnt, in the run's folder; 0 for none."""

    def prepared(self) -> torch.device:
        """The device, with the threads set and the numbers checked."""
        from motionstream.streaming.device import choose_device

        for flag, least in (("steps", 1), ("batch", 1), ("save_every", 1), ("preview_every", 0), ("seed", 0)):
            if (value := getattr(self, flag)) < least:
                raise InputError(f"--{flag.replace('_', '-')}: wanted at least {least}, got {value}.")
        if self.learning_rate <= 0:
            raise InputError(f"--learning-rate: wanted a positive number, got {self.learning_rate}.")
        set_threads(self.threads)
        return choose_device(self.device)

    def loop(self, **more: Any) -> LoopSettings:
        """The loop's settings from the flags, and those that a stage fixes."""
        from motionstream.training.loop import LoopSettings

        return LoopSettings(steps=self.steps, learning_rate=self.learning_rate, save_every=self.save_every, **more)


@dataclass(frozen=True, kw_only=True)
class TrainTinyVAE(Steps):
    """Stage 1: the autoencoder; all later stages read it from FOLDER/vae."""

    folder: Path = TINY_VAE
    """Folder of the run."""
    kind: Literal["linear", "deep"] = "linear"
    """linear: principal components, fitted without steps (the embedded checkpoint's); deep: convolutions too."""
    channels: int = 96
    """Channels of the linear one's latents."""
    steps: int = 1600
    learning_rate: float = 6e-4
    batch: int = 8

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
        from motionstream.training.tiny_vae import TinyVAESettings, averaged_vae, train_tiny_vae

        def preview(run: Run) -> None:
            self._draw(averaged_vae(run), f"step_{run.step:06d}")

        loop, settings = self.loop(ema_decay=0.99), TinyVAESettings(batch=self.batch)
        with watched(self.steps, preview, self.preview_every) as watch:
            run = train_tiny_vae(self.folder, settings, loop, self.seed, device=device, watch=watch)
        return averaged_vae(run)

    def _draw(self, vae: TinyVAE, name: str) -> Path:
        from motionstream.training.export import EMBEDDED_STREAM
        from motionstream.training.previews import reconstruction_grid, save_png

        size = EMBEDDED_STREAM.height, EMBEDDED_STREAM.width
        return save_png(reconstruction_grid(vae, size), self.folder / "previews" / f"{name}.png")


@dataclass(frozen=True, kw_only=True)
class _StudentSteps(Steps):
    """Flags of the stages that train the student on encoded clips."""

    vae: Path = TINY_VAE
    """Folder of the autoencoder's run."""
    latents: Path = LATENTS
    """Folder of the encoded clips."""
    compile: bool = False
    """Compile the network first: minutes at the start, then faster."""
    batch: int = 4

    def _fresh(self, latent_channels: int) -> Student:
        import torch

        from motionstream.training.student import tiny_student

        torch.manual_seed(self.seed)
        return tiny_student(latent_channels)

    def _train(
        self,
        folder: Path,
        begin: Callable[[int], Student],
        loop: LoopSettings,
        loss: Callable[[StreamConfig, VideoVAE], Loss] | None = None,
    ) -> int:
        """Trains from the student that `begin` makes for the autoencoder's channels, with the stage's loss."""
        from motionstream.models.text_encoder import TextEncoder
        from motionstream.training.export import EMBEDDED_STREAM, TEXT_SEED
        from motionstream.training.frozen_vae import load_frozen
        from motionstream.training.latent_cache import LatentCache
        from motionstream.training.student import StudentSettings, train_student

        device, vae = self.prepared(), load_frozen(self.vae)
        vae = vae.to(device)
        student, cache = begin(vae.latent_channels).to(device), LatentCache(self.latents)
        with watched(self.steps, lambda run: _draw_student(run, vae), self.preview_every) as watch:
            run = train_student(
                folder,
                cache,
                student,
                vae,
                TextEncoder.create_tiny(TEXT_SEED).encode("")[0],
                EMBEDDED_STREAM,
                StudentSettings(batch=self.batch),
                loop,
                self.seed,
                loss=loss and loss(EMBEDDED_STREAM, vae),
                compile_model=self.compile,
                watch=watch,
            )
        print(f"{run.state_file}: {run.step} steps on {len(cache)} clips; now `motionstream train export`")
        return 0


@dataclass(frozen=True, kw_only=True)
class TrainStudent(_StudentSteps):
    """The causal student, from nothing, on the clean past: a start for a rollout, which does without one."""

    folder: Path = STUDENT
    """Folder of the run."""
    steps: int = 240
    learning_rate: float = 6e-4

    def run(self) -> int:
        """Train it."""
        return self._train(self.folder, self._fresh, self.loop(ema_decay=0.995, weight_decay=0.01))


@dataclass(frozen=True, kw_only=True)
class TrainRollout(_StudentSteps):
    """Stage 3: the student on its own past, by the code that streams it."""

    folder: Path = ROLLOUT
    """Folder of the run."""
    student: Path | None = None
    """Folder of a student's run, to start from its averaged weights; by default it starts from nothing."""
    steps: int = 2400
    learning_rate: float = 5e-4
    seed: int = 77

    def run(self) -> int:
        """Train it."""
        from motionstream.training.export import averaged_student
        from motionstream.training.rollout import rollout_loss

        def begin(latent_channels: int) -> Student:
            if self.student is None:
                return self._fresh(latent_channels)
            return averaged_student(self.student, latent_channels)

        loop = self.loop(ema_decay=0.99, weight_decay=0.01, warmup_steps=20, cooldown_share=0.4, log_every=10)
        return self._train(self.folder, begin, loop, rollout_loss)


def set_threads(threads: int | None) -> None:
    """Limits torch's threads.

    Raises:
        InputError: The number is less than 1.
    """
    import torch

    if threads is None:
        return
    if threads < 1:
        raise InputError(f"--threads: wanted at least 1, got {threads}.")
    torch.set_num_threads(threads)


def _draw_student(run: Run, vae: TinyVAE) -> None:
    from motionstream.training.export import EMBEDDED_STREAM, assembled
    from motionstream.training.previews import sample_grid, save_png
    from motionstream.training.student import tiny_student

    student = tiny_student(vae.latent_channels)
    student.load_state_dict({name: tensor.cpu() for name, tensor in run.averaged_state().items()})
    checkpoint = assembled(student.eval(), vae, EMBEDDED_STREAM, run.folder)
    save_png(sample_grid(checkpoint), run.folder / "previews" / f"step_{run.step:06d}.png")
