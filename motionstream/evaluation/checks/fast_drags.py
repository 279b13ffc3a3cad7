"""Fast drags: implausible motion is followed or at least spoils nothing.

One thing of a picture is dragged in several manners: calmly, much faster than a thing moves in training, by a trembling
hand, with frames in which nothing is known, and beginning late. At such speeds re-tracking fails; instead the thing's
own pixels are looked for around the place where the drag has ended (normalised cross-correlation).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.drag import background_points
from motionstream.evaluation.generation import Generate, generated
from motionstream.evaluation.interval import Interval, bootstrap_interval
from motionstream.evaluation.report import Section
from motionstream.tracks import Tracks

_START = 4  # first video frame after which a drag moves
_SEARCH_WIDTHS = 0.15
_EDGE_PX = 3  # what is around a thing may change with it


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a thing is dragged; lengths are in widths of the picture.

    Attributes:
        name: For the report.
        length: Of the whole way.
        frames: Video frames from its start to its end; afterwards the thing rests.
        jitter: Standard deviation of a Gaussian that is added to every point in every frame.
        unseen: Share of the frames in which no dragged point is seen.
        late: Video frame in which the dragged points are seen first; the drag starts then.
    """

    name: str
    length: float
    frames: int
    jitter: float = 0.0
    unseen: float = 0.0
    late: int = 0

    @property
    def end(self) -> int:
        """Video frame in which the drag has arrived."""
        return max(_START, self.late) + self.frames


CALM = Manner(name="calm", length=0.3, frames=24)
MANNERS = (
    Manner(name="0.15 widths in 4 frames", length=0.15, frames=4),
    Manner(name="0.3 widths in 4 frames", length=0.3, frames=4),
    Manner(name="0.6 widths in 4 frames", length=0.6, frames=4),
    Manner(name="jitter of 1 %", length=0.3, frames=24, jitter=0.01),
    Manner(name="jitter of 2 %", length=0.3, frames=24, jitter=0.02),
    Manner(name="30 % unseen", length=0.3, frames=24, unseen=0.3),
    Manner(name="fast, 30 % unseen", length=0.3, frames=4, unseen=0.3),
    Manner(name="late", length=0.3, frames=16, late=12),
)
"""Things move by up to about 0.04 widths a frame in training, so by 0.16 in 4 frames."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FastDrag:
    """A picture with a thing to drag.

    Attributes:
        name: For the report.
        image: RGB.
        prompt: What the picture shows.
        region: What the thing covers.
        points_xy: Normalised positions on the thing.
        heading: Unit vector of the drag, to the right and downwards; the thing stays inside over the longest way.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    prompt: str
    region: Bool[np.ndarray, "h w"]
    points_xy: Float[np.ndarray, "n 2"]
    heading: tuple[float, float]

    def __post_init__(self) -> None:
        if not len(self.points_xy) or not self.region.any() or self.image[self.region].std() < 1:
            raise InputError(f"{self.name}: wanted points on a thing with some contrast. Choose another thing.")


@dataclass(frozen=True, kw_only=True)
class FastDragScore:
    """One picture dragged in one manner.

    Attributes:
        name: Of the picture.
        manner: Of the drag.
        arrival_px: Distance of the thing from where it is to be, in the frame in which the drag ends.
        error_px: The same in the last frame, after a rest.
        likeness: How well the thing's pixels are found again in the last frame: correlation, 1 is exactly.
        change: Mean absolute change of the picture, of 255, outside the thing's old and new place in the last frame.
        calm_change: What the calm drag of the same picture changes outside.
    """

    name: str
    manner: str
    arrival_px: float
    error_px: float
    likeness: float
    change: float
    calm_change: float


