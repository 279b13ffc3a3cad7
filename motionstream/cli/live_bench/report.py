"""Reports of measurements of the server, with all that such figures must carry."""

from __future__ import annotations

import dataclasses
import datetime
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from motionstream.errors import InputError, OutputError

_LIBRARIES = ("numpy", "av", "opencv-python-headless", "fastapi", "uvicorn", "websockets")


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Middle and tail of many times, in milliseconds."""

    p50_ms: float
    p95_ms: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Latency | None:
        """Of all times; None where there are none."""
        if not times_ms:
            return None
        middle, tail = np.percentile(times_ms, [50, 95])
        return cls(p50_ms=float(middle), p95_ms=float(tail))

    @classmethod
    def median_of(cls, runs: Sequence[Latency | None]) -> Latency | None:
        """The median of several runs, each figure by itself."""
        known = [run for run in runs if run is not None]
        if not known:
            return None
        middle, tail = (float(np.median([getattr(run, name) for run in known])) for name in ("p50_ms", "p95_ms"))
        return cls(p50_ms=middle, p95_ms=tail)

    def __str__(self) -> str:
        return f"{self.p50_ms:.1f} / {self.p95_ms:.1f}"


@dataclass(frozen=True, kw_only=True)
class LiveReport:
    """Measurements of one kind.

    Attributes:
        date: When, UTC, ISO 8601.
        command: What was run.
        load_average: Of the machine before and after, over a minute: what else was going on.
        hardware: Processor, cores, threads.
        versions: Of what the figures depend on.
        settings: What was run.
        definitions: What the figures mean.
        rows: The figures; plain values.
    """

    date: str
    command: str
    load_average: tuple[float, float]
    hardware: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    definitions: dict[str, str]
    rows: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            OutputError: The path cannot be written.
        """
        try:
            path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{path}: the report could not be written: {reason}. Choose another path.") from error


def report_of(
    rows: Sequence[Any], settings: dict[str, Any], definitions: dict[str, str], load_before: float
) -> LiveReport:
    """A report of rows, which are dataclasses, on this machine."""
    import torch

    from motionstream.streaming.device import hardware, versions

    return LiveReport(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=shlex.join(["motionstream", *sys.argv[1:]]),
        load_average=(load_before, load_average()),
        hardware=hardware(torch.device("cpu")),
        versions={**versions(), **{name: version(name) for name in _LIBRARIES}},
        settings=settings,
        definitions=definitions,
        rows=[dataclasses.asdict(row) for row in rows],
    )


def load_average() -> float:
    """Programs that ran or wanted to, over the last minute; NaN where the system does not tell."""
    import os

    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def print_conditions(report: LiveReport) -> None:
    """Print what the figures depend on and mean."""
    for title, values in (
        ("hardware", report.hardware),
        ("versions", report.versions),
        ("settings", report.settings),
    ):
        print(f"{title}: {', '.join(f'{key} {value}' for key, value in values.items())}")
    before, after = report.load_average
    print(f"date: {report.date}, load average {before:.1f} before and {after:.1f} after, command: {report.command}")
    for name, meaning in report.definitions.items():
        print(f"{name}: {meaning}")


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of "832x480".

    Raises:
        InputError: It is no such text.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 16 and int(height) >= 16):
        raise InputError(f"Size: wanted WIDTHxHEIGHT such as 832x480, each at least 16, got {text!r}.")
    return int(width), int(height)
