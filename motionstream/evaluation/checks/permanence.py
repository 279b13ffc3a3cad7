"""Permanence: what goes behind something is hidden there, and comes out again as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.report import Section
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True, eq=False)
class BehindScene:
    """A clip in which a thing passes behind another one, the screen.

    Attributes:
        name: For the report.
        image: Frame 0, RGB; it shows the thing, the screen and, where the thing will come out, the background.
        tracks: What the model is told; the thing's points are hidden on their way behind the screen.
        prompt: What the clip shows.
        last: The true last frame, which shows the thing again.
        region: Where the last frame surely shows the thing.
        screen: Where frame 0 shows the screen.
        hidden_frame: Index of a frame in which the screen hides the thing.
        hidden_region: Where the thing then is, behind the screen.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    tracks: Tracks
    prompt: str
    last: UInt8[np.ndarray, "h w 3"]
    region: Bool[np.ndarray, "h w"]
    screen: Bool[np.ndarray, "h w"]
    hidden_frame: int
    hidden_region: Bool[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        if not (self.region.any() and self.screen.any() and self.hidden_region.any()):
            raise InputError(f"{self.name}: wanted a thing, a screen and a place behind it, got an empty region.")

    @property
    def thing_lab(self) -> Float[np.ndarray, " 3"]:
        """Mean colour of the thing."""
        return mean_lab(self.last[self.region])

    @property
    def screen_lab(self) -> Float[np.ndarray, " 3"]:
        """Mean colour of the screen."""
        return mean_lab(self.image[self.screen])

    @property
    def background_lab(self) -> Float[np.ndarray, " 3"]:
        """Mean colour of what frame 0 shows where the thing comes out."""
        return mean_lab(self.image[self.region])

    @property
    def contrast(self) -> float:
        """How far the thing's colour is from the nearer of the screen's and the background's, in Lab."""
        return min(_apart(self.thing_lab, other) for other in (self.screen_lab, self.background_lab))


@dataclass(frozen=True, kw_only=True)
class BehindScore:
    """One scene; distances are of mean colours in CIE Lab.

    Attributes:
        name: Of the scene.
        distance: From the thing's colour, in the last frame where the thing is to be.
        contrast: From the thing's colour to the nearer of the screen's and the background's.
        hidden: Whether the screen, not the thing, is seen where the screen hides the thing.
    """

    name: str
    distance: float
    contrast: float
    hidden: bool

    @property
    def returned(self) -> bool:
        """Whether the thing is seen again: nearer to its colour than half the way to any other that could be there."""
        return self.distance < self.contrast / 2


@dataclass(frozen=True, kw_only=True)
class PermanenceResult:
    """All scenes.

    Attributes:
        scores: One per scene.
        demanded_share: Smallest share of scenes in which the thing is hidden and in which it returns.
    """

    scores: tuple[BehindScore, ...]
    demanded_share: float

    @property
    def returned(self) -> Interval:
        """Share of the scenes in which the thing is seen again."""
        return bootstrap_interval([float(score.returned) for score in self.scores])

    @property
    def hidden(self) -> Interval:
        """Share of the scenes in which the screen hides the thing."""
        return bootstrap_interval([float(score.hidden) for score in self.scores])

    @property
    def passed(self) -> bool:
        """Whether both shares are as large as asked."""
        return min(self.returned.mean, self.hidden.mean) >= self.demanded_share

    def section(self) -> Section:
        """The result for a report."""
        returned, hidden = self.returned, self.hidden
        return Section(
            title="Behind another thing and out again",
            passed=self.passed,
            verdict=f"the thing returns in {returned.mean:.0%} [{returned.low:.0%}, {returned.high:.0%}] of "
            f"{returned.count} scenes and is hidden before that in {hidden.mean:.0%} "
            f"(wanted {self.demanded_share:.0%} each)",
            summary={"returned": returned, "hidden": hidden},
            columns=("scene", "distance", "contrast", "returned", "hidden"),
            rows=tuple((s.name, s.distance, s.contrast, s.returned, s.hidden) for s in self.scores),
        )


def check_permanence(
    generate: Generate, scenes: Iterable[BehindScene], *, demanded_share: float = 0.8, seed: int = 0
) -> PermanenceResult:
    """Generate every scene and look for the thing where it is hidden and where it has come out again.

    Run it with two models to compare them, such as one that is told of hidden points and one that is not.
    """
    scores = tuple(_score(generate, scene, seed + index) for index, scene in enumerate(scenes))
    return PermanenceResult(scores=scores, demanded_share=demanded_share)


def _score(generate: Generate, scene: BehindScene, seed: int) -> BehindScore:
    frames = generated(generate, scene.image, scene.tracks, scene.prompt, seed)
    behind = mean_lab(frames[scene.hidden_frame][scene.hidden_region])
    return BehindScore(
        name=scene.name,
        distance=_apart(mean_lab(frames[-1][scene.region]), scene.thing_lab),
        contrast=scene.contrast,
        hidden=_apart(behind, scene.screen_lab) < _apart(behind, scene.thing_lab),
    )


def mean_lab(rgb: UInt8[np.ndarray, "n 3"]) -> Float[np.ndarray, " 3"]:
    """Mean colour of some pixels in CIE Lab, in which equal distances look about equally large."""
    import cv2

    lab = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    return np.asarray(lab.mean(axis=0, dtype=np.float64))


def _apart(a: Float[np.ndarray, " 3"], b: Float[np.ndarray, " 3"]) -> float:
    return float(np.linalg.norm(a - b))
