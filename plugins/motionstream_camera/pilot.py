"""Pilot: does with the rig what the events say, at their times."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any

import numpy as np

from motionstream_camera import event as events
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.flight import FileFlight
from motionstream_camera.keyframes import KeyframeFlight
from motionstream_camera.pose import make_pose, quaternion, rotation_of
from motionstream_camera.presets import PresetFlight, PresetName
from motionstream_camera.rig import Rig
from motionstream_camera.settings import CameraSettings
from motionstream_camera.surface import Surface


class Pilot:
    """Moves the camera from frame to frame.

    Attributes:
        rig: What carries the camera.
        surface: The scene, in which a clicked point is looked for.
    """

    def __init__(self, settings: CameraSettings, rig: Rig, surface: Surface) -> None:
        self.rig, self.surface = rig, surface
        self._settings = settings
        self._now: float | None = None

    def start_flight(self, file: CameraPath | None, fps: float) -> None:
        """Begin the flight that the settings name: a file's, or a preset."""
        if file is not None:
            reach, extent = self.surface.reach, file.extent
            fitted = self._settings.path_extent * reach / extent if extent > 0 else 1.0
            scale = self._settings.path_scale or fitted
            self.rig.fly(FileFlight(path=file, scale=scale, fps=self._settings.path_fps or fps), exact=True)
        if self._settings.path is not None:
            self._fly_preset(self._settings.path)

    def advance(self, now: float, happened: list[tuple[float, events.Event]]) -> None:
        """Go on to a frame, and do on the way what happened."""
        self._now = now if self._now is None else self._now
        for time, event in happened:
            self._go_on(time)
            self._apply(event)
        self._go_on(now)

    def _go_on(self, time: float) -> None:
        if self._now is not None and time > self._now:
            self.rig.advance(time - self._now)
            self._now = time

    @singledispatchmethod
    def _apply(self, event: Any) -> None:
        """What is not the rig's business is left out."""

    @_apply.register
    def _(self, event: events.Keys) -> None:
        self.rig.hold_keys(event.keys, event.pace)

    @_apply.register
    def _(self, event: events.Gamepad) -> None:
        self.rig.hold_axes(event.axes, event.pace)

    @_apply.register
    def _(self, event: events.Look) -> None:
        self.rig.look(event.dx, event.dy)

    @_apply.register
    def _(self, event: events.Orbit) -> None:
        if event.x is not None and event.y is not None:
            self._take_pivot(event.x, event.y)
        self.rig.orbit(event.dx, event.dy)

    @_apply.register
    def _(self, event: events.Dolly) -> None:
        self.rig.dolly(event.amount)

    @_apply.register
    def _(self, event: events.Zoom) -> None:
        self.rig.change_zoom(event.amount)

    @_apply.register
    def _(self, event: events.Reset) -> None:
        self.rig.go_home()

    @_apply.register
    def _(self, event: events.Preset) -> None:
        if event.name == "none":
            self.rig.fly(None)
        else:
            self._fly_preset(event.name)

    @_apply.register
    def _(self, event: events.Keyframes) -> None:
        self.rig.fly(_spline(event, self.rig), exact=True)  # it begins at rest by itself

    def _fly_preset(self, name: PresetName) -> None:
        flight = PresetFlight(
            name=name,
            pivot_distance=self.surface.reach,
            amount=self._settings.path_amount,
            period_seconds=self._settings.path_seconds,
        )
        self.rig.fly(self.rig.guard.fitted(flight, self.rig.pose, self.rig.lens))

    def _take_pivot(self, x: float, y: float) -> None:
        xy = np.array([[x, y]])
        depth = self.surface.depths_from(self.rig.pose, self.rig.lens, xy)
        if np.isfinite(depth[0]):
            in_camera = self.rig.lens.unproject(xy, depth.astype(np.float64))[0]
            self.rig.pivot = self.rig.pose[:3, :3] @ in_camera + self.rig.pose[:3, 3]


def _spline(event: events.Keyframes, rig: Rig) -> KeyframeFlight:
    """From where the camera is through the key frames, in the order of their times."""
    frames = sorted(event.frames, key=lambda frame: frame.seconds)
    poses = [np.array(frame.pose).reshape(4, 4) for frame in frames]
    level = [make_pose(rotation_of(quaternion(pose[:3, :3])), pose[:3, 3]) for pose in poses]
    return KeyframeFlight(
        seconds=np.array([0.0, *(frame.seconds for frame in frames)]),
        poses=np.stack([rig.pose, *level]),
        zooms=np.array([rig.zoom, *(frame.zoom for frame in frames)]),
    )
