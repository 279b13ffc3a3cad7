"""Two drags of one picture: does each video follow its own drag and not merely some motion?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.drag import Drag
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import bootstrap_interval
from motionstream.evaluation.report import Section
from motionstream.streaming.retracking import retrack, trackable


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoDrags:
    """One picture and two drags of the same points in it.

    Attributes:
        name: For the report.
        image: RGB, uint8 [h, w, 3].
        prompt: What the picture shows.
        drags: The two motions; their dragged points start at the same places.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    prompt: str
    drags: tuple[Drag, Drag]

    def __post_init__(self) -> None:
        first, second = (drag.tracks.xy[:, drag.dragged] for drag in self.drags)
        if first.shape != second.shape or not np.allclose(first[0], second[0]):
            raise InputError(f"Two drags of {self.name}: wanted the same points over as many frames in both.")


@dataclass(frozen=True, kw_only=True)
class TwoDragsScore:
    """One picture, with a figure for each of its two videos; NaN if no dragged point could be followed in it.

    Attributes:
        name: Of the picture.
        own_px: Mean distance of the re-tracked points from the drag that was asked for, as long as they are followed.
        other_px: Mean distance of the same points from the other drag.
        tracked: Share of the points, over all frames until something covers them, that were followed; NaN if the
            picture is too flat to follow any.
    """

    name: str
    own_px: tuple[float, float]
    other_px: tuple[float, float]
    tracked: tuple[float, float]

    @property
    def ratio(self) -> float:
        """Error to the own drag over error to the other one: 0 follows exactly, 1 does not care."""
        return _ratio(self.own_px, self.other_px)


@dataclass(frozen=True, kw_only=True)
class TwoDragsResult:
    """All pictures.

    Attributes:
        scores: One per picture.
        demanded_ratio: Largest ratio that was asked for.
        demanded_tracked: Smallest share of points to be followed, so that a spoilt picture cannot pass.
    """

    scores: tuple[TwoDragsScore, ...]
    demanded_ratio: float
    demanded_tracked: float

    @property
    def ratio(self) -> float:
        """Summed error to the own drag over summed error to the other one, over all videos."""
        return _ratio(
            [own for score in self.scores for own in score.own_px],
            [other for score in self.scores for other in score.other_px],
        )

    @property
    def tracked(self) -> float:
        """Mean share of followed points over all videos of pictures that can be followed at all."""
        shares = [share for score in self.scores for share in score.tracked if np.isfinite(share)]
        return float(np.mean(shares)) if shares else 0.0

    @property
    def share_passed(self) -> float:
        """Share of the single videos that meet the demanded ratio on their own."""
        videos = [
            _ratio([own], [other]) <= self.demanded_ratio
            for score in self.scores
            for own, other, share in zip(score.own_px, score.other_px, score.tracked, strict=True)
            if np.isfinite(share)
        ]
        return float(np.mean(videos)) if videos else 0.0

    @property
    def passed(self) -> bool:
        """Whether the ratio over all videos is as small as asked, measured on as many points as asked."""
        return self.ratio <= self.demanded_ratio and self.tracked >= self.demanded_tracked

    def section(self) -> Section:
        """The result for a report."""
        each = bootstrap_interval([score.ratio for score in self.scores])
        return Section(
            title="Two drags of one picture",
            passed=self.passed,
            verdict=f"error to the own drag is {self.ratio:.2f} of that to the other one over {each.count} of "
            f"{len(self.scores)} pictures (wanted at most {self.demanded_ratio:.2f}) with {self.tracked:.0%} of the "
            f"points followed (wanted {self.demanded_tracked:.0%}); {self.share_passed:.0%} of the single videos do so",
            summary={
                "ratio": self.ratio,
                "mean_of_ratios": each,
                "tracked": self.tracked,
                "share_passed": self.share_passed,
            },
            columns=("picture", "own 1 px", "own 2 px", "other 1 px", "other 2 px", "ratio", "tracked 1", "tracked 2"),
            rows=tuple((s.name, *s.own_px, *s.other_px, s.ratio, *s.tracked) for s in self.scores),
        )


def check_two_drags(
    generate: Generate,
    scenes: Iterable[TwoDrags],
    *,
    demanded_ratio: float = 1 / 3,
    demanded_tracked: float = 0.5,
    seed: int = 0,
) -> TwoDragsResult:
    """Generate both drags of every picture with the same seed, re-track the dragged points and compare.

    Counted are frames 1 and later, for each point until its own drag first says that it is hidden or outside.
    """
    scores = tuple(_score(generate, scene, seed + index) for index, scene in enumerate(scenes))
    return TwoDragsResult(scores=scores, demanded_ratio=demanded_ratio, demanded_tracked=demanded_tracked)


def _score(generate: Generate, scene: TwoDrags, seed: int) -> TwoDragsScore:
    size = np.array([scene.image.shape[1], scene.image.shape[0]])
    wanted = [drag.tracks.xy[:, drag.dragged] * size for drag in scene.drags]
    usable = trackable(scene.image, wanted[0][0])
    videos = []
    for drag, own, other in zip(scene.drags, wanted, reversed(wanted), strict=True):
        counted = np.logical_and.accumulate(drag.tracks.visible[:, drag.dragged]) & usable
        counted[0] = False  # both start there
        if not counted.any():
            videos.append((float("nan"),) * 3)
            continue
        seen = retrack(generated(generate, scene.image, drag.tracks, scene.prompt, seed), own[0])
        followed = counted & seen.valid
        videos.append(
            (
                _distance(seen.positions_px, own, followed),
                _distance(seen.positions_px, other, followed),
                float(seen.valid[counted].mean()),
            )
        )
    (own_1, other_1, tracked_1), (own_2, other_2, tracked_2) = videos
    return TwoDragsScore(
        name=scene.name, own_px=(own_1, own_2), other_px=(other_1, other_2), tracked=(tracked_1, tracked_2)
    )


def _ratio(own: Iterable[float], other: Iterable[float]) -> float:
    """Sum over sum, over what could be measured."""
    pairs = [pair for pair in zip(own, other, strict=True) if np.isfinite(pair).all()]
    total = sum(distance for _, distance in pairs)
    return sum(distance for distance, _ in pairs) / total if total > 0 else float("nan")


def _distance(a: Float[np.ndarray, "t n 2"], b: Float[np.ndarray, "t n 2"], counted: Bool[np.ndarray, "t n"]) -> float:
    return float(np.linalg.norm(a - b, axis=-1)[counted].mean()) if counted.any() else float("nan")
