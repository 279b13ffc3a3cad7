"""Gauges: how fast a stream is at present, as its user and the presenter are told."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from motionstream.serving.latency import Latency, ShownRate
from motionstream.serving.live_video import MadeChunk
from motionstream.serving.messages import Stats
from motionstream.serving.presenter import Frame, Presenter
from motionstream.serving.turns import Turn
from motionstream.streaming.profiling import STAGES

_LONGEST_LATENCY_MS = 60_000
_RECENT_CHUNKS = 4


class Gauges:
    """Measurements of one stream.

    Attributes:
        encode_ms: Time that the newest frame took to encode.
        round_trip_ms: What the client last said; None before.
    """

    def __init__(self) -> None:
        self.encode_ms = 0.0
        self.round_trip_ms: float | None = None
        self._latency, self._shown_rate = Latency(), ShownRate()
        self._chunk_seconds: deque[float] = deque(maxlen=_RECENT_CHUNKS)
        self._fps_made: float | None = None
        self._stages_ms: dict[str, float] = {}

    @property
    def chunk_seconds(self) -> float:
        """The longest of the last few chunks, from asking for a turn to the finished frames."""
        return max(self._chunk_seconds, default=0.0)

    @property
    def round_trip_seconds(self) -> float:
        """As the client says; 0 before it says something."""
        return min(self.round_trip_ms or 0.0, 1000.0) / 1000

    def made(self, turn: Turn[MadeChunk]) -> None:
        """A chunk was made."""
        video = turn.result.video
        self._chunk_seconds.append(turn.waited_seconds + turn.took_seconds)
        self._fps_made = len(video.frames) / max(1e-6, turn.took_seconds)
        self._stages_ms = {stage: video.timings.stage_ms(stage) for stage in STAGES}
        self._stages_ms["wait"] = 1e3 * turn.waited_seconds

    def shown(self, frames: Iterable[Frame], shown_ms: float, now_seconds: float) -> list[float]:
        """Frames were shown: the times from control to photon, in milliseconds."""
        times = []
        for frame in frames:
            self._shown_rate.add(now_seconds)
            passed = shown_ms - frame.input_ms
            if not math.isnan(passed) and 0 <= passed <= _LONGEST_LATENCY_MS:  # a client may say anything
                self._latency.add(passed)
                times.append(passed)
        return times

    def stats(
        self, presenter: Presenter, *, chunk: int, frames: int, recording_seconds: float | None, now_seconds: float
    ) -> Stats:
        """All of it."""
        return Stats(
            chunk=chunk,
            frames=frames,
            fps_made=self._fps_made,
            fps_shown=self._shown_rate.per_second(now_seconds),
            stages_ms={**self._stages_ms, "encode": self.encode_ms},
            control_to_photon_ms=self._latency.percentiles(),
            round_trip_ms=self.round_trip_ms,
            dropped=presenter.dropped,
            queued_frames=presenter.num_unshown,
            recording_seconds=recording_seconds,
        )
