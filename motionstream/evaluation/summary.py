"""Summary: the figures of all clips of one measurement, and all that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from motionstream.errors import InputError
from motionstream.evaluation.interval import bootstrap_interval
from motionstream.evaluation.measurement import ClipRecord

SUMMARY_FILE = "summary.json"
OCCLUDED_SHARE = 0.02
"""A clip counts as one with occlusion if more than this share of its told points is hidden at some time."""

FIGURES = (
    "psnr_db",
    "ssim",
    "perceptual",
    "epe_px",
    "lost_epe_px",
    "moving_epe_px",
    "tracked",
    "still_moving_epe_px",
    "floor_epe_px",
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure over clips; NaN if it could be measured in none.

    Attributes:
        mean: Over the clips in which it could be measured.
        low: Lower end of the mean's 95 % interval (bootstrap).
        high: Upper end of it.
        median: Over the same clips.
        count: How many they are.
    """

    mean: float
    low: float
    high: float
    median: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The figure over the finite ones of some values."""
        interval = bootstrap_interval(values)
        finite = [value for value in values if np.isfinite(value)]
        median = float(np.median(finite)) if finite else float("nan")
        return cls(mean=interval.mean, low=interval.low, high=interval.high, median=median, count=interval.count)


@dataclass(frozen=True, kw_only=True)
class Row:
    """All figures over some clips.

    Attributes:
        clips: How many clips.
        figures: One `Figure` for each of `FIGURES`.
    """

    clips: int
    figures: Mapping[str, Figure]

    @classmethod
    def of(cls, records: Sequence[ClipRecord]) -> Self:
        """The figures over some records."""
        flat = [asdict(record.figures) for record in records]
        values = [{**figures, **figures["motion"]} for figures in flat]
        return cls(clips=len(records), figures={name: Figure.of([clip[name] for clip in values]) for name in FIGURES})


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A measurement of one model.

    Attributes:
        name: What tables call it.
        model: The model and its settings.
        data: What was measured on; two summaries can be compared if theirs are equal.
        all_clips: Figures over all clips.
        occlusion: Over the clips with occlusion; None if there are none, or if hidden points cannot be told from lost.
        fps: Video frames per second of generation, from tracks to pixels, the first clip left out; NaN of one clip.
        skipped: What was to be measured and could not be, and why.
        circumstances: Hardware, versions, command and date.
    """

    name: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    all_clips: Row
    occlusion: Row | None
    fps: float
    skipped: Sequence[Sequence[str]]
    circumstances: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads the summary of a result folder.

        Raises:
            InputError: There is none, or it is damaged.
        """
        path = folder / SUMMARY_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            rows = {name: _row(values[name]) for name in ("all_clips", "occlusion")}
            return cls(**{**values, **rows, "fps": _number(values["fps"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: wanted the summary of `motionstream evaluate --data ... --out {folder}`, could not read it: "
                f"{error}. Name a folder that it has written to the end."
            ) from error


def measured_on(records: Sequence[ClipRecord], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a summary says of its data: the settings, the number of clips, and a hash of which ones they are."""
    known = "\n".join("\t".join((record.name, record.source, record.caption)) for record in records)
    return {**settings, "clips": len(records), "hash": hashlib.sha256(known.encode()).hexdigest()[:16]}


def with_occlusion(records: Sequence[ClipRecord]) -> list[ClipRecord]:
    """The clips in which something covers told points."""
    return [record for record in records if record.hidden > OCCLUDED_SHARE]


def generation_fps(records: Sequence[ClipRecord]) -> float:
    """Video frames per second of generation; the first clip, which warms up, is left out."""
    seconds = sum(record.seconds for record in records[1:])
    return sum(record.num_frames for record in records[1:]) / seconds if seconds else float("nan")


def _row(values: Mapping[str, Any] | None) -> Row | None:
    if values is None:
        return None
    figures = {name: _figure(values["figures"][name]) for name in FIGURES}
    return Row(clips=values["clips"], figures=MappingProxyType(figures))


def _figure(values: Mapping[str, Any]) -> Figure:
    mean, low, high, median = (_number(values[name]) for name in ("mean", "low", "high", "median"))
    return Figure(mean=mean, low=low, high=high, median=median, count=values["count"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
