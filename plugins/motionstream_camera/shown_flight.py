"""ShownFlight: where the camera is and has been lately, for a page that draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionstream_camera.pose import Pose

SHOWN_FRAMES = 48  # four chunks: a page that misses a message loses nothing of the path

_Frame = tuple[Pose, float]  # camera to world, focal length as a multiple of the photograph's


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownFlight:
    """A value of its own: any thread may read it while the camera goes on.

    Attributes:
        camera: Where it is now.
        first_frame: Number of the first of `frames` in the stream.
        frames: Where it was in the newest frames.
        flying: Name of the flight that goes on by itself, if one does.
    """

    camera: _Frame
    first_frame: int
    frames: tuple[_Frame, ...]
    flying: str | None

    def values(self, horizontal_focal: float) -> Mapping[str, Any]:
        """JSON values by name; a row is a position, a look direction, the direction up, and the zoom.

        Args:
            horizontal_focal: Of the photograph's lens, in widths.
        """
        row = _row(self.camera)
        degrees = 2 * np.degrees(np.arctan(0.5 / (horizontal_focal * self.camera[1])))
        camera = {"position": row[:3], "forward": row[3:6], "up": row[6:9], "zoom": row[9]}
        return {
            "camera": {**camera, "field_of_view": round(float(degrees), 2)},
            "flown": {"first": self.first_frame, "rows": [_row(frame) for frame in self.frames]},
            "flying": self.flying,
        }


def _row(frame: _Frame) -> list[float]:
    pose, zoom = frame
    values: list[float] = (np.round([*pose[:3, 3], *pose[:3, 2], *-pose[:3, 1], zoom], 5) + 0.0).tolist()  # no -0
    return values
