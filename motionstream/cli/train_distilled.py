"""The stages of `motionstream train` that distil the teacher into a student."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from motionstream.cli.console import notes
from motionstream.cli.train_networks import ClipSteps
from motionstream.cli.train_steps import RUNS, Parts, set_threads
from motionstream.cli.watching import watched
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.training.presets import Preset
    from motionstream.training.self_forcing import SelfForcingSettings


@dataclass(frozen=True, kw_only=True)
class Guided:
    """Flags of the stages that ask the teacher."""

    teacher: Path = RUNS / "teacher"
    """Folder of the teacher's run."""
    text_guidance: float | None = None
    """How strongly the prompt is followed; the paper's 3.0 by default."""
    motion_guidance: float | None = None
    """How strongly the tracks are followed; the paper's 1.5 by default."""

    def guided(self, preset: Preset) -> Preset:
        """The preset with the guidance that is asked for."""
        from motionstream.streaming.guidance import JointGuidance

        own = preset.distillation.guidance
        text = own.text if self.text_guidance is None else self.text_guidance
        motion = own.motion if self.motion_guidance is None else self.motion_guidance
        distillation = replace(preset.distillation, guidance=JointGuidance(text=text, motion=motion))
        return replace(preset, distillation=distillation)


@dataclass(frozen=True, kw_only=True)
class Trajectories(Guided, Parts):
    """Stage 5: the guided teacher's trajectories, solved once for the causal initialisation."""

    folder: Path = RUNS / "trajectories"
    """Where the shards go; those that lie there are left alone."""
    latents: tuple[Path, ...] = (RUNS / "latents",)
    """Folders of the encoded clips whose first pictures, prompts and tracks are told."""
    number: int | None = None
    """Trajectories to end up with; by default the preset's."""
    seed: int = 0
    """Decides clips, tracks and noise."""
    batch: int = 8
    """Trajectories solved at once."""
    threads: int | None = None
    """CPU threads; by default torch's choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""

    def run(self) -> int:
        """Solve those that are missing."""
        from rich.progress import Progress

        from motionstream.streaming.device import choose_device
        from motionstream.training import distributed
        from motionstream.training.export import averaged_networks
        from motionstream.training.latent_cache import LatentCache
        from motionstream.training.trajectories import Solver, own_shards, solve_trajectories

        set_threads(self.threads)
        device = distributed.start(choose_device(self.device))
        base = self.source().load(device)
        preset = self.guided(base.preset)
        number = preset.distillation.num_trajectories if self.number is None else self.number
        for flag, value in (("number", number), ("batch", self.batch)):
            if value < 1:
                raise InputError(f"--{flag}: wanted at least 1, got {value}.")
        solver = Solver(
            teacher=averaged_networks(self.teacher, preset).to(device).requires_grad_(False),
            cache=LatentCache(*self.latents),
            vae=base.vae,
            preset=preset,
            seed=self.seed,
            batch=self.batch,
        )
        own = sum(own_shards(number).values())
        with Progress(console=notes(), disable=not distributed.is_first()) as progress:
            task = progress.add_task("solving", total=own)
            for done in solve_trajectories(solver, self.folder, number):
                progress.advance(task, done)
        if distributed.is_first():
            share = "" if own == number else f" of {number}, this process's share"
            print(f"{self.folder}: {own} trajectories{share}")
        return 0


@dataclass(frozen=True, kw_only=True)
class TrainCausalInit(ClipSteps):
    """Stage 6: the causal student, regressed onto the teacher's trajectories under a mix of masks."""

    folder: Path = RUNS / "causal_init"
    """Folder of the run."""
    latents: tuple[Path, ...] = (RUNS / "trajectories",)
    """Folders of the trajectories."""
    from_run: Path | None = RUNS / "teacher"
    """Folder of the run whose averaged weights to start from: the teacher's."""

    def run(self) -> int:
        """Train it."""
        from motionstream.training.causal_init import CausalInitSettings, causal_init_loss
        from motionstream.training.loop import Run
        from motionstream.training.samples import show_student
        from motionstream.training.trajectories import TrajectoryCache, trajectory_batches

        device = self.prepared()
        base = self.source().load(device)
        stage, networks = self.settled(base.preset.causal_init), self.begin(base, device)
        cache = TrajectoryCache(*self.latents)
        loss = causal_init_loss(CausalInitSettings(), base.preset.stream, base.vae, base.channel_weights(device))
        run = Run(networks, stage.loop, self.folder, self.seed)
        run.resume()
        if self.compile:
            networks.compile_transformer()
        made = trajectory_batches(cache, stage.batch, self.seed, run.num_batches)
        with watched(stage.loop.steps, lambda run: show_student(run, base), self.preview_every) as watch:
            run.fit((batch.to(device) for batch in made), loss, watch)
        self.say_done(run, f"{len(cache)} trajectories")
        return 0


@dataclass(frozen=True, kw_only=True)
class TrainSelfForcing(Guided, ClipSteps):
    """Stage 7: distribution matching distillation of the student on its own rollouts."""

    folder: Path = RUNS / "self_forcing"
    """Folder of the run."""
    from_run: Path | None = RUNS / "causal_init"
    """Folder of the run whose averaged student to start from."""
    critic_rate: float | None = None
    """The critic's learning rate; by default the preset's."""
    truth_weight: float = 0.0
    """Of the error against the true clips, beside the distribution matching; the paper has none."""
    random_memory: bool = False
    """Draw the sizes of sink and window for every batch; by default they are the stream's."""

    def run(self) -> int:
        """Train it."""
        from motionstream.training.batch import batches
        from motionstream.training.export import averaged_networks
        from motionstream.training.latent_cache import LatentCache
        from motionstream.training.loop import Run
        from motionstream.training.samples import show_student
        from motionstream.training.self_forcing import CRITIC, SelfForcing
        from motionstream.training.sharding import shard
        from motionstream.training.trainee import Trainee, TraineeSettings

        device = self.prepared()
        base = self.source().load(device)
        preset = self.guided(base.preset)
        stage, cache = self.settled(preset.self_forcing), LatentCache(*self.latents)
        teacher = averaged_networks(self.teacher, preset).to(device).requires_grad_(False)
        shard(teacher)
        critic = averaged_networks(self.teacher, preset).to(device).train()
        critic.transformer.gradient_checkpointing = self.checkpointing
        rate = preset.distillation.critic_rate if self.critic_rate is None else self.critic_rate
        beside = {CRITIC: Trainee(critic, TraineeSettings(learning_rate=rate, weight_decay=0.01))}
        student = self.begin(base, device)
        run = Run(student, stage.loop, self.folder, self.seed, beside)
        run.resume()
        if self.compile:
            for networks in (teacher, critic):  # the student is rolled out chunk by chunk
                networks.compile_transformer()
        stage_of = SelfForcing(
            teacher,
            base.vae,
            preset.stream,
            cache.unprompted,
            self._settings(preset),
            base.channel_weights(device),
        )
        made = batches(cache, self.told(stage.batch), self.seed, run.num_batches)
        with watched(stage.loop.steps, lambda run: show_student(run, base), self.preview_every) as watch:
            run.fit_steps((batch.to(device) for batch in made), stage_of.step, watch)
        self.say_done(run, f"{len(cache)} clips")
        return 0

    def _settings(self, preset: Preset) -> SelfForcingSettings:
        from motionstream.training.self_forcing import SelfForcingSettings

        return SelfForcingSettings(
            guidance=preset.distillation.guidance,
            shift=preset.shift,
            critic_updates=preset.distillation.critic_updates,
            random_memory=self.random_memory,
            truth_weight=self.truth_weight,
        )
