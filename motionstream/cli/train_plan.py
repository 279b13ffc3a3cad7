"""`motionstream train plan`: what the stages will take, before a GPU is rented."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from motionstream.errors import OutputError

if TYPE_CHECKING:
    from motionstream.training.plan import StagePlan, TrainingPlan


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Estimate memory and time of every stage on so many GPUs, from the configuration alone."""

    gpus: str
    """How many of which, such as 8xH100-80GB."""
    preset: str = "wan2.1-1.3b"
    """tiny, tiny-no-hidden, wan2.1-1.3b or wan2.2-5b."""
    mfu: float = 0.4
    """Part of the GPU's stated rate that is reached; 0.3 to 0.5 is usual."""
    json: Path | None = None
    """Also write the plan to this JSON file, memory in bytes."""

    def run(self) -> int:
        """Work it out, print it and write it."""
        from motionstream.training.hardware import parse_machine
        from motionstream.training.plan import plan_training
        from motionstream.training.presets import find_preset

        plan = plan_training(find_preset(self.preset), parse_machine(self.gpus), self.mfu)
        _print(plan)
        if self.json is not None:
            _write(self.json, plan)
        return 0


def _print(plan: TrainingPlan) -> None:
    from rich.console import Console
    from rich.table import Table

    print(f"{plan.preset} on {plan.machine}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("stage", "steps", "batch", "GPUs", "at once", "GB", "s/step", "hours", "fits"):
        table.add_column(column, no_wrap=True)
    for stage in plan.stages:
        table.add_row(*_row(stage))
    Console(highlight=False).print(table)
    for stage in plan.stages:
        if not stage.fits:
            print(f"{stage.name} does not fit. What would: {stage.advice}.")
    without = ", ".join(stage.name for stage in plan.stages if stage.optional)
    though = "" if all(stage.fits for stage in plan.needed) else ", if all of them fitted"
    print(f"total without {without}: {_short(plan.hours)} hours, {_short(plan.gpu_days)} GPU-days{though}")
    print("at once: clips on one GPU x passes of an update; GB: on one GPU; re: with gradient checkpointing")
    print("assumptions:")
    for assumption in plan.assumptions:
        print(f"- {assumption}")


def _row(stage: StagePlan) -> tuple[str, ...]:
    return (
        stage.name,
        str(stage.steps),
        str(stage.batch),
        str(stage.num_gpus),
        f"{stage.clips_at_once} x {stage.accumulate}",
        f"{stage.memory.total / 1e9:.1f}",
        _short(stage.step_seconds),
        _short(stage.hours),
        ("yes, re" if stage.checkpointing else "yes") if stage.fits else "no",
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _write(path: Path, plan: TrainingPlan) -> None:
    text = json.dumps(plan.to_json(), indent=2) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path}: the plan could not be written: {error.strerror or error}. Choose another path."
        ) from error
