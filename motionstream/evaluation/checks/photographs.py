"""Photographs: does what is dragged come along, and does the rest stay?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.drag import Drag
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.report import Section
from motionstream.streaming.retracking import Retracked, retrack, trackable


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """A picture, a drag in it, and a region that is to stay.

    Attributes:
        name: For the report.
        image: RGB, uint8 [h, w, 3].
        prompt: What the picture shows.
        drag: What the model is told.
        far_xy: Normalised positions, float [m, 2], of points far from the drag that are to stay.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    prompt: str
    drag: Drag
    far_xy: Float[np.ndarray, "m 2"]

    def __post_init__(self) -> None:
        way = self.drag.tracks.xy[-1] - self.drag.tracks.xy[0]
        if not (np.linalg.norm(way, axis=-1) > 0)[self.drag.dragged].all():
            raise InputError(f"{self.name}: wanted a drag that ends elsewhere than it starts. Give it a length.")


@dataclass(frozen=True, kw_only=True)
class PhotographScore:
    """One photograph.

    Attributes:
        name: Of the photograph.
        demanded_px: Length of the demanded motion.
        followed: Median over the dragged points of the motion along the drag at the end, as a part of the demanded.
        far_px: Median over the far points of the largest distance from their start at any time.
        dragged_kept: Share of the dragged points that were followed to the end.
        far_kept: Share of the far points that were followed to the end.
    """

    name: str
    demanded_px: float
    followed: float
    far_px: float
    dragged_kept: float
    far_kept: float


@dataclass(frozen=True, kw_only=True)
class PhotographsResult:
    """All photographs.

    Attributes:
        scores: One per photograph.
        demanded_part: Smallest part of the demanded motion to ask for.
        far_limit_px: Motion of the far region to stay below.
    """

    scores: tuple[PhotographScore, ...]
    demanded_part: float
    far_limit_px: float

    def meets(self, score: PhotographScore) -> bool:
        """Whether one photograph is as asked."""
        return score.followed >= self.demanded_part and score.far_px < self.far_limit_px

    @property
    def passed(self) -> bool:
        """Whether every photograph is as asked."""
        return bool(self.scores) and all(map(self.meets, self.scores))

    def section(self) -> Section:
        """The result for a report."""
        least = min((score.followed for score in self.scores), default=float("nan"))
        most = max((score.far_px for score in self.scores), default=float("nan"))
        met = sum(map(self.meets, self.scores))
        return Section(
            title="Photographs",
            passed=self.passed,
            verdict=f"{met} of {len(self.scores)} as wanted: the dragged region moves by at least {least:.0%} of the "
            f"drag (wanted {self.demanded_part:.0%}), the far one by at most {most:.2f} px "
            f"(wanted under {self.far_limit_px:g})",
            summary={"met": met, "count": len(self.scores), "least_followed": least, "most_far_px": most},
            columns=("photograph", "drag px", "followed", "far px", "dragged kept", "far kept", "met"),
            rows=tuple(
                (s.name, s.demanded_px, s.followed, s.far_px, s.dragged_kept, s.far_kept, self.meets(s))
                for s in self.scores
            ),
        )


def check_photographs(
    generate: Generate,
    photographs: Iterable[Photograph],
    *,
    demanded_part: float = 0.5,
    far_limit_px: float = 3.0,
    seed: int = 0,
) -> PhotographsResult:
    """Generate every photograph's drag and re-track the dragged and the far points.

    Raises:
        InputError: In a photograph one of the two regions has no texture to follow.
    """
    scores = tuple(_score(generate, photograph, seed + index) for index, photograph in enumerate(photographs))
    return PhotographsResult(scores=scores, demanded_part=demanded_part, far_limit_px=far_limit_px)


def _score(generate: Generate, photograph: Photograph, seed: int) -> PhotographScore:
    image, drag = photograph.image, photograph.drag
    size = np.array([image.shape[1], image.shape[0]])
    wanted = drag.tracks.xy[:, drag.dragged] * size
    far = photograph.far_xy * size
    usable, far_usable = trackable(image, wanted[0]), trackable(image, far)
    for what, points in (("dragged", usable), ("far", far_usable)):
        if not points.any():
            raise InputError(f"{photograph.name}: wanted texture in the {what} region, got none. Choose another place.")
    frames = generated(generate, image, drag.tracks, photograph.prompt, seed)
    moved, stayed = retrack(frames, wanted[0][usable]), retrack(frames, far[far_usable])
    demand = (wanted[-1] - wanted[0])[usable]
    return PhotographScore(
        name=photograph.name,
        demanded_px=float(np.linalg.norm(demand, axis=-1).mean()),
        followed=float(np.median(_part_followed(moved, demand))),
        far_px=float(np.median(_largest_motion(stayed))),
        dragged_kept=_kept(moved.valid),
        far_kept=_kept(stayed.valid),
    )


def _part_followed(seen: Retracked, demand: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """Motion along the demanded one, as a part of it; a lost point has come as far as it was seen."""
    moved = seen.positions_px[-1] - seen.positions_px[0]
    return np.asarray((moved * demand).sum(axis=-1) / (demand * demand).sum(axis=-1))


def _largest_motion(seen: Retracked) -> Float[np.ndarray, " n"]:
    return np.asarray(np.linalg.norm(seen.positions_px - seen.positions_px[:1], axis=-1).max(axis=0))


def _kept(valid: Bool[np.ndarray, "t n"]) -> float:
    return float(valid[-1].mean())
