"""The stages of `motionstream train` that train a transformer and its track head on encoded clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from motionstream.cli.train_steps import RUNS, Parts, Steps
from motionstream.cli.watching import watched

if TYPE_CHECKING:
    import torch

    from motionstream.training.base import Base
    from motionstream.training.batch import BatchSettings
    from motionstream.training.loop import Loss, Run
    from motionstream.training.networks import Networks
    from motionstream.training.presets import StageSettings


@dataclass(frozen=True, kw_only=True)
class ClipSteps(Parts, Steps):
    """Flags of the stages that learn from encoded clips."""

    latents: tuple[Path, ...] = (RUNS / "latents",)
    """Folders of encoded clips, mixed; one that is named twice counts twice."""
    from_run: Path | None = None
    """Folder of a run whose averaged weights to start from; by default the networks are new."""
    compile: bool = False
    """Compile the network first: minutes at the start, then faster."""
    checkpointing: bool = False
    """Work activations out again when the gradient needs them: less memory, a third slower."""
    augment: bool = False
    """Tell implausible tracks of half of the clips: jitter, bursts of speed, frames in which nothing is seen."""

    def begin(self, base: Base, device: torch.device) -> Networks:
        """The networks that training begins with."""
        from motionstream.training.export import averaged_networks

        networks = (
            base.networks(self.seed, device)
            if self.from_run is None
            else averaged_networks(self.from_run, base.preset).to(device)
        )
        networks.transformer.gradient_checkpointing = self.checkpointing
        return networks

    crop: int | None = None
    """Latent cells along each side of a part of the pictures to train on: local things are learnt faster."""

    def told(self, size: int, motion_dropout: float = 0.0) -> BatchSettings:
        """What is told of the clips of a batch."""
        from motionstream.training.batch import BatchSettings
        from motionstream.training.track_augmentation import TrackAugmentation

        augmentation = TrackAugmentation() if self.augment else None
        return BatchSettings(size=size, motion_dropout=motion_dropout, augmentation=augmentation, crop=self.crop)

    def train(
        self,
        folder: Path,
        base: Base,
        networks: Networks,
        stage: StageSettings,
        settings: BatchSettings,
        loss: Loss,
        draw: Callable[[Run], object],
    ) -> int:
        """Trains in a folder on the clips."""
        from motionstream.training.clip_training import train_on_clips
        from motionstream.training.latent_cache import LatentCache

        cache = LatentCache(*self.latents)
        with watched(stage.loop.steps, draw, self.preview_every) as watch:
            run = train_on_clips(
                folder,
                cache,
                networks,
                loss,
                settings,
                stage.loop,
                self.seed,
                compile_model=self.compile,
                watch=watch,
            )
        self.say_done(run, f"{len(cache)} clips")
        return 0

    @staticmethod
    def say_done(run: Run, data: str) -> None:
        """Prints where the result lies."""
        from motionstream.training import distributed

        if distributed.is_first():
            print(f"{run.state_file}: {run.step} steps on {data}")


@dataclass(frozen=True, kw_only=True)
class TrainTeacher(ClipSteps):
    """Stage 4: the bidirectional teacher, told a prompt, a first picture and tracks."""

    folder: Path = RUNS / "teacher"
    """Folder of the run."""
    masked: bool = False
    """The paper's second stage: the track head frozen, runs of the motion masked; wants --from-run."""

    def run(self) -> int:
        """Train it."""
        from motionstream.training.samples import show_teacher
        from motionstream.training.teacher import MASKED, TeacherSettings, freeze_head, teacher_loss

        device = self.prepared()
        base = self.source().load(device)
        preset = base.preset
        stage = self.settled(preset.masked_teacher if self.masked else preset.teacher)
        networks = self.begin(base, device)
        if self.masked:
            freeze_head(networks)
        settings = TeacherSettings(shift=preset.shift, mask_share=MASKED if self.masked else 0.0)
        told = self.told(stage.batch, motion_dropout=0.1)
        loss = teacher_loss(settings, base.vae, base.channel_weights(device))
        return self.train(self.folder, base, networks, stage, told, loss, lambda run: show_teacher(run, base))


@dataclass(frozen=True, kw_only=True)
class TrainRollout(ClipSteps):
    """The student on its own past, by the code that streams it, towards the true clips."""

    folder: Path = RUNS / "rollout"
    """Folder of the run."""

    def run(self) -> int:
        """Train it."""
        from motionstream.training.rollout import rollout_loss
        from motionstream.training.samples import show_student

        device = self.prepared()
        base = self.source().load(device)
        stage, networks = self.settled(base.preset.rollout), self.begin(base, device)
        loss, told = rollout_loss(base.preset.stream, base.vae), self.told(stage.batch)
        return self.train(self.folder, base, networks, stage, told, loss, lambda run: show_student(run, base))
