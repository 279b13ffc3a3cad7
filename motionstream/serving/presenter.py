"""Presenter: finished frames on their way to one client, a bounded number; decides when the next chunk may begin.

A frame is pending, then taken (to be encoded), then sent, then shown (acknowledged). What is left out is left out
before it is encoded, so that no video codec ever misses a frame that others refer to.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.serving.messages import Presentation
from motionstream.serving.packet import NO_FLAGS, Flag

LEAST_LEAD = 2
"""Video frames that are always in store, so that the display does not wait for the network."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A finished video frame.

    Attributes:
        pixels: RGB.
        generation: Of the stream when it was made.
        chunk: Its chunk.
        number: Counted from the start of the video.
        time_ms: Playing time.
        input_ms: Client's time of the newest event that first moves this frame; NaN where there is none.
        flags: Where it stands in its chunk.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    generation: int
    chunk: int
    number: int
    time_ms: float
    input_ms: float = math.nan
    flags: Flag = NO_FLAGS


@dataclass(frozen=True, kw_only=True)
class _Sent:
    sequence: int
    frame: Frame


class Presenter:
    """The frames of one stream between the model and the client; for one thread.

    Attributes:
        presentation: Whether a client that is behind makes the model wait or misses frames.
        generation: Frames of another one are not taken.
        dropped: Frames that were left out.

    Args:
        fps: Video frames per second of playing time.
        frames_per_chunk: Video frames of a chunk.
        paced: Let chunks begin no faster than the video plays.
        clock: Seconds that never go back.
    """

    def __init__(
        self, *, fps: float, frames_per_chunk: int, paced: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.presentation: Presentation = "backpressure"
        self.generation = 0
        self.dropped = 0
        self._fps, self._chunk, self._paced, self._clock = fps, frames_per_chunk, paced, clock
        self._pending: deque[Frame] = deque()
        self._taken: list[Frame] = []
        self._sent: deque[_Sent] = deque()
        self._newest: Frame | None = None
        self._next_sequence = 0
        self._played_until = clock()

    @property
    def num_unshown(self) -> int:
        """Frames that are made and not yet shown."""
        return len(self._pending) + len(self._taken) + len(self._sent)

    def lead_frames(self, chunk_seconds: float, round_trip_seconds: float) -> int:
        """Frames in store at which the next chunk has to begin to be there in time; bounded by two chunks."""
        needed = math.ceil(chunk_seconds * self._fps) + LEAST_LEAD + math.ceil(round_trip_seconds * self._fps)
        return min(max(LEAST_LEAD, needed), 2 * self._chunk)

    def seconds_to_room(self, lead: int) -> float:
        """How long until the next chunk may begin; infinite where only the client's acknowledgements can tell."""
        if self.presentation == "backpressure" and self.num_unshown > lead:
            return math.inf
        return max(0.0, self._played_until - lead / self._fps - self._clock()) if self._paced else 0.0

    def put(self, frames: Sequence[Frame]) -> None:
        """Take the frames of a chunk, unless they belong to an old branch."""
        current = [frame for frame in frames if frame.generation == self.generation]
        if not current:
            return
        self._pending.extend(current)
        self._newest = current[-1]
        self._played_until = max(self._clock(), self._played_until) + len(current) / self._fps
        while self.presentation == "drop" and len(self._pending) > self._chunk:
            self._drop_oldest()

    def put_still(self, frame: Frame) -> None:
        """Take a picture that stands until the video goes on."""
        self._pending.append(frame)
        self._newest = frame

    def take(self) -> Frame | None:
        """The next frame to encode and then to report by `sent`; None while there is none or the client is behind."""
        if not self._pending or (self.presentation == "drop" and len(self._sent) >= 2 * self._chunk):
            return None
        self._taken.append(self._pending.popleft())
        return self._taken[-1]

    def sent(self, frame: Frame) -> int | None:
        """The sequence number under which to send an encoded frame; None where branch or connection ended meanwhile."""
        if frame not in self._taken:
            return None
        self._taken.remove(frame)
        self._next_sequence += 1
        self._sent.append(_Sent(sequence=self._next_sequence, frame=frame))
        return self._next_sequence

    def shown(self, sequence: int) -> list[Frame]:
        """The client has shown a packet: the frames that are thereby settled, in order.

        Raises:
            InputError: There was no such packet.
        """
        if sequence > self._next_sequence:
            raise InputError(f"Ack: wanted a packet up to {self._next_sequence}, got {sequence}. Count as packets do.")
        settled = []
        while self._sent and self._sent[0].sequence <= sequence:
            settled.append(self._sent.popleft().frame)
        return settled

    def restart(self, generation: int) -> None:
        """Another branch: forget every frame of the old one."""
        self.generation = generation
        self._pending.clear()
        self._taken.clear()
        self._sent.clear()
        self._newest = None
        self._played_until = self._clock()

    def reconnect(self) -> None:
        """Another connection: send again what the old one did not show, or at least the newest frame."""
        unshown = [*(sent.frame for sent in self._sent), *self._taken]
        self._pending.extendleft(reversed(unshown))
        self._taken.clear()
        self._sent.clear()
        if not self._pending and self._newest is not None:
            self._pending.append(self._newest)
        # Another page has another clock, by which the old one's times mean nothing; and other frames than the old
        # connection may still be encoding, which are thereby refused in `sent`.
        self._pending = deque(replace(frame, input_ms=math.nan) for frame in self._pending)
        self._next_sequence = 0

    def _drop_oldest(self) -> None:
        gone = self._pending.popleft()
        self.dropped += 1
        if math.isnan(self._pending[0].input_ms):  # what moved the one that is left out is first seen in the next
            self._pending[0] = replace(self._pending[0], input_ms=gone.input_ms)
