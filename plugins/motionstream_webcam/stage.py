"""Stage: the newest poses of the target, handed from the thread that follows the camera to the one that asks."""

from __future__ import annotations

from threading import Lock

import numpy as np
from jaxtyping import Bool, Float64

from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks
from motionstream_webcam.pairing import Pairing
from motionstream_webcam.puppet import Seen
from motionstream_webcam.speed_limit import SpeedLimit
from motionstream_webcam.trail import Trail

Times = Float64[np.ndarray, " t"]

IDS_PER_FRAME = 16384
"""More than there are points: points that begin in a video frame have ids that no other frame's points have."""

_LONGEST_GAP_SECONDS = 2.0
"""After a longer pause the video does not rush through all that was missed."""


class Stage:
    """What the target does, between two threads.

    Attributes:
        newest: The last camera picture that was followed; None before the first.
        shown_seconds: For each video frame that was read last the time of the newest camera picture in it.
    """

    def __init__(self, info: StreamInfo, *, max_speed: float, hide_lost: bool) -> None:
        self.newest: Seen | None = None
        self.shown_seconds: tuple[float, ...] = ()
        self._info, self._max_speed, self._hide_lost = info, max_speed, hide_lost
        self._lock = Lock()
        self._trail: Trail | None = None
        self._shown: Pairing | None = None
        self._read_until: float | None = None

    @property
    def newest_seconds(self) -> float | None:
        """Time of the newest camera picture whose points are known."""
        with self._lock:
            return None if self._trail is None else self._trail.newest.seconds

    def put(self, seen: Seen) -> None:
        """Add what became of a camera picture."""
        with self._lock:
            changed = self.newest is None or self.newest.pairing is not seen.pairing
            self.newest = seen
            for pose in seen.poses:
                if changed or self._trail is None:
                    self._trail, changed = Trail(pose), False
                self._trail.add(pose)

    def read_at(self, window: Window, times: Times) -> Tracks:
        """Tracks for a window whose video frames show the camera at the given times."""
        with self._lock:
            if self._trail is None or self.newest is None:
                return Tracks.empty(window.num_frames)
            places, seen = self._trail.at(times)
            self.shown_seconds = self._trail.seconds_at(times)
            self._trail.forget(float(times[-1]) - _LONGEST_GAP_SECONDS)
            pairing = self.newest.pairing
        return self._tracks(window, pairing, places, seen)

    def read_newest(self, window: Window) -> Tracks:
        """Tracks for a window that shows what was seen since the one before, the newest in its last frame."""
        until, seconds = self.newest_seconds, window.num_frames / window.fps
        if until is None:
            return Tracks.empty(window.num_frames)
        since = self._read_until
        if since is None or until - since > max(_LONGEST_GAP_SECONDS, 2 * seconds):
            since = until - seconds
        self._read_until = until
        return self.read_at(window, since + (until - since) * np.arange(1, window.num_frames + 1) / window.num_frames)

    def _tracks(
        self,
        window: Window,
        pairing: Pairing,
        places: Float64[np.ndarray, "t n 2"],
        seen: Bool[np.ndarray, "t n"],
    ) -> Tracks:
        if pairing is not self._shown:
            self._shown = pairing
            self._first_id = window.start_frame * IDS_PER_FRAME
            self._limit = SpeedLimit(pairing.target, self._max_speed / window.fps)
        ids = self._first_id + np.arange(len(pairing.target))
        xy = self._limit(places) * (1, self._info.width / self._info.height)
        return Tracks(ids=ids, xy=xy, visible=seen if self._hide_lost else np.ones(seen.shape, bool))
