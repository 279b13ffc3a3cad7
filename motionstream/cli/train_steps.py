"""Flags that several stages of `motionstream train` share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from motionstream.errors import InputError

if TYPE_CHECKING:
    import torch

    from motionstream.training.base import BaseSource
    from motionstream.training.presets import StageSettings

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Flags of every stage that takes steps; what is left out comes from the preset or the stage."""

    steps: int | None = None
    """Steps to end at; where a run has come further than that, nothing is done."""
    learning_rate: float | None = None
    """The constant one, after the warm-up and before the cool-down."""
    batch: int | None = None
    """Clips of a step, or crops, or captions."""
    accumulate: int = 1
    """Parts of a step's batch that go through the network one after the other, to need less memory."""
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
        """This process's device, with the threads set and the numbers checked."""
        from motionstream.streaming.device import choose_device
        from motionstream.training import distributed

        for flag, least in (
            ("steps", 1),
            ("batch", 1),
            ("accumulate", 1),
            ("save_every", 1),
            ("preview_every", 0),
            ("seed", 0),
        ):
            value = getattr(self, flag)
            if value is not None and value < least:
                raise InputError(f"--{flag.replace('_', '-')}: wanted at least {least}, got {value}.")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise InputError(f"--learning-rate: wanted a positive number, got {self.learning_rate}.")
        set_threads(self.threads)
        return distributed.start(choose_device(self.device))

    def settled(self, stage: StageSettings) -> StageSettings:
        """The stage's settings, with those in their place that were given as flags; `batch` is that of a part."""
        batch, rest = divmod(self.batch or stage.batch, self.accumulate)
        if rest or not batch:
            raise InputError(
                f"--accumulate {self.accumulate}: wanted a part of the batch of {self.batch or stage.batch} without "
                "rest. Choose another number."
            )
        loop = replace(
            stage.loop,
            save_every=self.save_every,
            steps=self.steps or stage.loop.steps,
            learning_rate=self.learning_rate or stage.loop.learning_rate,
            accumulate=self.accumulate,
        )
        return replace(stage, loop=loop, batch=batch)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Flags that say which model is trained, and where its frozen parts are."""

    preset: str = "tiny"
    """tiny (the embedded default), tiny-no-hidden, wan2.1-1.3b or wan2.2-5b: sizes, and what is not given by a flag."""
    base: Path | None = None
    """Folder of the published checkpoint that a wan preset begins with."""
    vae: Path = RUNS / "tiny_vae"
    """Folder of the autoencoder's run (tiny)."""
    text: Path = RUNS / "text"
    """Folder of the text encoder's run (tiny)."""

    def source(self) -> BaseSource:
        """Where the frozen parts of the preset's model lie.

        Raises:
            InputError: `--base` is missing for a published model, or given for the embedded one.
        """
        from motionstream.training.base import BaseSource
        from motionstream.training.presets import find_preset

        preset = find_preset(self.preset)
        if preset.embedded and self.base is not None:
            raise InputError(f"--base {self.base}: the preset {preset.name} begins with nothing. Leave it out.")
        if not preset.embedded and self.base is None:
            raise InputError(f"--preset {preset.name}: wanted --base FOLDER, the published checkpoint to begin with.")
        return BaseSource(preset=preset, vae_run=self.vae, text_run=self.text, weights=self.base)


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
