"""Colours: what the tracks leave open, does it come out as the prompt says?

Something comes into view that frame 0 does not show. The prompt names it with its colour; the same scene is generated
with other colour words, too. A model that does not read paints one colour whatever the word is, and finds one in eight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.report import Section
from motionstream.hues import HUES
from motionstream.tracks import Tracks

NO_COLOUR = "none"
DEMANDED_KIND = "uncovered"
"""The kind whose place the tracks tell. Where something enters is left open as well as its looks: that is reported."""
CHANCE = 1 / len(HUES)
_GREY_SATURATION, _GREY_CHROMA = 0.16, 0.1
_LEAST_COLOURED = 0.25


@dataclass(frozen=True, kw_only=True, eq=False)
class ColourScene:
    """A clip in which something of a named colour comes into view.

    Attributes:
        name: For the report.
        kind: How it comes into view, such as "uncovered" or "entering"; the report has a share for each.
        image: Frame 0, RGB.
        tracks: What the model is told; no point is on what comes into view.
        prompt: Names it with its colour, once.
        colour: That word, one of `HUES`.
        last: The true last frame.
        region: Where the true last frame surely shows it.
    """

    name: str
    kind: str
    image: UInt8[np.ndarray, "h w 3"]
    tracks: Tracks
    prompt: str
    colour: str
    last: UInt8[np.ndarray, "h w 3"]
    region: Bool[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        named = len(re.findall(rf"\b{self.colour}\b", self.prompt))
        if self.colour not in HUES or named != 1 or not self.region.any():
            raise InputError(
                f"{self.name}: wanted one of {', '.join(HUES)} once in the prompt and a region to look at, got "
                f"{self.colour!r} {named} times in {self.prompt!r} and {int(self.region.sum())} pixels."
            )

    def prompt_for(self, colour: str) -> str:
        """The prompt with another colour, its article put right."""
        article = "an" if colour[0] in "aeiou" else "a"
        prompt = re.sub(rf"\ban? {self.colour}\b", f"{article} {colour}", self.prompt)
        return re.sub(rf"\b{self.colour}\b", colour, prompt)

    def asked(self, count: int, draw: np.random.Generator) -> tuple[str, ...]:
        """The true colour and others drawn at random, without those that the prompt gives to other things."""
        free = [c for c in HUES if c != self.colour and not re.search(rf"\b{c}\b", self.prompt)]
        return (self.colour, *(free[i] for i in draw.permutation(len(free))[: count - 1]))


@dataclass(frozen=True, kw_only=True)
class ColourScore:
    """One scene; the tuples have an entry for each asked colour, the true one first.

    Attributes:
        name: Of the scene.
        kind: Of the scene.
        asked: The colours.
        seen: What was seen instead or indeed.
        votes: Share of the asked colour among the coloured pixels, 0 where there are too few.
        true_seen: What the true clip shows by the same judgement.
    """

    name: str
    kind: str
    asked: tuple[str, ...]
    seen: tuple[str, ...]
    votes: tuple[float, ...]
    true_seen: str

    @property
    def share_found(self) -> float:
        """Share of the asked colours that were seen."""
        return float(np.mean([a == s for a, s in zip(self.asked, self.seen, strict=True)]))

    @property
    def true_found(self) -> float:
        """1 where the judgement is right about the true clip, else 0."""
        return float(self.true_seen == self.asked[0])


@dataclass(frozen=True, kw_only=True)
class ColoursResult:
    """All scenes.

    Attributes:
        scores: One per scene.
        demanded_share: Smallest share of the asked colours to be seen in the scenes of `DEMANDED_KIND`, or in all where
            there is none of that kind.
    """

    scores: tuple[ColourScore, ...]
    demanded_share: float

    def share_found(self, kind: str | None = None) -> Interval:
        """Share of the asked colours that were seen, over the scenes of one kind or of all."""
        return bootstrap_interval([score.share_found for score in self.scores if kind in (None, score.kind)])

    @property
    def ceiling(self) -> Interval:
        """The same on the true clips: how far the judgement can be trusted."""
        return bootstrap_interval([score.true_found for score in self.scores])

    @property
    def judged_kind(self) -> str | None:
        """The kind that the demand is made of; None is all."""
        return DEMANDED_KIND if any(score.kind == DEMANDED_KIND for score in self.scores) else None

    @property
    def passed(self) -> bool:
        """Whether as many of the asked colours are seen as demanded."""
        return self.share_found(self.judged_kind).mean >= self.demanded_share

    def section(self) -> Section:
        """The result for a report."""
        kinds = sorted({score.kind for score in self.scores})
        judged = self.judged_kind
        count = sum(len(score.asked) for score in self.scores if judged in (None, score.kind))
        each = "".join(f"; {kind} {self.share_found(kind).mean:.0%}" for kind in kinds if kind != judged)
        found = self.share_found(judged)
        return Section(
            title="Colours named in the prompt",
            passed=self.passed,
            verdict=f"{judged or 'all'}: {found.mean:.0%} [{found.low:.0%}, {found.high:.0%}] of {count} asked colours "
            f"seen (wanted {self.demanded_share:.0%}; not reading gives {CHANCE:.1%}, the true clips "
            f"{self.ceiling.mean:.0%}){each}",
            summary={
                "share_found": self.share_found(),
                "chance": CHANCE,
                "ceiling": self.ceiling,
                "votes": bootstrap_interval([float(np.mean(score.votes)) for score in self.scores]),
                **{f"share_found_{kind}": self.share_found(kind) for kind in kinds},
            },
            columns=("scene", "kind", "asked", "seen", "found", "true clip"),
            rows=tuple(
                (s.name, s.kind, " ".join(s.asked), " ".join(s.seen), s.share_found, s.true_seen) for s in self.scores
            ),
        )


def check_colours(
    generate: Generate,
    scenes: Iterable[ColourScene],
    *,
    num_asked: int = 4,
    demanded_share: float = 0.8,
    seed: int = 0,
) -> ColoursResult:
    """Generate every scene with several colour words in its prompt and see which colour comes into view.

    Args:
        generate: The model; it gets one seed for all the colours of a scene.
        scenes: Clips with something that comes into view.
        num_asked: Colours asked for in each: the true one and others.
        demanded_share: Share of the asked colours to be seen where something is uncovered.
        seed: Decides the other colours; the model gets seed + index.
    """
    scores = tuple(_score(generate, scene, num_asked, seed + index) for index, scene in enumerate(scenes))
    return ColoursResult(scores=scores, demanded_share=demanded_share)


def _score(generate: Generate, scene: ColourScene, num_asked: int, seed: int) -> ColourScore:
    asked = scene.asked(num_asked, np.random.default_rng(seed))
    judged = []
    for colour in asked:
        frames = generated(generate, scene.image, scene.tracks, scene.prompt_for(colour), seed)
        judged.append(colour_votes(frames[-1][scene.region]))
    return ColourScore(
        name=scene.name,
        kind=scene.kind,
        asked=asked,
        seen=tuple(_winner(votes) for votes in judged),
        votes=tuple(votes.get(colour, 0.0) for colour, votes in zip(asked, judged, strict=True)),
        true_seen=_winner(colour_votes(scene.last[scene.region])),
    )


def colour_votes(rgb: UInt8[np.ndarray, "n 3"]) -> dict[str, float]:
    """Share of every colour word in some pixels, grey ones left out; empty where nearly all are grey.

    A pixel votes for the nearest hue, with its chroma as weight, so that a mixture of two colours is not a third one
    and what is nearly grey counts for little.
    """
    import cv2

    hue, saturation, value = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0].T
    chroma = saturation * value
    coloured = (saturation >= _GREY_SATURATION) & (chroma >= _GREY_CHROMA)
    if coloured.mean() < _LEAST_COLOURED:
        return {}
    nearest = _away(hue[coloured]).argmin(axis=0)
    votes = np.bincount(nearest, weights=chroma[coloured], minlength=len(HUES))
    return dict(zip(HUES, (votes / votes.sum()).tolist(), strict=True))


def _away(hue: Float[np.ndarray, " n"]) -> Float[np.ndarray, "c n"]:
    """How far each hue is from the range of each word, in degrees."""
    low, high = np.array(list(HUES.values()), float).T[..., None]
    from_middle = np.abs((hue - (low + high) / 2 + 180) % 360 - 180)
    return np.asarray(np.maximum(from_middle - (high - low) / 2, 0))


def _winner(votes: dict[str, float]) -> str:
    return max(votes, key=votes.__getitem__) if votes else NO_COLOUR
