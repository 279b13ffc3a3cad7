"""One training loop for every stage: warm-up, constant rate, cool-down, EMA, exact resume, a curve on disk.

A stage with one network gives a loss to `Run.fit`. A stage with several, such as a student and its critic, names the
others as trainees beside the first and gives a step to `Run.fit_steps`, which says who is updated when. Started by
torchrun, the same run is made by all processes together (`distributed`).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from motionstream.errors import InputError
from motionstream.training import distributed
from motionstream.training.curves import CURVE_FILE, cut_after
from motionstream.training.journal import Journal, Meter, Numbers
from motionstream.training.loop_settings import LoopSettings
from motionstream.training.state_file import STATE_FILE, read_state, write_state
from motionstream.training.trainee import Trainee
from motionstream.training.watch import PRINTING, Watch

__all__ = ["PRINTING", "STATE_FILE", "LoopSettings", "Loss", "Run", "Step", "Trainee", "Watch"]

Loss = Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, Numbers]]
"""loss(network, batch, generator) -> the value to go down, and numbers to log. All chance comes from the generator."""

Step = Callable[["Run", Iterator[Any]], Numbers]
"""step(run, batches) -> numbers to log. One step of several trainees: it calls `Run.update` for each of its updates."""


class Run:
    """A training run in a folder: its trainees, its chance and the step they have reached.

    Args:
        model: The network that is trained, and kept; in several processes it is sharded in place.
        settings: Of the loop and of this network.
        folder: Where the state, the curve and the event files lie.
        seed: Of what the losses draw.
        beside: Other networks of the stage, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: LoopSettings,
        folder: Path,
        seed: int = 0,
        beside: Mapping[str, Trainee] | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.step = 0
        self.num_batches = 0
        self.generator = torch.Generator().manual_seed(seed)
        self.trainee = Trainee(model, settings)
        self.beside = dict(beside or {})
        self._meter = Meter()
        self._journal: Journal | None = None
        self._shown: dict[str, Tensor] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def model(self) -> nn.Module:
        """The network that is trained and kept."""
        return self.trainee.module

    @property
    def state_file(self) -> Path:
        """The file this run resumes from."""
        return self.folder / STATE_FILE

    def resume(self) -> bool:
        """Loads the last saved state; returns False where there is none.

        Raises:
            InputError: The state is of a run without one of the trainees, or not every process can read it.
        """
        state = read_state(self.state_file) if self.state_file.exists() else None
        self._check(state)
        if state is None:
            return False
        self.step = state["step"]
        self.trainee.load({"updates": self.step, **state})
        for name, trainee in self.beside.items():
            trainee.load(state["beside"][name])
        self.generator.set_state(state["generator"])
        self.num_batches = state.get("num_batches", self.step)  # older states: one batch a step
        self._meter.restore(state.get("numbers", []))
        if distributed.is_first():
            cut_after(self.folder / CURVE_FILE, self.step)
        return True

    def _check(self, state: dict[str, Any] | None) -> None:
        step = -1 if state is None else state["step"]
        first = int(distributed.agreed(torch.tensor(step)))
        if first != step:
            raise InputError(f"{self.state_file}: wanted step {first} as in process 0, got {step}. Share the folder.")
        if state is not None and (missing := self.beside.keys() - state.get("beside", {}).keys()):
            raise InputError(f"{self.state_file}: wanted {', '.join(missing)} in it, too. Choose another folder.")

    def save(self) -> None:
        """Writes the state, whole, so that it can be resumed by any number of processes; all of them call this."""
        state = {
            **self.trainee.state(),
            "beside": {name: trainee.state() for name, trainee in self.beside.items()},
            "generator": self.generator.get_state(),
            "step": self.step,
            "num_batches": self.num_batches,
            "numbers": self._meter.rows(),
        }
        if distributed.is_first():
            write_state(state, self.state_file)

    def fit(self, batches: Iterator[Any], loss: Loss, watch: Watch = PRINTING) -> None:
        """Trains the one network from the current step to `settings.steps`.

        Args:
            batches: From batch number `num_batches` on, each this process's part.
            loss: Of the network.
            watch: Told of the progress.
        """
        self.fit_steps(batches, lambda run, more: run.update(more, loss), watch)

    def fit_steps(self, batches: Iterator[Any], step: Step, watch: Watch = PRINTING) -> None:
        """Trains from the current step to `settings.steps`, each step made by `step`; `batches` as for `fit`."""
        watch = watch if distributed.is_first() else Watch(say=lambda _: None, preview_every=watch.preview_every)
        watch.stepped(self.step)
        if self.step >= self.settings.steps:
            return
        self._journal = Journal(self.folder, self.step, self.settings.steps, watch.say)
        for trainee in (self.trainee, *self.beside.values()):
            trainee.module.train()
        try:
            while self.step < self.settings.steps:
                self._meter.add(step(self, batches))
                self.step += 1
                watch.stepped(self.step)
                self._write_down(watch)
        finally:
            self._journal.close()
            self._journal = None

    def update(self, batches: Iterator[Any], loss: Loss, name: str | None = None) -> Numbers:
        """Updates one trainee by the next `settings.accumulate` batches; returns the numbers to log.

        Args:
            batches: Those that the step got.
            loss: Gets the trainee's network.
            name: Of a trainee beside the first, which also marks its numbers: `critic_loss`.
        """
        trainee, mark = (self.trainee, "") if name is None else (self.beside[name], f"{name}_")
        parts = [self._backward(trainee.module, next(batches), loss) for _ in range(self.settings.accumulate)]
        norm = trainee.update(trainee.settings.learning_rate * self.settings.schedule(self.step))
        means: dict[str, Tensor | float] = {key: sum(part[key] for part in parts) / len(parts) for key in parts[0]}
        return {mark + key: value for key, value in {**means, "gradient_norm": norm}.items()}

    def _backward(self, module: nn.Module, batch: Any, loss: Loss) -> Numbers:
        self.num_batches += 1
        chance = distributed.own_generator(self.generator)
        # weights that are gathered block by block must not stay behind as cached copies
        cached = distributed.world_size() == 1
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.settings.autocast, cache_enabled=cached):
            value, parts = loss(module, batch, chance)
        (value / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]  # torch's own
        return {"loss": value.detach(), **parts}

    def averaged_state(self) -> dict[str, Tensor]:
        """Returns the model's state with the averaged parameters in the place of the live ones.

        In several processes, all of them call it; a preview may call it in process 0 alone.
        """
        return self.trainee.averaged_state() if self._shown is None else self._shown

    def show(self, name: str, pixels: UInt8[np.ndarray, "*t h w 3"], fps: float = 16) -> None:
        """Puts a picture, or a video, into the event files of a run that is training."""
        if self._journal is None or (events := self._journal.events) is None:
            return
        if pixels.ndim == 3:
            events.picture(self.step, name, pixels)
        else:
            events.video(self.step, name, pixels, fps)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _write_down(self, watch: Watch) -> None:
        if self._is_due(self.settings.log_every):
            self._log()
        if self._is_due(self.settings.save_every):
            self.save()
        if self._is_due(watch.preview_every):
            self._preview(watch)

    def _is_due(self, every: int) -> bool:
        return every > 0 and (self.step % every == 0 or self.step == self.settings.steps)

    def _log(self) -> None:
        assert self._journal is not None
        part = self.settings.schedule(self.step)
        others = {f"{name}_rate": other.settings.learning_rate * part for name, other in self.beside.items()}
        rates = {"rate": self.settings.rate(self.step), **others}
        self._journal.write(self.step, self._device, rates, self._meter.take())

    def _preview(self, watch: Watch) -> None:
        self._shown = self.trainee.averaged_state()
        if distributed.is_first():
            watch.preview(self)
        self._shown = None
        distributed.wait_for_all()
