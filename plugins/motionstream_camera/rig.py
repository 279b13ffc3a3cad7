"""Rig: what carries the camera; it turns what the user wants into smooth motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from motionstream_camera.controls import wish_of_axes, wish_of_keys
from motionstream_camera.flight import Flight, Player
from motionstream_camera.guard import Guard
from motionstream_camera.lens import Lens
from motionstream_camera.pose import DOWN, FORWARD, RIGHT, Pose, Vector, between, make_pose, turn, turned_about
from motionstream_camera.settings import CameraSettings
from motionstream_camera.smoothing import Ramp, Spring

_MOST_PITCH = np.radians(80)  # beyond it the horizon turns over
_MOST_ZOOM = np.log(4)
_RETURN_SECONDS = 1.2
_QUARTER_TURN = np.pi / 2


@dataclass(frozen=True)
class _Step:
    """What the user's wishes come to in one step."""

    way: Vector  # in camera axes, in depth units
    turned: Float64[np.ndarray, " 2"]  # radians to the right, upwards
    round_pivot: Float64[np.ndarray, " 2"]  # radians
    zoom: float  # logarithm

    def part(self, size: float) -> _Step:
        return _Step(self.way * size, self.turned * size, self.round_pivot * size, self.zoom * size)


class Rig:
    """Position, direction and zoom of the camera, with inertia.

    Args:
        settings: Speeds and smoothness.
        lens: Of the photograph.
        reach: Median depth of the scene: the unit of speeds.

    Attributes:
        pose: Where the camera is, camera to world.
        pivot: What `orbit` goes round, in the world.
        guard: What keeps the scene in view.
    """

    def __init__(self, settings: CameraSettings, lens: Lens, reach: float, guard: Guard) -> None:
        self.pose: Pose = np.eye(4)
        self.pivot: Vector = np.array([0.0, 0.0, reach])
        self.guard = guard
        self._settings, self._lens, self._reach = settings, lens, reach
        self._log_zoom = 0.0
        acceleration = 1 / settings.acceleration_seconds
        self._going = Ramp(3, acceleration * settings.speed * reach)
        self._turning = Ramp(2, acceleration * np.radians(settings.turn_speed))
        self._keys, self._axes = np.zeros(5), np.zeros(5)
        self._looking, self._orbiting = (Spring(2, settings.smoothing_seconds) for _ in range(2))
        self._dollying, self._zooming = (Spring(1, settings.smoothing_seconds) for _ in range(2))
        self._players: list[Player] = []
        self._returning: float | None = None

    @property
    def lens(self) -> Lens:
        """The lens as it is zoomed now."""
        return self._zoomed(self._log_zoom)

    @property
    def photograph_lens(self) -> Lens:
        """The lens of the photograph."""
        return self._lens

    @property
    def zoom(self) -> float:
        """Focal length as a multiple of the photograph's."""
        return float(np.exp(self._log_zoom))

    @property
    def flying(self) -> Flight | None:
        """The flight that goes on by itself, if one does; one that runs out does not count."""
        return next((player.flight for player in reversed(self._players) if player.lasting), None)

    def hold_keys(self, keys: tuple[str, ...], pace: float = 1.0) -> None:
        """These keys are held from now on, at a multiple of the speeds of the settings."""
        self._keys = pace * wish_of_keys(keys)
        self._wish()

    def hold_axes(self, axes: tuple[float, ...], pace: float = 1.0) -> None:
        """The sticks stand so from now on, at a multiple of the speeds of the settings."""
        self._axes = pace * wish_of_axes(axes)
        self._wish()

    def look(self, dx: float, dy: float) -> None:
        """Turn by parts of the picture."""
        lens = self.lens
        self._looking.push(np.array([dx * 2 * np.arctan(0.5 / lens.fx), -dy * 2 * np.arctan(0.5 / lens.fy)]))

    def orbit(self, dx: float, dy: float) -> None:
        """Go round the pivot; half a picture is a quarter turn."""
        self._orbiting.push(2 * _QUARTER_TURN * np.array([dx, dy]))

    def dolly(self, notches: float) -> None:
        """Go forward."""
        self._dollying.push(np.array([notches * self._settings.wheel_step * self._reach]))

    def change_zoom(self, notches: float) -> None:
        """Change the focal length; ten notches double it."""
        self._zooming.push(np.array([notches * np.log(2) / 10]))

    def fly(self, flight: Flight | None, *, exact: bool = False) -> None:
        """Begin a flight from here; None ends those under way. An exact one runs at its full rate at once."""
        for player in self._players:
            player.stop()
        if flight is not None:
            self._players.append(Player(flight, 0.0 if exact else self._settings.acceleration_seconds))

    def go_home(self) -> None:
        """Return to where the photograph was taken, with its focal length."""
        self.fly(None)
        self._returning = 0.0

    def advance(self, seconds: float) -> None:
        """Move on by a time; nothing changes where nothing moves."""
        if seconds <= 0:
            return
        self._move(seconds)
        for player in self._players:
            self._follow(player, seconds)
        self._players = [player for player in self._players if player.moving]
        if self._returning is not None:
            self._return(seconds)

    def _wish(self) -> None:
        total = self._keys + self._axes
        self._going.target = total[:3] * self._settings.speed * self._reach
        self._turning.target = total[3:] * np.radians(self._settings.turn_speed)

    def _move(self, seconds: float) -> None:
        """What the user wants, as far as the guard allows."""
        sources = (self._going, self._turning, self._looking, self._orbiting, self._dollying, self._zooming)
        if not any(source.moving for source in sources):
            return
        way = self._going.advance(seconds) + FORWARD * self._dollying.advance(seconds)
        turned = self._turning.advance(seconds) + self._looking.advance(seconds)
        step = _Step(way, turned, self._orbiting.advance(seconds), float(self._zooming.advance(seconds)[0]))
        pose, log_zoom = self._after(step)
        after = (pose, self._zoomed(log_zoom))
        part = self.guard.allowed_part((self.pose, self.lens), after, seconds)
        self.pose, self._log_zoom = (pose, log_zoom) if part == 1 else self._after(step.part(part))

    def _follow(self, player: Player, seconds: float) -> None:
        """What a flight wants; before the scene gets out of view its clock slows down."""
        way = player.clock_way(seconds)
        pose, log_zoom = self._carried(*player.advance(way))
        if not player.exact:
            part = self.guard.allowed_part((self.pose, self.lens), (pose, self._zoomed(log_zoom)), seconds)
            if part < 1:
                player.advance(-way)
                pose, log_zoom = self._carried(*player.advance(part * way))
        self.pose, self._log_zoom = pose, log_zoom

    def _carried(self, moved: Pose, zoom: float) -> tuple[Pose, float]:
        return self.pose @ moved, self._log_zoom + (float(np.log(zoom)) if zoom != 1 else 0.0)

    def _zoomed(self, log_zoom: float) -> Lens:
        return self._lens.zoomed(float(np.exp(log_zoom))) if log_zoom else self._lens

    def _after(self, step: _Step) -> tuple[Pose, float]:
        """Pose and zoom after a step; yaw turns about the world's vertical, so the horizon stays level."""
        pose = self.pose
        if step.round_pivot.any():
            pose = turned_about(pose, self.pivot, self._round_pivot(step.round_pivot))
        pitch = float(np.arcsin(np.clip(-pose[1, 2], -1, 1)))  # how far it looks up
        up = float(np.clip(pitch + step.turned[1], -_MOST_PITCH, _MOST_PITCH)) - pitch if step.turned[1] else 0.0
        rotation = turn(DOWN, step.turned[0]) @ pose[:3, :3] @ turn(RIGHT, up)
        moved = make_pose(rotation, pose[:3, 3] + rotation @ step.way)
        return moved, float(np.clip(self._log_zoom + step.zoom, -_MOST_ZOOM, _MOST_ZOOM))

    def _round_pivot(self, angles: Float64[np.ndarray, " 2"]) -> Float64[np.ndarray, "3 3"]:
        """Dragging the scene to the right takes the camera to the left."""
        right = self.pose[:3, 0]
        return np.asarray(turn(DOWN, angles[0]) @ turn(right, -angles[1]))

    def _return(self, seconds: float) -> None:
        duration = max(_RETURN_SECONDS, 2 * self._settings.acceleration_seconds)
        before = self._returning or 0.0
        self._returning = before + seconds
        left_before, left = _left(before / duration), _left(self._returning / duration)
        part = 1 - left / left_before if left_before > 0 else 1.0
        self.pose = between(self.pose, np.eye(4), part)
        self._log_zoom *= 1 - part
        if left == 0:
            self._returning = None


def _left(part: float) -> float:
    """The way that is left after a part of the time, at rest at both ends."""
    u = min(part, 1.0)
    return 1 - u**3 * (10 - 15 * u + 6 * u * u)
