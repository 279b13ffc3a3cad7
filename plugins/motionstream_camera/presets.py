"""Presets: flights that never end, given as a pose and a zoom relative to where they began.

All begin at the identity, are smooth, and turn round a pivot straight ahead. Lengths are in pivot distances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens
from motionstream_camera.pose import DOWN, FORWARD, RIGHT, Pose, look_at, make_pose, turn, turned_about

PresetName = Literal["orbit", "arc", "dolly", "dolly-zoom", "crane", "handheld", "spiral"]
PRESETS: tuple[PresetName, ...] = get_args(PresetName)

_Frame = tuple[Pose, float]


@dataclass(frozen=True, kw_only=True)
class PresetFlight:
    """One preset with its size.

    Attributes:
        name: Which one.
        pivot_distance: Depth of what it turns round.
        amount: Size of the motion; 1 is moderate.
        period_seconds: Time of one round, or of the way there and back.
    """

    name: PresetName
    pivot_distance: float
    amount: float = 1.0
    period_seconds: float = 6.0

    @property
    def duration_seconds(self) -> float:
        """It never ends."""
        return float("inf")

    def at(self, seconds: float) -> _Frame:
        """Pose relative to the start, and focal length as a multiple of that at the start."""
        pose, zoom = _MOTIONS[self.name](seconds / self.period_seconds, self.amount)
        scaled = pose.copy()
        scaled[:3, 3] *= self.pivot_distance
        return scaled, zoom

    def preview(self, lens: Lens, *, fps: float = 16, seconds: float | None = None) -> CameraPath:
        """The flight as a path, for drawing it before it is flown."""
        count = max(2, round((seconds or self.period_seconds) * fps))
        frames = [self.at(index / fps) for index in range(count)]
        return CameraPath(
            poses=np.stack([pose for pose, _ in frames]), lenses=tuple(lens.zoomed(zoom) for _, zoom in frames)
        )


def _there_and_back(turns: float) -> float:
    """0 at whole turns, 1 between, at rest at both."""
    return float(0.5 - 0.5 * np.cos(2 * np.pi * turns))


def _orbit(turns: float, amount: float) -> _Frame:
    """Swings round the pivot, to the right first, and to both sides."""
    return turned_about(np.eye(4), FORWARD, turn(DOWN, -0.25 * amount * float(np.sin(2 * np.pi * turns)))), 1.0


def _arc(turns: float, amount: float) -> _Frame:
    """Goes round the pivot to one side and back."""
    return turned_about(np.eye(4), FORWARD, turn(DOWN, -0.4 * amount * _there_and_back(turns))), 1.0


def _dolly(turns: float, amount: float) -> _Frame:
    """Goes forward and back."""
    return make_pose(position=FORWARD * min(0.3 * amount, 0.8) * _there_and_back(turns)), 1.0


def _dolly_zoom(turns: float, amount: float) -> _Frame:
    """Goes forward while the lens widens, so that the pivot keeps its size."""
    gone = min(0.35 * amount, 0.8) * _there_and_back(turns)
    return make_pose(position=FORWARD * gone), 1 - gone


def _crane(turns: float, amount: float) -> _Frame:
    """Rises and looks down on the pivot."""
    eye = -DOWN * 0.25 * amount * _there_and_back(turns)
    return look_at(eye, FORWARD), 1.0


def _spiral(turns: float, amount: float) -> _Frame:
    """Goes round the line of sight, forward and back, with the pivot in view."""
    round_, along = 2 * np.pi * turns, _there_and_back(turns / 2)
    eye = 0.12 * amount * (RIGHT * np.sin(round_) + DOWN * (np.cos(round_) - 1) + FORWARD * along)
    return look_at(eye, FORWARD), 1.0


def _handheld(turns: float, amount: float) -> _Frame:
    """Sways as a camera in a hand does: slow swings of different periods on every axis."""
    phases = 2 * np.pi * turns * np.array([1.0, 1.37, 0.83, 1.91, 1.21, 2.3, 2.9, 2.6])
    # 1 - cos begins at rest; two rates for each axis never repeat together
    swing = (1 - np.cos(phases)) * np.array([1, -1, 1, 1, -1, 1, -1, 1])
    across, down, along = 0.02 * amount * (swing[:3] + 0.4 * swing[5:8])
    yaw, pitch = 0.012 * amount * swing[3:5]
    return make_pose(turn(DOWN, yaw) @ turn(RIGHT, pitch), np.array([across, down, along])), 1.0


_MOTIONS: dict[PresetName, Callable[[float, float], _Frame]] = {
    "orbit": _orbit,
    "arc": _arc,
    "dolly": _dolly,
    "dolly-zoom": _dolly_zoom,
    "crane": _crane,
    "handheld": _handheld,
    "spiral": _spiral,
}
