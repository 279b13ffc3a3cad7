"""What a run writes down while it trains: rows of its curve, event files, a line for who watches."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from motionstream.training import distributed
from motionstream.training.curves import CURVE_FILE, append_row
from motionstream.training.event_files import EventFiles

Numbers = Mapping[str, "Tensor | float"]
"""What one step has to say, by name. Scalars on the device may stay there: they are read when a row is written."""


class Meter:
    """The numbers of the steps since the last row; in several processes, their means."""

    def __init__(self) -> None:
        self._read: list[dict[str, float]] = []
        self._pending: list[dict[str, Tensor | float]] = []

    def add(self, numbers: Numbers) -> None:
        """Takes a step's numbers, without waiting for the device."""
        kept = {name: value.detach() if isinstance(value, Tensor) else value for name, value in numbers.items()}
        self._pending.append(kept)

    def rows(self) -> list[dict[str, float]]:
        """Returns the numbers step by step; every process must call it."""
        values = torch.tensor([float(value) for row in self._pending for value in row.values()], dtype=torch.float64)
        means = iter(distributed.mean(values).tolist())
        self._read += [{name: next(means) for name in row} for row in self._pending]
        self._pending = []
        return self._read

    def restore(self, rows: list[dict[str, float]]) -> None:
        """Goes on from the numbers of steps that a resumed run has behind it."""
        self._read, self._pending = list(rows), []

    def take(self) -> dict[str, float]:
        """Returns the means since they were last taken."""
        rows = self.rows()
        self._read = []
        columns: dict[str, list[float]] = {}
        for row in rows:
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in columns.items()}


class Journal:
    """Writes the rows of a run in its folder, from where it stands; process 0's alone writes anything."""

    def __init__(self, folder: Path, step: int, steps: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._steps = steps
        self._say = say
        self._last_step, self._last_time = step, time.perf_counter()
        self.events = EventFiles(folder, step, say) if distributed.is_first() else None

    def write(self, step: int, device: torch.device, rates: Mapping[str, float], means: Mapping[str, float]) -> None:
        """Writes a row: rates, time and memory, then the means over the steps since the row before."""
        if self.events is None:
            return
        seconds = self._seconds_per_step(step)
        measured = {"seconds_per_step": seconds, "peak_memory_gib": peak_memory_gib(device)}
        row = {**rates, **measured, **means}
        append_row(self._folder / CURVE_FILE, {"step": step, **row})
        self.events.scalars(step, row)
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        cost = f"{seconds:.2f} s/step  {measured['peak_memory_gib']:.1f} GiB"
        self._say(f"step {step}/{self._steps}  {numbers}  {cost}  {(self._steps - step) * seconds / 60:.0f} min left")

    def _seconds_per_step(self, step: int) -> float:
        now = time.perf_counter()
        seconds = (now - self._last_time) / max(1, step - self._last_step)
        self._last_step, self._last_time = step, now
        return seconds

    def close(self) -> None:
        """Writes what is left."""
        if self.events is not None:
            self.events.close()


def peak_memory_gib(device: torch.device) -> float:
    """Returns the most memory so far: of tensors on a CUDA device, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (30 if sys.platform == "darwin" else 20)  # bytes there, KiB elsewhere
