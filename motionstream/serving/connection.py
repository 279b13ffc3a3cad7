"""Connection: one WebSocket from hello to its end; a task that reads and a task that writes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from motionstream.errors import InputError, MotionStreamError
from motionstream.serving.codecs import available_codecs, choose_codec
from motionstream.serving.failure import failure
from motionstream.serving.frame_coder import FrameCoder
from motionstream.serving.handshake import Refused, shake_hands, text_of
from motionstream.serving.live_stream import LiveStream
from motionstream.serving.messages import (
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
    Report,
    Resume,
    Seek,
    Start,
    Stats,
    Stop,
    parse_client_message,
)
from motionstream.serving.packet import HEADER, Kind, Packet, is_camera
from motionstream.serving.picture import UploadedPicture
from motionstream.serving.rate import TokenBucket
from motionstream.serving.service import Service
from motionstream.serving.streams import Streams, Ticket

logger = logging.getLogger(__name__)

MAX_OUTBOX = 512
"""Messages that wait for a client that does not read."""

_TEXT_BYTES_PER_MESSAGE = 4096  # a longer message counts as several
_NOTICE_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 10.0


async def serve(socket: WebSocket, service: Service, streams: Streams, *, admitted: bool) -> None:
    """Serve a WebSocket whose origin is checked, from the handshake to the end.

    Args:
        socket: Not yet accepted.
        service: What all share.
        streams: All streams.
        admitted: Whether header or cookie said enough, so that no token is needed.
    """
    try:
        hello = await shake_hands(socket, service, admitted=admitted)
        codec, ticket = _entered(hello, streams)
    except Refused as refused:
        service.metrics.refused.labels(refused.error.code).inc()
        await refused.tell(socket)
    except WebSocketDisconnect:
        return
    else:
        ticket.stream.wants_tracks = hello.tracks
        await Connection(socket, service, streams, ticket.stream, codec).run(ticket)


def _entered(hello: Hello, streams: Streams) -> tuple[Codec, Ticket]:
    try:
        return choose_codec(hello.codecs, available_codecs()), streams.enter(hello.resume)
    except InputError as error:
        raise Refused(1013, "busy", str(error)) from error


class Connection:
    """One client that was welcomed; fulfils `client.Client`.

    Args:
        socket: Accepted.
        service: What all share.
        streams: All streams.
        stream: The client's.
        codec: For its frames.
    """

    def __init__(self, socket: WebSocket, service: Service, streams: Streams, stream: LiveStream, codec: Codec) -> None:
        self._socket, self._service, self._streams, self._stream = socket, service, streams, stream
        self._codec: Codec = codec
        self._coder = FrameCoder(service, stream.presenter, stream.gauges, codec)
        self._outbox: deque[Message | Packet] = deque()
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        settings = service.settings
        self._messages = TokenBucket(settings.messages_per_second)
        self._events = TokenBucket(settings.events_per_second)
        self._pictures = TokenBucket(settings.pictures_per_second)
        self._camera = TokenBucket(settings.camera_per_second)
        self._noticed_at = self._camera_refused_at = -_NOTICE_SECONDS

    async def run(self, ticket: Ticket) -> None:
        """From the welcome to the end."""
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

    def post(self, message: Message | Packet) -> None:
        """Send when there is time, in order; of statistics, receipts and reports that wait only the newest are sent."""
        if self._closing is not None:
            return
        last = self._outbox[-1] if self._outbox else None
        if isinstance(message, Received | Stats | Report) and type(last) is type(message):
            self._outbox.pop()
        if isinstance(message, Report) and isinstance(last, Report):
            message = Report(values={**last.values, **message.values})
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
            except MotionStreamError as error:  # whatever it is, it was this message that asked for it
                self._complain("input", str(error))
            except Exception as error:
                logger.exception("A message of stream %s failed", self._stream.name)
                self._complain(failure(error).code, failure(error).message)

    async def _take(self, event: Mapping[str, Any]) -> None:
        payload = event.get("bytes")
        if isinstance(payload, bytes) and is_camera(payload):
            self._take_camera(payload)
            return
        if isinstance(payload, bytes):
            await self._slow_down(self._pictures.take())
            await self._take_picture(payload)
            return
        text = text_of(event)
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
                self._coder.want_key()
            case Configure():
                self._configure(message)
            case Ping():
                self._pong(message)
            case Bye():
                self._streams.end(stream)
                self.close(1000, "goodbye")
            case Hello():
                self._complain("protocol", "Hello comes only once. Open another connection.")

    def _take_camera(self, payload: bytes) -> None:
        """Nothing here waits: a picture that comes too soon is left out, and the next one is newer."""
        if not self._camera.try_take():
            return
        self._stream.touch()
        limit = self._service.settings.camera_bytes
        try:
            if len(payload) > HEADER.size + limit:
                raise InputError(
                    f"Camera picture: wanted at most {limit} bytes, got {len(payload) - HEADER.size}. "
                    "Send smaller pictures, or a lower quality."
                )
            self._stream.camera(Packet.from_bytes(payload))
        except InputError as error:  # thirty a second may be wrong in the same way
            if time.monotonic() - self._camera_refused_at > _NOTICE_SECONDS:
                self._camera_refused_at = time.monotonic()
                self._complain("input", str(error))

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
            self._coder.set_quality(message.quality)
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
                packet = await self._coder.packet(frame)
                if packet is not None:
                    await self._send(packet)
            else:
                await self._wake.wait()

    async def _send(self, message: Message | Packet) -> None:
        if isinstance(message, Packet):
            await self._socket.send_bytes(message.to_bytes())
        else:
            await self._socket.send_text(message.model_dump_json())
