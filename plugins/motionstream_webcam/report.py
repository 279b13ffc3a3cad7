"""Reports: a status as JSON values that are small enough to be sent twelve times a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from motionstream_webcam.status import WebcamStatus

MAX_POINTS = 256
"""Of more points every second one is shown, or every third, ..."""


def report_of(status: WebcamStatus, received_seconds: float) -> dict[str, Any]:
    """What a page shows of a status.

    Args:
        status: How it stands.
        received_seconds: Sender's time of the newest picture that came; NaN before the first.
    """
    step = math.ceil(len(status.camera_xy) / MAX_POINTS) or 1
    return {
        "state": status.state,
        "reason": status.reason,
        "tracker": status.tracker,
        "notice": status.notice,
        "age_seconds": None if status.age_seconds is None else round(status.age_seconds, 3),
        "received_ms": None if math.isnan(received_seconds) else round(1e3 * received_seconds, 1),
        "num_followed": status.num_followed,
        "num_dropped": status.num_dropped,
        "num_bad": status.num_bad,
        "followed_fps": round(status.followed_fps, 1),
        "num_points": len(status.camera_xy),
        "seen_share": round(status.seen_share, 2),
        "camera_xy": _rounded(status.camera_xy[::step]),
        "camera_visible": [int(visible) for visible in status.camera_visible[::step]],
        "target_xy": _rounded(status.target_xy[::step]),
    }


def _rounded(places: Sequence[tuple[float, float]]) -> list[list[float]]:
    return [[round(x, 4), round(y, 4)] for x, y in places]
