"""The results of checks as a table for people and as JSON for programs, with the circumstances they hold under."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionstream.evaluation.json_file import plain, write_json

if TYPE_CHECKING:
    from rich.console import Console

_PACKAGES = ("motionstream", "torch", "numpy", "opencv-python-headless")


@dataclass(frozen=True, kw_only=True)
class Section:
    """The outcome of one check.

    Attributes:
        title: What was checked.
        passed: Whether the demand is met.
        verdict: The measured value next to the demanded one, in one line.
        summary: Named figures over all scenes.
        columns: Names of the table's columns.
        rows: One row of values per scene.
    """

    title: str
    passed: bool
    verdict: str
    summary: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def circumstances(device: str) -> dict[str, str]:
    """Hardware, versions, command and date: without them a figure is no claim."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "device": device,
        "processor": _processor(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def as_json(sections: Iterable[Section], under: Mapping[str, str]) -> dict[str, Any]:
    """Plain values for JSON; what could not be measured is null."""
    parts = [
        {
            "title": section.title,
            "passed": section.passed,
            "verdict": section.verdict,
            "summary": dict(section.summary),
            "rows": [dict(zip(section.columns, row, strict=True)) for row in section.rows],
        }
        for section in sections
    ]
    passed = all(part["passed"] for part in parts)
    values: dict[str, Any] = plain({"passed": passed, "circumstances": dict(under), "checks": parts})
    return values


def save_report(path: str | Path, sections: Iterable[Section], under: Mapping[str, str]) -> None:
    """Write the JSON of a report.

    Raises:
        OutputError: The file cannot be written.
    """
    write_json(Path(path), as_json(sections, under))


def print_report(
    sections: Iterable[Section], under: Mapping[str, str], console: Console | None = None, *, max_rows: int = 12
) -> None:
    """Print a table per check, cut to `max_rows` rows, and then the verdicts."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    parts = list(sections)
    for section in parts:
        console.print(_table(section, max_rows))
    for section in parts:
        mark = Text("met" if section.passed else "NOT MET", style="green" if section.passed else "bold red")
        console.print(Text.assemble(mark, f"  {section.title}: {section.verdict}"))
    console.print(Text("; ".join(f"{name} {value}" for name, value in under.items()), style="dim"))


def _table(section: Section, max_rows: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    left_out = len(section.rows) - max_rows
    table = Table(title=Text(section.title), caption=f"and {left_out} more" if left_out > 0 else None)
    for index, column in enumerate(section.columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in section.rows[:max_rows]:
        table.add_row(*(Text(_shown(value)) for value in row))
    return table


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
