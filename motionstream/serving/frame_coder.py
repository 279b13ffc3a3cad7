"""FrameCoder: frames of the presenter -> packets of one connection, encoded beside the event loop."""

from __future__ import annotations

import asyncio
import time

from motionstream.serving.codecs import DEFAULT_QUALITY, EncodedFrame, open_encoder
from motionstream.serving.gauges import Gauges
from motionstream.serving.messages import Codec
from motionstream.serving.packet import NO_FLAGS, Flag, Packet
from motionstream.serving.presenter import Frame, Presenter
from motionstream.serving.service import Service


class FrameCoder:
    """The encoder of one connection; its first frame, and that of every branch, is a key frame.

    Args:
        service: Its threads, and what is measured.
        presenter: Numbers the packets.
        gauges: Are told how long it took.
        codec: What the client chose.
    """

    def __init__(self, service: Service, presenter: Presenter, gauges: Gauges, codec: Codec) -> None:
        self._service, self._presenter, self._gauges, self._codec = service, presenter, gauges, codec
        self._key_wanted, self._generation = True, -1
        self.set_quality(DEFAULT_QUALITY)

    def want_key(self) -> None:
        """Make the next frame a key frame."""
        self._key_wanted = True

    def set_quality(self, quality: int) -> None:
        """From the next frame on."""
        config = self._service.engine.config
        self._encoder = open_encoder(
            self._codec, width=config.width, height=config.height, fps=config.fps, quality=quality
        )

    async def packet(self, frame: Frame) -> Packet | None:
        """The frame to be sent; None where its branch or connection has ended meanwhile."""
        key = self._key_wanted or frame.generation != self._generation
        self._key_wanted, self._generation = False, frame.generation
        encoded = await self._encoded(frame, key)
        sequence = self._presenter.sent(frame)
        if sequence is None:
            return None
        self._service.metrics.frames_sent.inc()
        self._service.metrics.bytes_sent.inc(len(encoded.payload))
        return Packet(
            kind=encoded.kind,
            payload=encoded.payload,
            flags=frame.flags | (Flag.KEY if encoded.key else NO_FLAGS),
            generation=frame.generation,
            sequence=sequence,
            chunk=frame.chunk,
            frame=frame.number,
            time_ms=frame.time_ms,
            input_ms=frame.input_ms,
        )

    async def _encoded(self, frame: Frame, key: bool) -> EncodedFrame:
        begun, encoder = time.monotonic(), self._encoder
        encoded = await asyncio.get_running_loop().run_in_executor(
            self._service.coders, lambda: encoder.encode(frame.pixels, key=key)
        )
        seconds = time.monotonic() - begun
        self._gauges.encode_ms = 1e3 * seconds
        self._service.metrics.encode_seconds.observe(seconds)
        return encoded
