"""Connection: one WebSocket from hello to its end; a task that reads and a task that writes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from motionstream.errors import InputError, MotionStreamError
from motionstream.serving.codecs import (
    DEFAULT_QUALITY,
    EncodedFrame,
    FrameEncoder,
    available_codecs,
    choose_codec,
    open_encoder,
)
from motionstream.serving.failure import failure
from motionstream.serving.live_stream import LiveStream
from motionstream.serving.messages import (
    PROTOCOL_VERSION,
    SUBPROTOCOL,
    Ack,
    Bye,
    ClientMessage,
    Codec,
    Configure,
    Cut,
    Error,
    Events,
    Hello,
    KeyFrame,
    Message,
    Pause,
    Picture,
    Ping,
    Pong,
    Prompt,
    Ready,
    Received,
    Record,
    Resume,
    Seek,
    Start,
    State,
    Stats,
    Stop,
    parse_client_message,
)
from motionstream.serving.packet import HEADER, NO_FLAGS, Flag, Kind, Packet
from motionstream.serving.picture import UploadedPicture
from motionstream.serving.presenter import Frame
from motionstream.serving.rate import TokenBucket
from motionstream.serving.service import Service
from motionstream.serving.streams import Streams, Ticket

logger = logging.getLogger(__name__)

MAX_TEXT_BYTES = 2**20
"""Longest JSON message: a pre-drawn path of 10,000 points."""

MAX_OUTBOX = 512
"""Messages that wait for a client that does not read."""

_TEXT_BYTES_PER_MESSAGE = 4096  # a longer message counts as several
_NOTICE_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 10.0


class Refused(Exception):  # noqa: N818  (the connection ends, in order)
    """The connection is not wanted.

    Attributes:
        code: Close code.
        error: What the client is told.
    """

    def __init__(self, code: int, error: Error) -> None:
        super().__init__(error.message)
        self.code, self.error = code, error


class Connection:
    """One client; fulfils `live_stream.Client`.

    Args:
        socket: Not yet accepted; its origin is checked already.
        service: What all share.
        streams: All streams.
        admitted: Whether header or cookie said enough, so that no token is needed.
    """

    def __init__(self, socket: WebSocket, service: Service, streams: Streams, *, admitted: bool) -> None:
        self._socket, self._service, self._streams, self._admitted = socket, service, streams, admitted
        self._outbox: deque[Message | Packet] = deque()
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._key_wanted, self._generation = True, -1
        self._quality = DEFAULT_QUALITY
        settings = service.settings
        self._messages = TokenBucket(settings.messages_per_second)
        self._events = TokenBucket(settings.events_per_second)
        self._pictures = TokenBucket(settings.pictures_per_second)
        self._noticed_at = -_NOTICE_SECONDS

    async def run(self) -> None:
        """From the handshake to the end."""
        offered = self._socket.scope.get("subprotocols", [])
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            hello = await self._hello()
            await self._loaded()
            ticket = self._enter(hello)
        except Refused as refused:
            await self._refuse(refused)
        except WebSocketDisconnect:
            return
        else:
            await self._serve(hello, ticket)

    def post(self, message: Message | Packet) -> None:
        """Send when there is time, in order; statistics and receipts that are outdated give way to newer ones."""
        if isinstance(message, Received | Stats) and self._outbox and type(self._outbox[-1]) is type(message):
            self._outbox.pop()
        self._outbox.append(message)
        if len(self._outbox) > MAX_OUTBOX:
            self.close(4408, "the client does not read")
        self._wake.set()

    def wake(self) -> None:
        """There may be a frame to take."""
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """End the connection after what was posted; of several reasons the first counts."""
        self._closing = self._closing or (code, reason)
        self._wake.set()

    # Before the stream.

    async def _hello(self) -> Hello:
        settings = self._service.settings
        try:
            async with asyncio.timeout(settings.first_message_seconds):
                event = await self._socket.receive()
        except TimeoutError as error:
            wanted = f"No hello within {settings.first_message_seconds:g} s. Send it first."
            raise Refused(4408, Error(code="protocol", message=wanted, fatal=True)) from error
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        try:
            message = parse_client_message(_text(event))
        except InputError as error:
            raise Refused(4400, Error(code="protocol", message=str(error), fatal=True)) from error
        if not isinstance(message, Hello) or message.version != PROTOCOL_VERSION:
            wanted = f"Wanted hello of version {PROTOCOL_VERSION} first. Use a client of this version."
            raise Refused(4400, Error(code="protocol", message=wanted, fatal=True))
        if not (self._admitted or self._service.access.admits(message.token)):
            wanted = "The token is missing or wrong. Use the address that the server printed when it started."
            raise Refused(4401, Error(code="access", message=wanted, fatal=True))
        return message

    async def _loaded(self) -> None:
        while not await self._service.settled(1.0):
            state = State(status="idle", generation=0, chunk=0, description="Loading the model.")
            await self._socket.send_text(state.model_dump_json())
        if not self._service.ready:
            raise Refused(1011, Error(code="model", message=self._service.failure, fatal=True))

    def _enter(self, hello: Hello) -> Ticket:
        try:
            self._codec: Codec = choose_codec(hello.codecs, available_codecs())
            return self._streams.enter(hello.resume)
        except InputError as error:
            raise Refused(1013, Error(code="busy", message=str(error), fatal=True)) from error

    async def _refuse(self, refused: Refused) -> None:
        self._service.metrics.refused.labels(refused.error.code).inc()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone already
            await self._socket.send_text(refused.error.model_dump_json())
            await self._socket.close(refused.code)

    # With the stream.

    async def _serve(self, hello: Hello, ticket: Ticket) -> None:
        self._stream: LiveStream = ticket.stream
        self._stream.wants_tracks = hello.tracks
        self._encoder = self._opened_encoder()
        self.post(self._ready(ticket))
        self._stream.attach(self)
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        self._service.metrics.connections.inc()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._service.metrics.connections.dec()
            self._stream.detach(self)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                error = None if task.cancelled() else task.exception()
                if error is not None and not isinstance(error, WebSocketDisconnect):
                    logger.error("Connection of stream %s failed", self._stream.name, exc_info=error)

    def _ready(self, ticket: Ticket) -> Ready:
        service, engine = self._service, self._service.engine
        config = engine.config
        return Ready(
            session=ticket.stream.name,
            resume=ticket.resume,
            resumed=ticket.resumed,
            status=ticket.stream.status,
            width=config.width,
            height=config.height,
            fps=config.fps,
            frames_per_chunk=config.video_frames_in_chunk(1),
            codec=self._codec,
            timesteps=config.timesteps,
            sink_frames=config.sink_frames,
            window_frames=config.window_frames,
            model=service.model,
            providers=service.offers.infos,
            max_picture_bytes=service.settings.message_bytes - HEADER.size,
            max_picture_pixels=service.settings.picture_pixels,
        )

    async def _read(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            try:
                await self._take(event)
            except InputError as error:
                self._complain("input", str(error))
            except Exception as error:
                told = failure(error)
                if not isinstance(error, MotionStreamError):
                    logger.exception("A message of stream %s failed", self._stream.name)
                self._complain(told.code, told.message)

    async def _take(self, event: Mapping[str, Any]) -> None:
        payload = event.get("bytes")
        if isinstance(payload, bytes):
            await self._slow_down(self._pictures.take())
            await self._take_picture(payload)
            return
        text = _text(event)
        await self._slow_down(self._messages.take(1 + len(text) / _TEXT_BYTES_PER_MESSAGE))
        try:
            message = parse_client_message(text)
        except InputError as error:
            self._complain("protocol", str(error))
            return
        if isinstance(message, Events):
            await self._slow_down(self._events.take(len(message.events)))
        self._handle(message)

    def _handle(self, message: ClientMessage) -> None:
        stream = self._stream
        if not isinstance(message, Ack | Ping):
            stream.touch()
        match message:
            case Start():
                stream.start(message)
            case Prompt():
                stream.prompt(message.text)
            case Events():
                stream.events(message)
            case Pause():
                stream.pause()
            case Resume():
                stream.resume()
            case Stop():
                stream.stop()
            case Seek():
                stream.seek(message.chunk)
            case Cut():
                stream.cut(message)
            case Record():
                stream.record(message.on)
            case Ack():
                stream.shown(message)
                self.wake()
            case KeyFrame():
                self._key_wanted = True
            case Configure():
                self._configure(message)
            case Ping():
                self._pong(message)
            case Bye():
                self._streams.end(stream)
                self.close(1000, "goodbye")
            case Hello():
                self._complain("protocol", "Hello comes only once. Open another connection.")

    async def _take_picture(self, payload: bytes) -> None:
        if len(payload) > self._service.settings.message_bytes:
            raise InputError(f"Picture: wanted at most {self._service.settings.message_bytes} bytes. Scale it down.")
        packet = Packet.from_bytes(payload)
        if packet.kind is not Kind.PICTURE:
            raise InputError(f"Binary message: wanted a picture, got {packet.kind.name}. See docs/protocol.md.")
        self._stream.set_picture(None)
        self._stream.touch()
        config, limit = self._service.engine.config, self._service.settings.picture_pixels
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(
            self._service.workers, UploadedPicture.decode, packet.payload, config, limit
        )
        self._stream.set_picture(picture)
        self.post(Picture(width=picture.size[0], height=picture.size[1]))

    def _configure(self, message: Configure) -> None:
        stream = self._stream
        stream.presenter.presentation = message.presentation or stream.presenter.presentation
        stream.wants_tracks = stream.wants_tracks if message.tracks is None else message.tracks
        if message.quality is not None:
            self._quality = message.quality
            self._encoder = self._opened_encoder()
        stream.configured()

    def _pong(self, message: Ping) -> None:
        self.post(Pong(t_ms=message.t_ms, server_ms=1e3 * time.monotonic()))
        if message.round_trip_ms is not None:
            self._stream.gauges.round_trip_ms = message.round_trip_ms

    async def _slow_down(self, seconds: float) -> None:
        """Let a client that is too fast wait, and tell it now and then."""
        if seconds <= 0:
            return
        if time.monotonic() - self._noticed_at > _NOTICE_SECONDS:
            self._noticed_at = time.monotonic()
            settings = self._service.settings
            self._complain(
                "rate",
                f"Faster than {settings.messages_per_second:g} messages, {settings.events_per_second:g} events or "
                f"{settings.pictures_per_second:g} pictures a second: you are slowed down. Send less often.",
            )
        await asyncio.sleep(min(seconds, _LONGEST_WAIT_SECONDS))

    def _complain(self, code: str, message: str) -> None:
        self._service.metrics.refused.labels(code).inc()
        self.post(Error(code=code, message=message))

    async def _write(self) -> None:
        """Messages go before frames, so that a new state is known before its first frame."""
        presenter = self._stream.presenter
        while True:
            self._wake.clear()
            if self._outbox:
                await self._send(self._outbox.popleft())
            elif self._closing is not None:
                await self._socket.close(*self._closing)
                return
            elif (frame := presenter.take()) is not None:
                await self._send_frame(frame)
            else:
                await self._wake.wait()

    async def _send(self, message: Message | Packet) -> None:
        if isinstance(message, Packet):
            await self._socket.send_bytes(message.to_bytes())
        else:
            await self._socket.send_text(message.model_dump_json())

    async def _send_frame(self, frame: Frame) -> None:
        key = self._key_wanted or frame.generation != self._generation
        self._key_wanted, self._generation = False, frame.generation
        encoded = await self._encoded(frame, key)
        sequence = self._stream.presenter.sent(frame)
        if sequence is None:  # its branch has ended meanwhile
            return
        packet = Packet(
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
        await self._socket.send_bytes(packet.to_bytes())
        self._service.metrics.frames_sent.inc()
        self._service.metrics.bytes_sent.inc(len(encoded.payload))

    async def _encoded(self, frame: Frame, key: bool) -> EncodedFrame:
        begun = time.monotonic()
        loop, encoder = asyncio.get_running_loop(), self._encoder
        encoded = await loop.run_in_executor(self._service.workers, lambda: encoder.encode(frame.pixels, key=key))
        seconds = time.monotonic() - begun
        self._stream.gauges.encode_ms = 1e3 * seconds
        self._service.metrics.encode_seconds.observe(seconds)
        return encoded

    def _opened_encoder(self) -> FrameEncoder:
        config = self._service.engine.config
        return open_encoder(
            self._codec, width=config.width, height=config.height, fps=config.fps, quality=self._quality
        )


def _text(event: Mapping[str, Any]) -> str:
    """The text of a message.

    Raises:
        InputError: It is binary or too long.
    """
    text = event.get("text")
    if not isinstance(text, str):
        raise InputError("Wanted a text message, got a binary one. See docs/protocol.md.")
    if len(text) > MAX_TEXT_BYTES:
        raise InputError(f"Message: wanted at most {MAX_TEXT_BYTES} characters, got {len(text)}. Send it in parts.")
    return text
