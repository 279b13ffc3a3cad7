"""One training loop for every stage: warm-up, constant rate, cool-down, EMA, exact resume, a curve on disk."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motionstream.training.curves import CURVE_FILE, append_row, cut_after

STATE_FILE = "state.pt"

Loss = Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, dict[str, float]]]
"""loss(model, batch, generator) -> the value to go down, and numbers to log. All chance comes from the generator."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """What every stage's loop shares. Rates follow warm-up, constant, linear cool-down, so a run can be extended.

    Attributes:
        steps: Steps to end at.
        learning_rate: The constant one.
        warmup_steps: Over which it rises.
        cooldown_share: Of all steps, over which it falls to zero.
        weight_decay: AdamW's.
        clip_norm: Largest norm of the gradient.
        ema_decay: Of the averaged weights; less in the first steps.
        autocast: Whether the forward pass computes in bfloat16.
        log_every: Steps between two rows of the curve.
        save_every: Steps between two saved states.
    """

    steps: int
    learning_rate: float = 3e-4
    warmup_steps: int = 100
    cooldown_share: float = 0.25
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    ema_decay: float = 0.995
    autocast: bool = True
    log_every: int = 20
    save_every: int = 200

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, from 0 to `steps` exclusive."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        cooldown = max(1.0, self.steps * self.cooldown_share)
        return self.learning_rate * warm * min(1.0, max(self.steps - step, 0) / cooldown)


def _print(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is told of a run while it trains; by default, lines are printed.

    Attributes:
        say: Takes a line whenever the curve gets a row.
        stepped: Takes how many steps are done, after each of them.
        preview: Takes the run every `preview_every` steps and at the end.
        preview_every: Steps between two previews; 0 for none.
    """

    say: Callable[[str], None] = _print
    stepped: Callable[[int], None] = lambda done: None
    preview: Callable[["Run"], None] = lambda run: None
    preview_every: int = 0


PRINTING = Watch()
"""Lines on stdout and nothing else."""


class Run:
    """A training run in a folder: the model, its optimiser, its average and the step they have reached."""

    def __init__(self, model: nn.Module, settings: LoopSettings, folder: Path, seed: int = 0) -> None:
        self.model = model
        self.settings = settings
        self.folder = folder
        self.step = 0
        self.generator = torch.Generator().manual_seed(seed)
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay, fused=True
        )
        self.average = {name: p.detach().clone() for name, p in model.named_parameters()}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def state_file(self) -> Path:
        """The file this run resumes from."""
        return self.folder / STATE_FILE

    def resume(self) -> bool:
        """Loads the last saved state; returns False where there is none."""
        if not self.state_file.exists():
            return False
        state = torch.load(self.state_file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = {name: part.to(self.average[name].device) for name, part in state["average"].items()}
        self.generator.set_state(state["generator"])
        self.step = state["step"]
        cut_after(self.folder / CURVE_FILE, self.step)
        return True

    def save(self) -> None:
        """Writes the state beside the old one, then swaps them, so that a kill never leaves half a file."""
        fresh = self.state_file.with_suffix(".new")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "generator": self.generator.get_state(),
                "step": self.step,
            },
            fresh,
        )
        os.replace(fresh, self.state_file)

    def fit(self, batches: Iterator[Any], loss: Loss, watch: Watch = PRINTING) -> None:
        """Trains from the current step to `settings.steps`. `batches` must begin at the current step."""
        self.model.train()
        meter = _Meter()
        while self.step < self.settings.steps:
            meter.add(self._update(next(batches), loss))
            self.step += 1
            watch.stepped(self.step)
            if self._is_due(self.settings.log_every):
                self._log(*meter.take(), watch.say)
            if self._is_due(self.settings.save_every):
                self.save()
            if self._is_due(watch.preview_every):
                watch.preview(self)

    def averaged_state(self) -> dict[str, Tensor]:
        """Returns the model's state with the averaged parameters in the place of the live ones."""
        return {**self.model.state_dict(), **self.average}

    def _is_due(self, every: int) -> bool:
        return every > 0 and (self.step % every == 0 or self.step == self.settings.steps)

    def _update(self, batch: Any, loss: Loss) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(self.step)
        device = next(self.model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.settings.autocast):
            value, parts = loss(self.model, batch, self.generator)
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._average()
        return {"loss": float(value.detach()), "gradient_norm": float(norm), **parts}

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.settings.ema_decay, (self.step + 1) / (self.step + 10))
        ours, theirs = list(self.average.values()), [p.detach() for _, p in self.model.named_parameters()]
        torch._foreach_lerp_(ours, theirs, 1.0 - decay)

    def _log(self, means: dict[str, float], seconds_per_step: float, say: Callable[[str], None]) -> None:
        row = {"step": self.step, "rate": self.settings.rate(self.step), "seconds_per_step": seconds_per_step, **means}
        append_row(self.folder / CURVE_FILE, row)
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        left = (self.settings.steps - self.step) * seconds_per_step / 60
        done = f"step {self.step}/{self.settings.steps}"
        say(f"{done}  {numbers}  {seconds_per_step:.2f} s/step  {left:.0f} min left")


class _Meter:
    """Means of the logged numbers, and of the time, since they were last taken."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.totals: dict[str, float] = {}
        self.count = 0
        self.since = time.perf_counter()

    def add(self, parts: dict[str, float]) -> None:
        self.count += 1
        for name, value in parts.items():
            self.totals[name] = self.totals.get(name, 0.0) + value

    def take(self) -> tuple[dict[str, float], float]:
        means = {name: total / self.count for name, total in self.totals.items()}
        seconds_per_step = (time.perf_counter() - self.since) / self.count
        self._clear()
        return means, seconds_per_step
