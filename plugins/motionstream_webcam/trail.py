"""Trail: poses of the target by time, and the poses between them."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from jaxtyping import Bool, Float64

from motionstream_webcam.transfer import Pose

_LONGEST = 1200
"""Poses that are kept, some 20 seconds."""


class Trail:
    """The newest poses of one set of points, in the order of their times.

    Args:
        first: Where the points begin.
    """

    def __init__(self, first: Pose) -> None:
        self._poses = [first]

    @property
    def newest(self) -> Pose:
        """The last pose."""
        return self._poses[-1]

    def add(self, pose: Pose) -> None:
        """Add a pose; one that is not newer than the last is left out."""
        if pose.seconds > self.newest.seconds:
            self._poses = [*self._poses[-_LONGEST + 1 :], pose]

    def at(self, times: Float64[np.ndarray, " t"]) -> tuple[Float64[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Places at times, linear between two poses, and what was seen in the earlier one; the ends are held."""
        seconds = [pose.seconds for pose in self._poses]
        places, seen = [], []
        for time in times:
            after = bisect_right(seconds, float(time))
            low, high = self._poses[max(after - 1, 0)], self._poses[min(after, len(seconds) - 1)]
            span = high.seconds - low.seconds
            part = (float(time) - low.seconds) / span if span > 0 else 0.0
            places.append(low.places + min(max(part, 0.0), 1.0) * (high.places - low.places))
            seen.append(low.seen)
        return np.stack(places), np.stack(seen)

    def seconds_at(self, times: Float64[np.ndarray, " t"]) -> tuple[float, ...]:
        """For each time that of the newest pose by then; before the first pose that of the first."""
        seconds = [pose.seconds for pose in self._poses]
        return tuple(seconds[max(bisect_right(seconds, float(time)) - 1, 0)] for time in times)

    def forget(self, before: float) -> None:
        """Drop poses that lie before a time, but the last of them."""
        seconds = [pose.seconds for pose in self._poses]
        self._poses = self._poses[max(bisect_right(seconds, before) - 1, 0) :]
