"""Training curves: the rows of a run's `curve.csv`, kept straight over resumes, and drawn for a model card."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from motionstream.errors import InputError, OutputError

CURVE_FILE = "curve.csv"
_NOT_DRAWN = ("step", "seconds_per_step", "peak_memory_gib")

Curve = dict[str, Float[np.ndarray, " k"]]
"""The columns of a curve; one of them is `step`."""


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Adds a row, behind a header where the file is new; a number that is new gets a column, empty before."""
    header = _header(path)
    names = [*header, *(name for name in row if name not in header)]
    if names != header:
        _rewrite(path, names, [line + [""] * (len(names) - len(header)) for line in _rows(path)])
    with path.open("a", newline="") as file:
        csv.writer(file).writerow(f"{row[name]:.6g}" if name in row else "" for name in names)


def cut_after(path: Path, step: int) -> None:
    """Drops the rows of steps that a resumed run makes again, and a last row that was cut in the middle."""
    if not path.exists():
        return
    header = _header(path)
    at = header.index("step") if "step" in header else 0
    _rewrite(path, header, [row for row in _rows(path) if len(row) == len(header) and int(row[at]) <= step])


def _header(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return next(csv.reader(file), [])


def _rows(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def _rewrite(path: Path, header: list[str], rows: list[list[str]]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    os.replace(fresh, path)


def read_curve(path: Path) -> Curve:
    """Reads a curve; where a row lacks a number it is nan.

    Raises:
        InputError: The file is missing, or holds no rows with a `step`.
    """
    wanted = f"{path}: wanted a training curve, rows of numbers under a header with 'step'"
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        curve = {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else {})}
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{wanted}, could not read it: {error}. Give a run's folder that has one.") from error
    if "step" not in curve:
        raise InputError(f"{wanted}, got none. Train some steps first.")
    return curve


def smoothed(values: Float[np.ndarray, " k"], width: int) -> Float[np.ndarray, " k"]:
    """Returns means over up to `width` neighbours, fewer towards the ends."""
    ones = np.ones(min(width, len(values)))
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))


def draw_curves(curves: Mapping[str, Curve], picture: Path) -> Path:
    """Draws one row a run and one panel a quantity: the logged values pale, their smooth course over them.

    Args:
        curves: Title -> curve, as `read_curve` gives it.
        picture: PNG file to write.

    Returns:
        The picture's path.

    Raises:
        InputError: There is no curve, or matplotlib is not installed.
        OutputError: The picture cannot be written.
    """
    names = {title: [name for name in curve if name not in _NOT_DRAWN] for title, curve in curves.items()}
    if not curves:
        raise InputError("Wanted at least one training curve to draw, got none. Name a run's folder.")
    columns = max(map(len, names.values()))
    figure = _new_figure(3.2 * columns, 2.6 * len(curves))
    grid = figure.subplots(len(curves), columns, squeeze=False)
    for line, (title, curve) in zip(grid, curves.items(), strict=True):
        for panel in line[len(names[title]) :]:
            panel.set_visible(False)
        for panel, name in zip(line, names[title], strict=False):
            _draw_panel(panel, curve["step"], curve[name], f"{title}: {name}")
    try:
        figure.savefig(picture, dpi=110)
    except OSError as error:
        raise OutputError(f"{picture} cannot be written: {error}. Choose another path.") from error
    return picture


def _new_figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no global state
    except ImportError as error:
        raise InputError("Drawing a curve needs matplotlib: pip install matplotlib.") from error
    return Figure(figsize=(width, height), layout="constrained")


def _draw_panel(panel: Any, steps: np.ndarray, values: np.ndarray, title: str) -> None:
    steps, values = steps[np.isfinite(values)], values[np.isfinite(values)]
    panel.plot(steps, values, color="#9db8d6", linewidth=0.8)
    panel.plot(steps, smoothed(values, max(1, len(values) // 25)), color="#1f4e8c", linewidth=1.6)
    panel.set_title(title, fontsize=9)
    panel.set_xlabel("step", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.grid(alpha=0.3)