@dataclass(frozen=True, kw_only=True)
class FastDragsResult:
    """All pictures in all manners.

    Attributes:
        scores: Picture by picture, the calm drag first.
        error_limit_px: Largest error of the thing's last place.
        least_likeness: Smallest correlation with the thing in the picture.
        change_limit: How much more than the calm drag may change outside, of 255.
        demanded_share: Smallest share, in each manner, of the videos that are within all three.
    """

    scores: tuple[FastDragScore, ...]
    error_limit_px: float
    least_likeness: float
    change_limit: float
    demanded_share: float

    def holds(self, score: FastDragScore) -> bool:
        """Whether one video is within the limits."""
        return (
            score.error_px <= self.error_limit_px
            and score.likeness >= self.least_likeness
            and score.change - score.calm_change <= self.change_limit
        )

    def of(self, manner: str) -> tuple[FastDragScore, ...]:
        """The scores of one manner."""
        return tuple(score for score in self.scores if score.manner == manner)

    def share_held(self, manner: str) -> Interval:
        """Share of the pictures whose video of one manner is within the limits."""
        return bootstrap_interval([float(self.holds(score)) for score in self.of(manner)])

    @property
    def manners(self) -> tuple[str, ...]:
        """All manners, the calm one first."""
        return tuple(dict.fromkeys(score.manner for score in self.scores))

    @property
    def share(self) -> float:
        """Share of all videos but the calm ones that are within the limits."""
        return float(np.mean([self.holds(s) for s in self.scores if s.manner != CALM.name])) if self.scores else 0.0

    @property
    def passed(self) -> bool:
        """Whether in every manner as many videos are within the limits as asked; a mean would hide a weak one."""
        return bool(self.scores) and self.share_held(self.worst).mean >= self.demanded_share

    @property
    def worst(self) -> str:
        """The manner in which fewest videos are within the limits."""
        return min(self.manners, key=lambda name: self.share_held(name).mean, default="none")

    def _median(self, manner: str, figure: str) -> float:
        return float(np.median([getattr(score, figure) for score in self.of(manner)]))

    def section(self) -> Section:
        """The result for a report: a row for every manner, medians over the pictures."""
        figures = ("arrival_px", "error_px", "likeness", "change")
        rows = [
            (name, *(self._median(name, figure) for figure in figures), self.share_held(name).mean)
            for name in self.manners
        ]
        return Section(
            title="Fast and broken drags",
            passed=self.passed,
            verdict=f"{self.share:.0%} of {sum(s.manner != CALM.name for s in self.scores)} videos hold, fewest with "
            f"{self.worst}: {self.share_held(self.worst).mean:.0%} (wanted {self.demanded_share:.0%} with each): the "
            f"thing within {self.error_limit_px:g} px of the drag's end and alike by {self.least_likeness:g}, the rest "
            f"changed by at most {self.change_limit:g} of 255 more than by a calm drag",
            summary={"share": self.share, **{name: self.share_held(name) for name in self.manners}},
            columns=("manner", "arrival px", "error px", "likeness", "change", "held"),
            rows=tuple(rows),
        )


def check_fast_drags(
    generate: Generate,
    scenes: Iterable[FastDrag],
    *,
    manners: Sequence[Manner] = MANNERS,
    num_frames: int = 33,
    error_limit_px: float = 4.0,
    least_likeness: float = 0.5,
    change_limit: float = 2.0,
    demanded_share: float = 0.8,
    seed: int = 0,
) -> FastDragsResult:
    """Drag every picture calmly and in each manner, and look for the thing and for changes elsewhere.

    Raises:
        InputError: A drag does not end within `num_frames`, or a thing has no contrast.
    """
    slow = [manner.name for manner in (CALM, *manners) if manner.end >= num_frames]
    if slow:
        raise InputError(f"Fast drags: wanted drags within {num_frames} frames, got longer: {', '.join(slow)}.")
    scores: list[FastDragScore] = []
    for index, scene in enumerate(scenes):
        scores += _scores(generate, scene, manners, num_frames, seed + index)
    return FastDragsResult(
        scores=tuple(scores),
        error_limit_px=error_limit_px,
        least_likeness=least_likeness,
        change_limit=change_limit,
        demanded_share=demanded_share,
    )


