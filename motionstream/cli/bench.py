"""`motionstream bench`: how fast a checkpoint streams on this machine, with all that such a figure must carry."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.errors import InputError, OutputError

if TYPE_CHECKING:
    from motionstream.streaming.benchmark import BenchmarkReport
    from motionstream.streaming.engine import StreamEngine


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how fast a checkpoint streams, stage by stage."""

    checkpoint: str | None = None
    """A checkpoint folder or hub id; by default the embedded one."""
    chunks: int = 50
    """Chunks that are measured after the warm-up."""
    long: int = 0
    """Measure so many chunks in one stream, such as 1000, and tell whether their time grows."""
    points: int = 400
    """About how many points move."""
    threads: int | None = None
    """CPU threads; by default torch's choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""
    compile: bool = False
    """Compile the network first."""
    json: Path | None = None
    """Also write the report to this JSON file."""

    def run(self) -> int:
        """Measure, print and write the report."""
        for flag, value, least in (("chunks", self.chunks, 1), ("long", self.long, 0), ("points", self.points, 0)):
            if value < least:
                raise InputError(f"--{flag}: wanted at least {least}, got {value}.")
        report = self._measured(self._engine())
        _print(report)
        if self.json is not None:
            _write(self.json, report)
        return 0

    def _engine(self) -> StreamEngine:
        import torch

        from motionstream.streaming.engine import StreamEngine

        if self.threads is not None:
            if self.threads < 1:
                raise InputError(f"--threads: wanted at least 1, got {self.threads}.")
            torch.set_num_threads(self.threads)
        return StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype, compile=self.compile)

    def _measured(self, engine: StreamEngine) -> BenchmarkReport:
        from rich.progress import Progress

        from motionstream.streaming.benchmark import measure

        with Progress(console=notes(), transient=True) as progress:
            task = progress.add_task("measuring", total=max(self.chunks, self.long))
            return measure(
                engine,
                num_chunks=self.chunks,
                num_long=self.long,
                num_points=self.points,
                on_chunk=lambda _: progress.advance(task),
            )


def _print(report: BenchmarkReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from motionstream.streaming.benchmark import FPS_DEFINITION

    for title, values in (
        ("hardware", report.hardware),
        ("versions", report.versions),
        ("settings", report.settings),
    ):
        print(f"{title}: {_in_words(values)}")
    print(f"date: {report.date}, command: {_command()}")
    table = Table("stage", "median ms", "10%..90% ms", "share", box=None, padding=(0, 2, 0, 0))
    total = report.stages["total"].median_ms
    for stage, spread in report.stages.items():
        middle, around = f"{spread.median_ms:.1f}", f"{spread.low_ms:.1f}..{spread.high_ms:.1f}"
        table.add_row(stage.replace("_", " "), middle, around, f"{spread.median_ms / total:.0%}")
    Console(highlight=False).print(table)
    print(f"{report.fps:.1f} frames per second end to end: {FPS_DEFINITION}")
    print(_trend_in_words(report))


def _trend_in_words(report: BenchmarkReport) -> str:
    trend = report.trend
    if trend is None:
        return "trend: not measured; run with --long 1000"
    verdict = "no trend" if trend.is_flat else "a trend"
    share = trend.slope_ms / report.stages["total"].median_ms
    return (
        f"trend over {trend.num_chunks} chunks: {trend.slope_ms:+.2f} ms per 1,000 chunks "
        f"(95% {trend.low_ms:+.2f}..{trend.high_ms:+.2f}; {share:+.1%} of a chunk): {verdict}"
    )


def _in_words(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} ({_in_words(value)})" if isinstance(value, dict) else f"{key} {value}" for key, value in values.items()
    )


def _command() -> str:
    return shlex.join(["motionstream", *sys.argv[1:]])


def _write(path: Path, report: BenchmarkReport) -> None:
    text = json.dumps({**report.to_json(), "command": _command()}, indent=2) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path}: the report could not be written: {error.strerror or error}. Choose another path."
        ) from error
