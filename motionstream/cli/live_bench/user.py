"""A simulated user: presses, drags in circles sixty times a second, and looks at a screen with a steady frame rate."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from motionstream.cli.live_bench.marker import age_ms, read_marker
from motionstream.client import AsyncLiveClient, connect_async
from motionstream.client.frame import Frame
from motionstream.serving.messages import Codec, Received, ServerMessage
from motionstream.serving.packet import Packet

_CIRCLE_SECONDS = 2.0
_RADIUS = 0.15


@dataclass(frozen=True, kw_only=True)
class UserSettings:
    """What a simulated user does.

    Attributes:
        codec: What frames come in.
        num_frames: Frames after which he goes; 0 for never.
        pointer_hz: Samples of the pointer.
        paced: Frames are shown at the video's rate; else as fast as they come.
    """

    codec: Codec = "jpeg"
    num_frames: int = 0
    pointer_hz: float = 60.0
    paced: bool = True


@dataclass(kw_only=True)
class Experience:
    """What a user has seen.

    Attributes:
        since_ms: Since when, by the user's clock; a frame counts when it is shown.
        seconds: Until the last frame.
        frames: Video frames that were shown.
        delivery_ms: From the engine's frame to decoded pixels, of frames with a marker.
        receipt_ms: From sending an event to its receipt: a round trip through the server.
        photon_ms: From a movement of the hand to the display of the first frame that has it.
        gaps_ms: Between frames shown.
        payload_bytes: Of all frames.
    """

    since_ms: float = 0.0
    seconds: float = 0.0
    frames: int = 0
    delivery_ms: list[float] = field(default_factory=list)
    receipt_ms: list[float] = field(default_factory=list)
    photon_ms: list[float] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    payload_bytes: int = 0


class _Decoded(NamedTuple):
    packet: Packet
    frame: Frame
    at_ms: float


class User:
    """One user of one server.

    Attributes:
        experience: What he has seen since he came or since `forget`.
    """

    def __init__(self, url: str, settings: UserSettings) -> None:
        self.experience = Experience()
        self._settings = settings
        self._live = connect_async(url, codecs=(settings.codec,), on_message=self._heed)
        self._sent_ms: dict[int, float] = {}
        self._last_shown_ms = -math.inf
        self._decoded: asyncio.Queue[_Decoded | None] = asyncio.Queue()

    @property
    def has_seen_any(self) -> bool:
        """Whether a video frame was shown."""
        return math.isfinite(self._last_shown_ms)

    @property
    def fps(self) -> float:
        """Of the video, once he has come."""
        return self._live.ready.fps

    def forget(self) -> None:
        """Begin a new experience: what was before is warm-up."""
        self.experience = Experience(since_ms=self._live.clock.now_ms())

    async def stay(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Come, drag and look; go when enough was seen, or when cancelled."""
        async with self._live as live:
            await live.send_picture(picture)
            await live.start("a simulated user")
            self.forget()
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(self._drag(live)), group.create_task(self._decode(live))]
                await self._look(live)
                for task in others:
                    task.cancel()

    async def _drag(self, live: AsyncLiveClient) -> None:
        period, begin = 1000 / self._settings.pointer_hz, live.clock.now_ms()
        await live.press(0.5, 0.5)
        step = 0
        while True:
            step += 1
            await asyncio.sleep(max(0.0, (begin + step * period - live.clock.now_ms()) / 1000))
            angle = 2 * math.pi * step * period / (1000 * _CIRCLE_SECONDS)
            sent_ms = live.clock.now_ms()
            seq = await live.move(0.5 + _RADIUS * math.sin(angle), 0.5 + _RADIUS * (1 - math.cos(angle)))
            self._sent_ms[seq] = sent_ms

    async def _decode(self, live: AsyncLiveClient) -> None:
        """Decode frames as they come, and put them before the screen; None at the video's end."""
        while (packet := await live.packet(acknowledge=False)) is not None:
            frame = live.decode(packet)
            self._decoded.put_nowait(_Decoded(packet, frame, live.clock.now_ms()))
        self._decoded.put_nowait(None)

    async def _look(self, live: AsyncLiveClient) -> None:
        """Show a frame at a time, none before it is due."""
        due_ms, period = -math.inf, 1000 / live.ready.fps
        wanted = self._settings.num_frames or math.inf
        while self.experience.frames < wanted and (decoded := await self._decoded.get()) is not None:
            if self._settings.paced:
                due_ms = max(live.clock.now_ms(), due_ms + period)
                await asyncio.sleep((due_ms - live.clock.now_ms()) / 1000)
            await live.shown(decoded.packet)
            if not decoded.frame.is_still:
                self._note(decoded, live.clock.now_ms())

    def _note(self, decoded: _Decoded, shown_ms: float) -> None:
        seen, frame, gap_ms = self.experience, decoded.frame, shown_ms - self._last_shown_ms
        self._last_shown_ms = shown_ms
        seen.frames += 1
        seen.seconds = (shown_ms - seen.since_ms) / 1000
        seen.payload_bytes += len(decoded.packet.payload)
        if math.isfinite(gap_ms):
            seen.gaps_ms.append(gap_ms)
        marker = read_marker(frame.pixels)
        if marker is not None:
            seen.delivery_ms.append(age_ms(marker, decoded.at_ms))
        if frame.input_ms is not None:
            seen.photon_ms.append(shown_ms - frame.input_ms)

    def _heed(self, message: ServerMessage) -> None:
        if not isinstance(message, Received):
            return
        now = self._live.clock.now_ms()
        sent = self._sent_ms.pop(message.seq, None)
        if sent is not None:
            self.experience.receipt_ms.append(now - sent)
        for seq in [seq for seq in self._sent_ms if seq < message.seq]:  # several events, one receipt
            del self._sent_ms[seq]
