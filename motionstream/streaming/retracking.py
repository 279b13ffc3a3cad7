"""Points followed through finished frames, to learn the motion that a video really has.

Pyramidal Lucas-Kanade (Bouguet 2001, OpenCV's implementation), made for small frames: they are enlarged first, every
step is checked forwards and backwards, and each point is pulled back to its look in frame 0 wherever that still
matches, so that small errors do not add up over the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from motionstream.errors import InputError

_ITERATIONS = (20, 0.01)  # at most so many, and until a step is shorter than so many enlarged pixels
_CV2_EIGENVALUE = 1024.0  # OpenCV's minimal eigenvalue is the squared gradient divided by this


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """How points are followed; lengths are in pixels of the given frames.

    Attributes:
        enlargement: Factor by which frames are enlarged before they are matched.
        window_px: Side of the window that is matched around a point.
        levels: Pyramid levels above the full size; each doubles the largest step that can be followed.
        round_trip_px: Largest error of going to the next frame and back.
        anchor_px: How far the match with frame 0 may move a point.
        anchor_difference: Largest mean difference of grey values (of 255) at which frame 0 still matches.
        lost_difference: Mean difference of grey values from frame 0 above which something else has taken the place.
        min_gradient: Least gradient along a window's flattest direction, in grey values (of 255) per pixel, root mean
            square over the window; a flatter place cannot be followed.
    """

    enlargement: int = 2
    window_px: int = 7
    levels: int = 2
    round_trip_px: float = 0.5
    anchor_px: float = 2.0
    anchor_difference: float = 15.0
    lost_difference: float = 25.0
    min_gradient: float = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Retracked:
    """Where points went.

    Attributes:
        positions_px: Continuous pixel positions, float32 [t, n, 2]; a lost point rests where it was seen last.
        valid: bool [t, n]; once lost, a point stays lost. Where frame 0 is too flat to follow, lost from the start.
    """

    positions_px: Float32[np.ndarray, "t n 2"]
    valid: Bool[np.ndarray, "t n"]


def retrack(
    frames: UInt8[np.ndarray, "t h w 3"], points_px: Float[np.ndarray, "n 2"], config: TrackerConfig | None = None
) -> Retracked:
    """Follow points of frame 0 through all frames.

    Args:
        frames: RGB video frames.
        points_px: Continuous pixel positions (x, y) in frame 0; pixel i covers [i, i + 1).
        config: How to follow them.

    Raises:
        InputError: The frames are not uint8 [t, h, w, 3] or the points not finite [n, 2].
    """
    config = config or TrackerConfig()
    start = np.asarray(points_px, dtype=np.float32)
    _check(frames, start)
    with _one_thread():
        return _retrack(frames, start, config)


def _retrack(
    frames: UInt8[np.ndarray, "t h w 3"], start: Float32[np.ndarray, "n 2"], config: TrackerConfig
) -> Retracked:
    positions = np.repeat(start[None], len(frames), axis=0)
    valid = np.zeros((len(frames), len(start)), bool)
    if len(start) == 0:
        return Retracked(positions_px=positions, valid=valid)
    large = [_enlarged_grey(frame, config.enlargement) for frame in frames]
    size = np.array([frames.shape[2], frames.shape[1]], np.float32)
    valid[0] = _inside(start, size) & _match(large[0], large[0], start, config, guess=start)[1]
    for index in range(1, len(frames)):
        positions[index] = positions[index - 1]
        alive = np.flatnonzero(valid[index - 1])
        moved, followed = _step(large[index - 1], large[index], positions[index, alive], config)
        moved, alike = _anchored(large[0], large[index], start[alive], moved, config)
        kept = followed & alike & _inside(moved, size)
        positions[index, alive[kept]] = moved[kept]
        valid[index, alive[kept]] = True
    return Retracked(positions_px=positions, valid=valid)


def trackable(
    image: UInt8[np.ndarray, "h w 3"], points_px: Float[np.ndarray, "n 2"], config: TrackerConfig | None = None
) -> Bool[np.ndarray, " n"]:
    """Which points of a picture lie inside and have enough texture around them to be followed at all."""
    return np.asarray(retrack(image[None], points_px, config).valid[0])


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV on one thread: on frames as small as ours several spend their time waiting for each other."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _check(frames: Any, points: Float32[np.ndarray, "n 2"]) -> None:
    shape = list(np.shape(frames))
    if getattr(frames, "dtype", None) != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise InputError(f"Re-tracking: wanted frames uint8 [t, h, w, 3], got {getattr(frames, 'dtype', '?')} {shape}.")
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise InputError(f"Re-tracking: wanted finite points [n, 2] in pixels, got {list(points.shape)}.")


def _inside(points: Float32[np.ndarray, "n 2"], size: Float32[np.ndarray, " 2"]) -> Bool[np.ndarray, " n"]:
    return np.asarray(((points >= 0) & (points < size)).all(axis=-1))


def _enlarged_grey(frame: UInt8[np.ndarray, "h w 3"], factor: int) -> UInt8[np.ndarray, "h2 w2"]:
    import cv2

    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))


def _window(config: TrackerConfig) -> tuple[int, int]:
    side = config.window_px * config.enlargement | 1  # odd, so that the point is its centre
    return (side, side)


def _step(
    before: UInt8[np.ndarray, "h w"],
    after: UInt8[np.ndarray, "h w"],
    points: Float32[np.ndarray, "n 2"],
    config: TrackerConfig,
) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """One frame on; a point counts as followed if the way back ends where it began."""
    there, found, _ = _match(before, after, points, config)
    back, found_back, _ = _match(after, before, there, config)
    return there, found & found_back & _near(back, points, config.round_trip_px)


def _anchored(
    first: UInt8[np.ndarray, "h w"],
    now: UInt8[np.ndarray, "h w"],
    start: Float32[np.ndarray, "n 2"],
    points: Float32[np.ndarray, "n 2"],
    config: TrackerConfig,
) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """The points, each moved to the place that looks as in frame 0 if one is close; and which look alike at all."""
    refined, found, difference = _match(first, now, start, config, guess=points)
    good = found & (difference < config.anchor_difference) & _near(refined, points, config.anchor_px)
    return np.where(good[:, None], refined, points), difference < config.lost_difference


def _near(a: Float32[np.ndarray, "n 2"], b: Float32[np.ndarray, "n 2"], limit: float) -> Bool[np.ndarray, " n"]:
    return np.asarray(np.linalg.norm(a - b, axis=-1) < limit)


def _match(
    before: UInt8[np.ndarray, "h w"],
    after: UInt8[np.ndarray, "h w"],
    points: Float32[np.ndarray, "n 2"],
    config: TrackerConfig,
    guess: Float32[np.ndarray, "n 2"] | None = None,
) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Positions after, which were found, and the mean difference of grey values; with a guess, search near it."""
    import cv2

    if len(points) == 0:
        return points, np.zeros(0, bool), np.zeros(0, np.float32)
    factor = config.enlargement
    there, found, difference = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        _to_cv2(points, factor),
        None if guess is None else _to_cv2(guess, factor),
        winSize=_window(config),
        maxLevel=config.levels if guess is None else 1,
        flags=0 if guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, *_ITERATIONS),
        minEigThreshold=(config.min_gradient / factor) ** 2 / _CV2_EIGENVALUE,
    )
    return (there[:, 0] + 0.5) / factor, found[:, 0].astype(bool), difference[:, 0]


def _to_cv2(points: Float32[np.ndarray, "n 2"], factor: int) -> Float32[np.ndarray, "n 1 2"]:
    """Continuous pixels -> enlarged pixels counted from pixel centres, in cv2's shape."""
    return np.ascontiguousarray(points[:, None] * factor - 0.5, dtype=np.float32)
