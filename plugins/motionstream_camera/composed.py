"""CameraWithDrag: the camera flies while things are dragged; the drags ride on the camera's motion.

The drag provider lives in the photograph, whose camera does not move. What a pointer touches in the live picture is
brought there before the drag provider hears of it, and its points are brought back through the camera of each frame, at
the depth at which they were picked.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict, Field

from motionstream.errors import ProviderError
from motionstream.providers import StreamInfo, TrajectoryProvider, Window, load_provider
from motionstream.tracks import Tracks
from motionstream_camera.presets import PresetName
from motionstream_camera.provider import CameraProvider
from motionstream_camera.ride import Ride
from motionstream_camera.settings import CameraSettings

_CAMERA_EVENTS = ("keys", "gamepad", "look", "orbit", "dolly", "zoom", "reset", "preset", "keyframes", "anchor")
_CELLS = 64  # of the picture across and down, in which drags silence the camera's points


class CameraWithDragSettings(BaseModel):
    """Settings of both, and which provider of drags it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera: CameraSettings = Field(default_factory=CameraSettings, description="Settings of the camera provider.")
    rider: str = Field(
        default="drag",
        pattern=r"^[\w.+-]+$",  # an announced name: no module is imported because a setting names it
        description="The provider whose points ride on the camera's motion.",
    )
    rider_settings: dict[str, Any] = Field(default_factory=dict, description="Settings of that provider.")
    path: PresetName | None = Field(default=None, description="A flight from the first frame on.")
    clearance: float = Field(
        default=0.05,
        ge=0,
        le=0.5,
        description="Room around dragged points in which the camera's points say nothing.",
        json_schema_extra={"unit": "widths"},
    )


class CameraWithDrag:
    """A camera provider and one more whose points it carries along.

    Ids are kept apart: the camera's become even, the other's odd.
    """

    settings_type: ClassVar[type[BaseModel]] = CameraWithDragSettings

    def __init__(self, settings: CameraWithDragSettings | None = None) -> None:
        self.settings = settings or CameraWithDragSettings()
        chosen = self.settings
        camera = chosen.camera.model_copy(update={"path": chosen.path}) if chosen.path else chosen.camera
        self._camera = CameraProvider(camera)
        self._rider: TrajectoryProvider = load_provider(chosen.rider, chosen.rider_settings)
        self._judge = load_provider(chosen.rider, chosen.rider_settings)
        self._judge.close()  # a closed provider refuses what makes no sense and drops the rest
        self._lock = Lock()
        self._inbox: list[Mapping[str, Any]] = []
        self._ride: Ride | None = None
        self._closed = False

    def start(self, info: StreamInfo) -> None:
        """Begin a stream with both."""
        self._camera.start(info)
        self._rider.start(info)
        self._ride, self._closed = Ride(self._camera.stage), False

    def handle(self, event: Mapping[str, Any]) -> None:
        """Hand an event to whom it concerns: the camera's at once, the other's when its time has come.

        Raises:
            InputError: It is an event of neither.
        """
        kind = event.get("type")
        if kind in _CAMERA_EVENTS:
            self._camera.handle(event)
            return
        self._judge.handle(event)
        with self._lock:
            if not self._closed:
                self._inbox.append(dict(event))

    def read(self, window: Window) -> Tracks:
        """The camera's points, and the other's carried along; near the latter the former are silent."""
        camera = self._camera.read(window)
        ride = self._ride
        if ride is None:  # the camera has refused before this
            return camera
        for event in self._due(window):
            self._rider.handle(ride.into_photograph(event))
        rider = self._rider.read(window)
        carried = ride.carried(rider, window)
        silent = _near(camera, carried, self.settings.clearance)
        return Tracks(
            ids=np.concatenate([2 * camera.ids, 2 * carried.ids + 1]),
            xy=np.concatenate([camera.xy, carried.xy], axis=1),
            visible=np.concatenate([camera.visible & ~silent, carried.visible], axis=1),
        )

    def report(self) -> Mapping[str, Any]:
        """What there is to draw of the camera's flight."""
        return self._camera.report()

    def close(self) -> None:
        """End the stream of both."""
        self._camera.close()
        self._rider.close()
        with self._lock:
            self._inbox, self._closed, self._ride = [], True, None

    def copy(self) -> Self:
        """An independent provider that goes on from here.

        Raises:
            ProviderError: The other provider cannot be copied.
        """
        if not hasattr(self._rider, "copy"):
            raise ProviderError(f"Provider {self.settings.rider!r} has no copy, so it cannot go on twice.")
        twin = copy.copy(self)
        twin._camera, twin._rider, twin._lock = self._camera.copy(), self._rider.copy(), Lock()
        twin._ride = None if self._ride is None else self._ride.copy(twin._camera.stage)
        with self._lock:
            twin._inbox = list(self._inbox)
        return twin

    def _due(self, window: Window) -> list[Mapping[str, Any]]:
        """Events until the next window: a little beyond the last frame, so that a pointer is met on its way."""
        last = window.end_seconds
        with self._lock:
            due = [event for event in self._inbox if (event.get("time_seconds") or 0.0) <= last]
            self._inbox = [event for event in self._inbox if (event.get("time_seconds") or 0.0) > last]
        return due


def _near(camera: Tracks, carried: Tracks, clearance: float) -> Bool[np.ndarray, "t n"]:
    """Which points of the camera lie near a dragged one, to within a cell."""
    occupied = np.zeros((camera.num_frames, _CELLS, _CELLS), bool)
    frame, point = np.nonzero(carried.visible)
    column, row = np.clip((carried.xy[frame, point] * _CELLS).astype(np.int64), 0, _CELLS - 1).T
    occupied[frame, row, column] = True
    for _ in range(round(clearance * _CELLS)):
        occupied[:, 1:] |= occupied[:, :-1].copy()
        occupied[:, :-1] |= occupied[:, 1:].copy()
        occupied[:, :, 1:] |= occupied[:, :, :-1].copy()
        occupied[:, :, :-1] |= occupied[:, :, 1:].copy()
    columns, rows = np.moveaxis(np.clip((camera.xy * _CELLS).astype(np.int64), 0, _CELLS - 1), -1, 0)
    return np.asarray(occupied[np.arange(camera.num_frames)[:, None], rows, columns])
