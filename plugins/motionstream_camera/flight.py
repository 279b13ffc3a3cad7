"""Flights: motions that run by a clock of their own, relative to where they began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from motionstream_camera.camera_path import CameraPath
from motionstream_camera.pose import Pose, inverse
from motionstream_camera.smoothing import Ramp


class Flight(Protocol):
    """A pose and a zoom for each time."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def duration_seconds(self) -> float:
        """After this the camera stays; infinite where it never does."""

    def at(self, seconds: float) -> tuple[Pose, float]:
        """Pose relative to the start, focal length as a multiple of that at the start."""


@dataclass(frozen=True, kw_only=True)
class FileFlight:
    """A path from a file, pose by pose; after its last one the camera stays.

    Attributes:
        path: The poses.
        scale: Depth units in one unit of its positions.
        fps: Poses per second.
    """

    path: CameraPath
    scale: float
    fps: float
    name: ClassVar[str] = "file"

    @property
    def duration_seconds(self) -> float:
        """Until its last pose."""
        return (len(self.path) - 1) / self.fps

    def at(self, seconds: float) -> tuple[Pose, float]:
        """Pose relative to the first one, and zoom as a multiple of the first one's."""
        pose = self.path.at(seconds * self.fps).copy()
        pose[:3, 3] *= self.scale
        return pose, self.path.zoom_at(seconds * self.fps)


class Player:
    """A flight under way: its clock starts and stops gently, unless it is to be exact.

    Args:
        flight: What is flown.
        acceleration_seconds: Time in which the clock comes to its full rate; 0 is at once, and exact.

    Attributes:
        flight: What is flown.
        exact: Nothing may hold it up.
    """

    def __init__(self, flight: Flight, acceleration_seconds: float) -> None:
        self.flight, self.exact = flight, acceleration_seconds == 0
        self._clock = 0.0
        self._rate = Ramp(1, 1 / acceleration_seconds if acceleration_seconds > 0 else np.inf)
        self._rate.target[:] = 1
        self._frame = flight.at(0.0)

    @property
    def moving(self) -> bool:
        """Its clock runs, and it has not come to its end."""
        return self._rate.moving and self._clock < self.flight.duration_seconds

    @property
    def lasting(self) -> bool:
        """It goes on by itself: nobody has stopped it."""
        return self.moving and bool(self._rate.target.any())

    def stop(self) -> None:
        """Let the clock run out."""
        self._rate.target[:] = 0

    def clock_way(self, seconds: float) -> float:
        """How far its clock wants to go in a time."""
        return float(self._rate.advance(seconds)[0])

    def advance(self, clock_way: float) -> tuple[Pose, float]:
        """Let its clock go so far: the pose after it seen from before, and the ratio of the zooms."""
        before_pose, before_zoom = self._frame
        self._clock += clock_way
        self._frame = self.flight.at(self._clock)
        return inverse(before_pose) @ self._frame[0], self._frame[1] / before_zoom
