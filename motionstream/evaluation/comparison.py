"""Comparison: the summaries of several models, measured on the same data, as one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from motionstream.errors import InputError
from motionstream.evaluation.summary import Figure, Row, Summary

_COLUMNS = {
    "psnr_db": ("PSNR dB", 2),
    "ssim": ("SSIM", 3),
    "perceptual": ("perceptual", 3),
    "epe_px": ("EPE px", 2),
    "lost_epe_px": ("EPE with lost px", 2),
    "moving_epe_px": ("moving EPE px", 2),
    "tracked": ("tracked", 2),
}

_READING = (
    "EPE is over the told points that the tracker could follow in what was made (`tracked`: their share); with lost, a "
    "lost point rests where it was seen last. `perceptual` stands in for LPIPS and is none. FPS: video frames per "
    "second of generation, without the first clip."
)


def check_same_data(summaries: Sequence[Summary]) -> None:
    """Refuse summaries whose figures cannot be compared.

    Raises:
        InputError: There are none, or two were not measured on the same clips in the same way.
    """
    if not summaries:
        raise InputError("Comparison: wanted at least one summary, got none. Name the folders of some.")
    first = summaries[0]
    for other in summaries[1:]:
        keys = [*first.data, *(key for key in other.data if key not in first.data)]
        differing = [key for key in keys if first.data.get(key) != other.data.get(key)]
        if differing:
            words = "; ".join(f"{key}: {first.data.get(key)} and {other.data.get(key)}" for key in differing)
            raise InputError(
                f"Comparison: wanted summaries measured on the same data, {first.name!r} and {other.name!r} differ in "
                f"{words}. Measure them with the same flags."
            )


def markdown(summaries: Sequence[Summary]) -> str:
    """A table with a row for each model, one more for the clips with occlusion, and what the figures depend on.

    Raises:
        InputError: The summaries cannot be compared.
    """
    check_same_data(summaries)
    parts = [_table([(summary, summary.all_clips) for summary in summaries])]
    occluded = [(summary, summary.occlusion) for summary in summaries if summary.occlusion is not None]
    if occluded:
        parts += [f"Clips with occlusion ({occluded[0][1].clips}):", _table(occluded)]
    parts.append(f"Means with 95 % intervals. Measured on: {_in_words(summaries[0].data)}.")
    parts.append("\n".join(f"- {s.name}: {_in_words(s.model)}; {_in_words(s.circumstances)}" for s in summaries))
    parts.append(_READING)
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[tuple[Summary, Row]]) -> str:
    titles = ["model", "clips", *(title for title, _ in _COLUMNS.values()), "FPS"]
    lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
    for summary, row in rows:
        figures = [_cell(row.figures[name], digits) for name, (_, digits) in _COLUMNS.items()]
        fps = "" if math.isnan(summary.fps) else f"{summary.fps:.1f}"
        lines.append(_line([summary.name.replace("|", "\\|"), str(row.clips), *figures, fps]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(figure: Figure, digits: int) -> str:
    if not figure.count:
        return ""
    return f"{figure.mean:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _in_words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