def told(scene: FastDrag, manner: Manner, num_frames: int, draw: np.random.Generator) -> Tracks:
    """The tracks of a drag: the thing's points as the manner says, and points that pin the background."""
    height, width = scene.image.shape[:2]
    part = np.clip((np.arange(num_frames) - manner.end + manner.frames) / manner.frames, 0, 1)
    vector = manner.length * np.array(scene.heading) * (1, width / height)
    way = scene.points_xy + part[:, None, None] * vector
    noise = draw.normal(0, manner.jitter, way.shape) * (1, width / height)
    noise[0] = 0  # the picture is given
    pinned = background_points(way, height=height, width=width)
    seen = np.arange(num_frames) >= manner.late
    dropped = draw.permutation(np.arange(1, num_frames - 1))[: round(manner.unseen * num_frames)]
    seen[dropped] = False
    xy = np.concatenate([way + noise, np.broadcast_to(pinned, (num_frames, *pinned.shape))], axis=1)
    dragged = np.arange(xy.shape[1]) < len(scene.points_xy)
    visible = np.where(dragged, seen[:, None], True)
    return Tracks(ids=np.arange(xy.shape[1]), xy=xy.astype(np.float32), visible=visible)


def _scores(
    generate: Generate, scene: FastDrag, manners: Sequence[Manner], num_frames: int, seed: int
) -> list[FastDragScore]:
    scores: list[FastDragScore] = []
    for manner in (CALM, *manners):
        tracks = told(scene, manner, num_frames, np.random.default_rng(seed))
        frames = generated(generate, scene.image, tracks, scene.prompt, seed)
        way_px = manner.length * np.array(scene.heading) * scene.image.shape[1]
        error, likeness = _found(frames[-1], scene, way_px)
        change = _change(frames[-1], scene, way_px)
        scores.append(
            FastDragScore(
                name=scene.name,
                manner=manner.name,
                arrival_px=_found(frames[manner.end], scene, way_px)[0],
                error_px=error,
                likeness=likeness,
                change=change,
                calm_change=scores[0].change if scores else change,
            )
        )
    return scores


def _found(frame: UInt8[np.ndarray, "h w 3"], scene: FastDrag, way_px: Float[np.ndarray, " 2"]) -> tuple[float, float]:
    """How far from the wanted place the thing's pixels are found, and their correlation there."""
    rows, columns = np.nonzero(scene.region)
    looks = _standardised(scene.image[rows, columns].reshape(1, -1))[0]
    reach = int(_SEARCH_WIDTHS * frame.shape[1])
    near = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(near, near), axis=-1).reshape(-1, 2) + np.rint(way_px).astype(int)
    height, width = scene.region.shape
    low, high = (-columns.min(), -rows.min()), (width - 1 - columns.max(), height - 1 - rows.max())
    shifts = shifts[((shifts >= low) & (shifts <= high)).all(axis=1)]
    there = frame[rows + shifts[:, 1:], columns + shifts[:, :1]].reshape(len(shifts), -1)
    likeness = _standardised(there) @ looks
    best = int(likeness.argmax())
    return float(np.linalg.norm(shifts[best] - way_px)), float(likeness[best])


def _standardised(values: UInt8[np.ndarray, "n p"]) -> Float[np.ndarray, "n p"]:
    """Rows with mean 0 and length 1, so that their product is a correlation; a flat row is 0."""
    centred = values - values.mean(axis=1, keepdims=True, dtype=np.float32)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6))


def _change(frame: UInt8[np.ndarray, "h w 3"], scene: FastDrag, way_px: Float[np.ndarray, " 2"]) -> float:
    import cv2

    height, width = scene.region.shape
    there = np.array([[1, 0, way_px[0]], [0, 1, way_px[1]]])
    old = scene.region.astype(np.uint8)
    both = np.maximum(old, cv2.warpAffine(old, there, (width, height), flags=cv2.INTER_NEAREST))
    around = np.ones((2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1), np.uint8)
    outside = cv2.dilate(both, around) == 0
    return float(np.abs(frame[outside].astype(np.float32) - scene.image[outside]).mean())
