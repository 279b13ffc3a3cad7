"""Stage: one stream's scene, points and camera."""

from __future__ import annotations

import copy
from typing import Self

import numpy as np
from jaxtyping import Bool, Float64

from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks
from motionstream_camera.anchoring import NewAnchor
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.cloud import Cloud
from motionstream_camera.depth import DepthMap
from motionstream_camera.flown import FlownPath
from motionstream_camera.guard import Guard
from motionstream_camera.inbox import Inbox
from motionstream_camera.lens import Lens
from motionstream_camera.pilot import Pilot
from motionstream_camera.pose import Pose
from motionstream_camera.projection import NEAREST, project
from motionstream_camera.rig import Rig
from motionstream_camera.settings import CameraSettings
from motionstream_camera.shown_flight import SHOWN_FRAMES, ShownFlight
from motionstream_camera.surface import Surface


class Stage:
    """Everything that is forgotten when a stream ends.

    Args:
        settings: Of the provider.
        info: Of the stream.
        lens: Of the photograph.
        depth: Of the photograph.
        file: The flight to begin with, if it comes from a file.

    Attributes:
        surface: The scene.
        shown_flight: Where the camera is and has been lately, for a page; another one after each chunk.
    """

    def __init__(
        self, settings: CameraSettings, info: StreamInfo, lens: Lens, depth: DepthMap, file: CameraPath | None
    ) -> None:
        self.surface = Surface(depth, lens, np.eye(4), cut_ratio=settings.cut_ratio)
        self._settings, self._size = settings, (info.width, info.height)
        self._cloud = Cloud(settings.points_across, settings.max_points)
        self._cloud.add_grid(self.surface)
        self._photograph, self._reach = depth, self.surface.reach
        reach = self._reach
        guard = self._guard((np.eye(4), lens))
        self._pilot = Pilot(settings, Rig(settings, lens, reach, guard), self.surface)
        self._pilot.start_flight(file, info.fps)
        self._flown = FlownPath()
        self._last: tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]] | None = None
        self.shown_flight = self._shown_flight()

    @property
    def rig(self) -> Rig:
        """What carries the camera."""
        return self._pilot.rig

    @property
    def cloud(self) -> Cloud:
        """The tracked points."""
        return self._cloud

    @property
    def flown_path(self) -> CameraPath:
        """Where the camera has been."""
        return self._flown.path(self._size)

    def read(self, window: Window, inbox: Inbox) -> Tracks:
        """Move the camera through the window's frames and project the points."""
        if self._settings.seed_points and self._last is not None:
            self._cloud.seed(self.surface, self.rig.pose, self.rig.lens, *self._last)
        poses, lenses = self._fly(window, inbox)
        xy, visible = self.look(poses, lenses)
        self._cloud.note_seen(np.asarray(visible.any(axis=0)))
        self.shown_flight = self._shown_flight()
        self._last = xy[-1], visible[-1]
        return Tracks(ids=self._cloud.ids, xy=xy, visible=visible)

    def anchor(self, new: NewAnchor) -> None:
        """Go on with another scene: points that its picture shows are put on it and keep their ids and places."""
        xy, visible = self.look(new.pose[None], [new.lens])
        points, known = new.surface.lift(xy[0][visible[0]])
        which = np.zeros(len(visible[0]), bool)
        which[np.flatnonzero(visible[0])[known]] = True
        self._cloud.move(which, points[known])
        self.surface = self._pilot.surface = new.surface
        self._pilot.rig.guard = self._guard((new.pose, new.lens))

    def camera_at(self, seconds: float | None) -> tuple[Pose, Lens]:
        """Where the camera was in the frame shown at a time; None is where it is."""
        return self._flown.at(seconds) or (self.rig.pose, self.rig.lens)

    def camera_in(self, frame: int) -> tuple[Pose, Lens]:
        """Where the camera was in a frame of the stream; where it is, if that is not known."""
        return self._flown.frame(frame) or (self.rig.pose, self.rig.lens)

    def depths_at(self, xy: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, " n"]:
        """Depths of places of the photograph; the scene's median where none is known."""
        depth = self._photograph.at(xy, self._settings.cut_ratio)
        return np.where(depth > 0, depth, self._reach)

    def look(
        self, poses: Float64[np.ndarray, "t 4 4"], lenses: list[Lens]
    ) -> tuple[Float64[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Where the points appear to a camera, and whether they are in its picture and not behind something."""
        points = self._cloud.points
        xy, z = project(points, poses, lenses)
        x, y = xy[..., 0], xy[..., 1]
        visible = (x >= 0) & (x < 1) & (y >= 0) & (y < 1) & (z > NEAREST)
        if self._settings.occlusion:
            visible &= ~self._hidden(poses[:, :3, 3], visible)
        return xy, visible

    def _hidden(self, eyes: Float64[np.ndarray, "t 3"], asked: Bool[np.ndarray, "t n"]) -> Bool[np.ndarray, "t n"]:
        """Which points lie behind something: tested in every other frame, for it and the next, as rays are dear."""
        pairs = asked[::2].copy()
        pairs[: len(asked) // 2] |= asked[1::2]
        hidden = np.zeros(pairs.shape, bool)
        hidden[pairs] = self.surface.hidden(self._cloud.points, eyes[::2], pairs)
        return hidden.repeat(2, axis=0)[: len(asked)]

    def copy(self) -> Self:
        """One that goes on by itself; the scene is shared, as nobody changes it."""
        memo = {id(self.surface): self.surface}
        return copy.deepcopy(self, memo)

    def _shown_flight(self) -> ShownFlight:
        first, frames = self._flown.newest(SHOWN_FRAMES)
        flying = self.rig.flying
        return ShownFlight(
            camera=(self.rig.pose, self.rig.zoom),
            first_frame=first,
            frames=tuple((pose, lens.fx / self.rig.photograph_lens.fx) for pose, lens in frames),
            flying=None if flying is None else flying.name,
        )

    def _guard(self, home: tuple[Pose, Lens]) -> Guard:
        chosen = self._settings
        return Guard(self.surface, home, least=chosen.keep_in_view, closest=chosen.closest * self._reach)

    def _fly(self, window: Window, inbox: Inbox) -> tuple[Float64[np.ndarray, "t 4 4"], list[Lens]]:
        frames: list[tuple[Pose, Lens]] = []
        for now in window.frame_times.tolist():
            self._pilot.advance(now, inbox.due(now))
            frames.append((self.rig.pose, self.rig.lens))
            self._flown.add(now, *frames[-1])
        return np.stack([pose for pose, _ in frames]), [lens for _, lens in frames]
