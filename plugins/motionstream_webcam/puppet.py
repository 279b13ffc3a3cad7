"""Puppet: camera pictures one by one -> poses of the target; it knows of no threads, clocks or sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from motionstream_webcam.camera_frame import CameraFrame
from motionstream_webcam.corners import near_corners
from motionstream_webcam.event import ReferenceEvent, RegionEvent
from motionstream_webcam.pairing import Pairing, pair
from motionstream_webcam.region import Region
from motionstream_webcam.settings import WebcamSettings
from motionstream_webcam.shake import background
from motionstream_webcam.tracker import PointTracker, Sighting
from motionstream_webcam.transfer import Pose, Transfer

Command = ReferenceEvent | RegionEvent


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What became of a camera picture.

    Attributes:
        pairing: The points; another object stands for other points.
        poses: Of the target, oldest first; may be none.
        camera: Where the camera's points are, from 0 to 1 over its picture [n, 2]; for people to look at.
        visible: Which of them were found [n].
    """

    pairing: Pairing
    poses: tuple[Pose, ...]
    camera: Float32[np.ndarray, "n 2"]
    visible: np.ndarray


class Puppet:
    """A tracker, and what it moves.

    Args:
        settings: All of them.
        tracker: Follows the points.
        target_aspect: Height of the target picture in widths.
    """

    def __init__(self, settings: WebcamSettings, tracker: PointTracker, target_aspect: float) -> None:
        self._settings, self._tracker, self._target_aspect = settings, tracker, target_aspect
        self._chosen = {
            "camera": RegionEvent(type="region", on="camera", box=settings.camera_box),
            "target": RegionEvent(type="region", on="target", box=settings.target_box),
        }
        self._times: list[float] = []
        self._pairing: Pairing | None = None
        self._pose: Pose | None = None
        self._first_seconds: float | None = None
        self._size = (0, 0)

    def see(self, frame: CameraFrame, commands: tuple[Command, ...] = ()) -> Seen | None:
        """Take in a camera picture; None before the reference."""
        self._first_seconds = frame.seconds if self._first_seconds is None else self._first_seconds
        start = self._start(frame, commands)
        if start is None and self._pairing is None:
            return None
        if start is not None:
            return self._begin(frame, start)
        self._times = [*self._times, frame.seconds][-64:]
        return self._follow(frame, self._tracker.track(frame.pixels))

    def _start(self, frame: CameraFrame, commands: tuple[Command, ...]) -> Literal["rest", "stay"] | None:
        """Whether a reference is to be taken, and where the target begins then."""
        start: Literal["rest", "stay"] | None = None
        if self._size != (frame.width, frame.height) or frame.seam == "new":
            start = "stay"
        if frame.seam == "loop":
            start = "rest"
        for command in commands:
            if isinstance(command, ReferenceEvent):
                start = command.target
            else:
                self._chosen[command.on], self._pairing, start = command, None, "rest"
        assert self._first_seconds is not None
        early = frame.seconds - self._first_seconds < self._settings.reference_seconds - 1e-9
        waits = self._pairing is None and early and not commands
        return None if waits else ("rest" if self._pairing is None else start)

    def _begin(self, frame: CameraFrame, start: Literal["rest", "stay"]) -> Seen:
        """Take the reference."""
        region = self._chosen["camera"].region(frame.aspect)
        if self._pairing is None or self._size[1] * frame.width != self._size[0] * frame.height:
            self._pairing = self._paired(region, frame.aspect)
            start = "rest"
        pairing = self._pairing
        around = background(region, frame.aspect) if self._settings.remove_shake else pairing.camera[:0]
        wanted = np.concatenate([pairing.camera, around]) * frame.width
        points = near_corners(frame.pixels, wanted.astype(np.float32), self._reach_px(region, frame))
        self._tracker.start(frame.pixels, points)
        self._size, self._times = (frame.width, frame.height), [frame.seconds]
        places = points.astype(np.float64) / frame.width
        n = len(pairing.camera)
        kept = None if start == "rest" or self._pose is None else self._pose.places
        self._transfer = Transfer(self._settings, pairing, places[:n], places[n:], kept)
        sighting = Sighting(xy=points, visible=np.ones(len(points), bool), confidence=np.ones(len(points), np.float32))
        return self._follow(frame, (sighting,))

    def _follow(self, frame: CameraFrame, sightings: tuple[Sighting, ...]) -> Seen:
        assert self._pairing is not None
        poses, n = list[Pose](), len(self._pairing.camera)
        for seconds, sighting in zip(self._times[len(self._times) - len(sightings) :], sightings, strict=True):
            places = sighting.xy.astype(np.float64) / frame.width
            seen = sighting.visible
            poses.append(self._transfer.pose(seconds, places[:n], places[n:], seen[:n], seen[n:]))
        if sightings:
            self._pose, newest = poses[-1], sightings[-1]
            self._newest = (newest.xy[:n] / (frame.width, frame.height)).astype(np.float32), newest.visible[:n]
        camera, visible = self._newest
        return Seen(pairing=self._pairing, poses=tuple(poses), camera=camera, visible=visible)

    def _paired(self, region: Region, camera_aspect: float) -> Pairing:
        return pair(
            region,
            self._chosen["target"].region(self._target_aspect),
            camera_aspect=camera_aspect,
            target_aspect=self._target_aspect,
            num_points=self._settings.num_points,
            kind=self._settings.pairing,
        )

    def _reach_px(self, region: Region, frame: CameraFrame) -> float:
        """Half the distance of neighbouring points, about."""
        width, height = region.size
        return 0.45 * frame.width * float(np.sqrt(width * height / self._settings.num_points))
