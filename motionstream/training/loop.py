"""One training loop for every stage: warm-up, constant rate, cool-down, EMA, exact resume, a curve on disk."""

import csv
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """What every stage's loop shares. Rates follow warm-up, constant, linear cool-down, so a run can be extended."""

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
        return self.folder / "state.pt"

    def resume(self) -> bool:
        """Loads the last saved state; returns False where there is none."""
        if not self.state_file.exists():
            return False
        state = torch.load(self.state_file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.generator.set_state(state["generator"])
        self.step = state["step"]
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

    def fit(self, batches: Iterator[Any], loss: Loss) -> None:
        """Trains from the current step to `settings.steps`. `batches` must begin at the current step."""
        self.model.train()
        since, seconds = self.step, time.perf_counter()
        totals: dict[str, float] = {}
        while self.step < self.settings.steps:
            for name, value in self._update(next(batches), loss).items():
                totals[name] = totals.get(name, 0.0) + value
            self.step += 1
            if self.step % self.settings.log_every == 0 or self.step == self.settings.steps:
                done, now = self.step - since, time.perf_counter()
                self._log({k: v / done for k, v in totals.items()}, (now - seconds) / done)
                since, seconds, totals = self.step, now, {}
            if self.step % self.settings.save_every == 0 or self.step == self.settings.steps:
                self.save()

    def _update(self, batch: Any, loss: Loss) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(self.step)
        device = next(self.model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.settings.autocast):
            value, parts = loss(self.model, batch, self.generator)
        value.backward()
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

    def averaged_state(self) -> dict[str, Tensor]:
        """Returns the model's state with the averaged parameters in the place of the live ones."""
        return {**self.model.state_dict(), **self.average}

    def _log(self, means: dict[str, float], seconds_per_step: float) -> None:
        row = {"step": self.step, "rate": self.settings.rate(self.step), "seconds_per_step": seconds_per_step, **means}
        path = self.folder / "curve.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" for k, v in row.items()})
        left = (self.settings.steps - self.step) * seconds_per_step
        print(
            f"step {self.step}/{self.settings.steps}  "
            + "  ".join(f"{k} {v:.4f}" for k, v in means.items())
            + f"  {seconds_per_step:.2f} s/step  {left / 60:.0f} min left",
            flush=True,
        )
