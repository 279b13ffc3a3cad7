"""Ride: takes places of the live picture into the photograph, and points of the photograph along with the camera."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from jaxtyping import Float64

from motionstream.providers import Window
from motionstream.tracks import Tracks
from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.projection import NEAREST, project
from motionstream_camera.stage import Stage

_TOUCH = 0.04  # widths: a press this near to a carried point means that point

_Place = tuple[float, float]


class Ride:
    """The photograph's camera is the world's origin: a place of it at a depth is a point of the world.

    Args:
        stage: Of the camera, whose frames it has to have flown before they are asked for.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._lens = stage.surface.lens
        self._depths: dict[int, float] = {}  # of the carried points, by id
        self._held: dict[int, float] = {}  # depth at which each pressed pointer moves
        self._shown: tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"]] = (np.zeros((0, 2)), np.zeros(0))

    def into_photograph(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The same event where it would have been in the photograph."""
        pose, lens = self.stage.camera_at(event.get("time_seconds"))
        moved = dict(event)
        if "x" in event and "y" in event:
            place = (float(event["x"]), float(event["y"]))
            depth = self._depth_of(event, place, pose, lens)
            moved["x"], moved["y"] = self._place(place, depth, pose, lens)
        if "points" in event:
            first = tuple(event["points"][0])
            depth = self._touched_depth(first, pose, lens)
            moved["points"] = [self._place(tuple(place), depth, pose, lens) for place in event["points"]]
        return moved

    def carried(self, tracks: Tracks, window: Window) -> Tracks:
        """Tracks of the photograph as the camera of each frame sees them."""
        depths = self._depths_of(tracks)
        xy, visible = np.empty(tracks.xy.shape), tracks.visible.copy()
        for frame, now in enumerate(window.frame_times.tolist()):
            pose, lens = self.stage.camera_at(now)
            points = self._lens.unproject(tracks.xy[frame].astype(np.float64), depths)
            places, z = project(points, pose[None], [lens])
            xy[frame] = places[0]
            visible[frame] &= z[0] > NEAREST
        self._shown = xy[-1], depths
        return Tracks(ids=tracks.ids, xy=xy, visible=visible)

    def copy(self, stage: Stage) -> Self:
        """One that goes on by itself with another stage."""
        twin = copy.copy(self)
        twin.stage, twin._depths, twin._held = stage, dict(self._depths), dict(self._held)
        return twin

    def _depth_of(self, event: Mapping[str, Any], place: _Place, pose: Pose, lens: Lens) -> float:
        """A pressed pointer keeps its depth until the next press."""
        pointer = int(event.get("pointer", 0))
        if event.get("type") in ("move", "release") and pointer in self._held:
            return self._held[pointer]
        depth = self._touched_depth(place, pose, lens)
        if event.get("type") == "press":
            self._held[pointer] = depth
        return depth

    def _touched_depth(self, place: _Place, pose: Pose, lens: Lens) -> float:
        """Depth in the photograph of what is at a place of the live picture: a carried point, or the scene."""
        shown, depths = self._shown
        if len(shown):
            distance = np.hypot(*((shown - place) * (1, lens.aspect)).T)
            if distance.min() < _TOUCH:
                return float(depths[distance.argmin()])
        xy = np.array([place])
        depth = float(self.stage.surface.depths_from(pose, lens, xy)[0])
        if not np.isfinite(depth):
            return self.stage.surface.reach
        return float((pose[:3, :3] @ lens.unproject(xy, np.array([depth]))[0] + pose[:3, 3])[2])

    def _place(self, place: _Place, depth: float, pose: Pose, lens: Lens) -> _Place:
        """Where the ray through a place meets the depth, in the photograph."""
        ray = pose[:3, :3] @ lens.unproject(np.array([place]))[0]
        if ray[2] <= NEAREST or depth <= pose[2, 3]:  # the camera looks or is past it
            return place
        point = pose[:3, 3] + ray * ((depth - pose[2, 3]) / ray[2])
        x, y = project(point[None], np.eye(4)[None], [self._lens])[0][0, 0]
        return float(np.clip(x, -9, 9)), float(np.clip(y, -9, 9))

    def _depths_of(self, tracks: Tracks) -> Float64[np.ndarray, " n"]:
        """The depth of each point where it was when it came; those that have gone are forgotten."""
        new = np.array([point not in self._depths for point in tracks.ids.tolist()], bool)
        came = tracks.visible.argmax(axis=0)
        places = tracks.xy[came, np.arange(tracks.num_points)].astype(np.float64)
        known = self.stage.depths_at(places[new])
        self._depths |= dict(zip(tracks.ids[new].tolist(), known.tolist(), strict=True))
        self._depths = {point: self._depths[point] for point in tracks.ids.tolist()}
        return np.array(list(self._depths.values()))
