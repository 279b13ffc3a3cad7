"""LucasKanade: a tracker that needs nothing but OpenCV, and no more than a part of one core.

Pyramidal Lucas-Kanade (Bouguet 2001). Every step is checked by going back; a point that fails goes on as its
neighbours do. It is found again where the picture around the guess looks as it did in the first one, or once it has
moved for a while as its neighbours did.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from motionstream_webcam.likeness import difference
from motionstream_webcam.neighbours import with_neighbours_motion
from motionstream_webcam.tracker import Sighting, TrackerInfo, TrackerOptions

Points = Float32[np.ndarray, "n 2"]
Grey = UInt8[np.ndarray, "h w"]
Seen = Bool[np.ndarray, " n"]

_WINDOW = (15, 15)
_ITERATIONS = (12, 0.02)  # at most so many, and until a step is shorter than so many pixels
_ROUND_TRIP_PX = 1.0
_MIN_EIGENVALUE = 5e-5
_FOUND_AGAIN_PX = 3.0
_ALIKE = 12.0
"""Mean difference of grey values, of 255, up to which a place looks as in the first picture."""
_FORGETTING = 0.9
_TRUSTED_AFTER = 4
"""Pictures in which a lost point must move as its neighbours do."""
_TOGETHER_PX = 1.0
_UNCHANGED = 4.0
"""Mean difference of grey values up to which a place looks as in the picture before."""
_CLEARLY = 2.0
_REACH = 0.1
"""Widths within which neighbours tell what a place does that looks the same all over."""


class LucasKanade:
    """Optical flow from picture to picture."""

    info: ClassVar[TrackerInfo] = TrackerInfo(name="lucas-kanade")

    def __init__(self, options: TrackerOptions | None = None) -> None:
        """Nothing is loaded, and no option matters."""

    def start(self, frame: UInt8[np.ndarray, "h w 3"], points: Points) -> None:
        """Begin with points of a picture, and forget those before."""
        self._first = self._before = _grey(frame)
        self._begun = self._xy = np.array(points, np.float32)
        self._visible = np.ones(len(points), bool)
        self._together = np.zeros(len(points), np.int64)
        self._confidence = np.ones(len(points), np.float32)
        self._levels = max(1, round(math.log2(min(self._first.shape) / 60)))

    def track(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[Sighting, ...]:
        """Where the points are in the next picture."""
        now = _grey(frame)
        there, followed = self._step(now)
        seen = followed & self._visible  # where a point was lost, there may now be what hides it
        alone = self._alone(seen, now.shape[1])
        guess = self._guess(now, there, seen, alone)
        seen |= self._trusted(there, guess, followed & ~self._visible, alone)
        there = np.where(seen[:, None], there, guess)
        lost = np.flatnonzero(~seen)
        there[lost], seen[lost] = self._found_again(now, lost, there[lost])
        self._before, self._xy, self._visible = now, there, seen
        self._confidence = np.where(seen, np.float32(1), self._confidence * np.float32(_FORGETTING))
        return (Sighting(xy=there, visible=seen, confidence=self._confidence),)

    def _alone(self, seen: Seen, width: int) -> Seen:
        """Which points have none near them that was seen."""
        if not seen.any():
            return np.ones(len(seen), bool)
        squares = ((self._xy[:, None] - self._xy[seen][None]) ** 2).sum(axis=-1).min(axis=1)
        return np.asarray(squares > (_REACH * width) ** 2)

    def _guess(self, now: Grey, there: Points, seen: Seen, alone: Seen) -> Points:
        """Where lost points go: with their neighbours, or nowhere if the picture says that nothing moved there."""
        moved = with_neighbours_motion(self._xy, there, seen).astype(np.float32)
        still = difference(self._before, now, self._xy, self._xy)
        better = still + _CLEARLY < difference(self._before, now, self._xy, moved)
        stays = ~seen & (better | (alone & (still < _UNCHANGED)))
        return np.where(stays[:, None], self._xy, moved)

    def _trusted(self, there: Points, guess: Points, lost: Seen, alone: Seen) -> Seen:
        """Which of the lost points were followed for long enough as their neighbours, if they have any, move."""
        together = lost & (alone | (np.linalg.norm(there - guess, axis=-1) < _TOGETHER_PX))
        self._together = np.where(together, self._together + 1, 0)
        return np.asarray(self._together >= _TRUSTED_AFTER)

    def _step(self, now: Grey) -> tuple[Points, Seen]:
        """One picture on; seen is what comes back to where it began and stays in the picture."""
        there, found, _ = _flow(self._before, now, self._xy, None, self._levels)
        back, found_back, _ = _flow(now, self._before, there, self._xy, self._levels)
        round_trip = np.linalg.norm(back - self._xy, axis=-1)
        return there, found & found_back & (round_trip < _ROUND_TRIP_PX) & _inside(there, now)

    def _found_again(self, now: Grey, lost: np.ndarray, guess: Points) -> tuple[Points, Seen]:
        """Of lost points, those whose first look is near the guess."""
        there, found, difference = _flow(self._first, now, self._begun[lost], guess, 1)
        near = np.linalg.norm(there - guess, axis=-1) < _FOUND_AGAIN_PX
        good = found & near & (difference < _ALIKE) & _inside(there, now)
        return np.where(good[:, None], there, guess), good


def _flow(
    before: Grey, after: Grey, points: Points, guess: Points | None, levels: int
) -> tuple[Points, Seen, Float32[np.ndarray, " n"]]:
    import cv2

    if len(points) == 0:
        return points, np.zeros(0, bool), np.zeros(0, np.float32)
    there, found, difference = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        np.ascontiguousarray(points[:, None] - 0.5, np.float32),  # cv2 counts from pixel centres
        None if guess is None else np.ascontiguousarray(guess[:, None] - 0.5, np.float32),
        winSize=_WINDOW,
        maxLevel=levels,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, *_ITERATIONS),
        flags=0 if guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW,
        minEigThreshold=_MIN_EIGENVALUE,
    )
    found = found[:, 0].astype(bool) & np.isfinite(there[:, 0]).all(axis=-1)
    return np.where(found[:, None], there[:, 0] + 0.5, points), found, difference[:, 0]


def _grey(frame: UInt8[np.ndarray, "h w 3"]) -> Grey:
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))


def _inside(points: Points, picture: Grey) -> Seen:
    return np.asarray(((points >= 0) & (points < (picture.shape[1], picture.shape[0]))).all(axis=-1))
