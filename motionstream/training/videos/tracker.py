"""Trackers: functions from a clip to the tracks of points of its first frame, found by name."""

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Float, UInt8

from motionstream.errors import InputError
from motionstream.tracks import Tracks

logger = logging.getLogger(__name__)

Tracker: TypeAlias = Callable[[UInt8[np.ndarray, "t h w 3"]], Tracks]
"""Follows points of frame 0 through RGB frames; a point that it cannot follow at all is never visible."""

TRACKERS: Final = ("auto", "lucas-kanade", "cotracker3")

GRID: Final = 32
"""Points along one side of the picture, as of procedural clips."""


def find_tracker(name: str = "auto", weights: Path | None = None, device: str = "cpu") -> Tracker:
    """Returns a tracker by its name; "auto" is CoTracker3 where it is installed, else Lucas-Kanade, which is logged.

    Args:
        name: One of `TRACKERS`.
        weights: CoTracker3's, downloaded where none are given.
        device: CoTracker3's.

    Raises:
        InputError: There is no such tracker, or CoTracker3 is wanted and missing.
    """
    if name not in TRACKERS:
        raise InputError(f"Tracker: wanted one of {', '.join(TRACKERS)}; got {name!r}. Choose one of them.")
    if name == "auto":
        name = "cotracker3" if importlib.util.find_spec("cotracker") else "lucas-kanade"
        logger.info("points are followed by %s", _SAYINGS[name])
    if name == "lucas-kanade":
        from motionstream.training.videos.lucas_kanade import track_lucas_kanade

        return track_lucas_kanade
    from motionstream.training.videos.cotracker3 import CoTracker3

    return CoTracker3(weights, device)


_SAYINGS = {
    "cotracker3": "CoTracker3",
    "lucas-kanade": "Lucas-Kanade: CoTracker3, which loses fewer of them and none for good, is not installed",
}


def scattered_points(frame: UInt8[np.ndarray, "h w 3"], grid: int = GRID) -> Float[np.ndarray, "n 2"]:
    """Returns normalised points, one at a random place in each cell of a grid; the same frame gives the same points."""
    cells = np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), axis=-1).reshape(-1, 2)
    jitter = np.random.default_rng(np.frombuffer(frame.tobytes()[:4096], np.uint8)).random(cells.shape)
    return (cells + jitter) / grid
