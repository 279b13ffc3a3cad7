"""AsyncLiveClient: a stream on a live server, for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import UInt8

from motionstream.client.clock import Clock
from motionstream.client.connection import Connection, ConnectionSettings
from motionstream.client.decoder import FrameDecoder
from motionstream.client.errors import LiveError
from motionstream.client.frame import Frame
from motionstream.client.inbox import Inbox
from motionstream.client.outbox import Outbox
from motionstream.client.picture import picture_bytes
from motionstream.errors import InputError
from motionstream.serving.messages import (
    Ack,
    Codec,
    Configure,
    Cut,
    KeyFrame,
    Message,
    Pause,
    Picture,
    Pong,
    Presentation,
    Prompt,
    Queued,
    Ready,
    Received,
    Record,
    Recorded,
    Resume,
    Seek,
    ServerMessage,
    Start,
    State,
    Stats,
    Stop,
    TimedInput,
)
from motionstream.serving.packet import Kind, Packet

_PING_SECONDS = 1.0
_REPLY_SECONDS = 60.0
_GIVEN = 1024  # packets that may wait to be acknowledged: more than a server sends


def connect_async(
    url: str,
    token: str | None = None,
    *,
    resume: str | None = None,
    codecs: Sequence[Codec] = ("jpeg",),
    tracks: bool = False,
    reconnect_seconds: float = 30.0,
    on_message: Callable[[ServerMessage], None] = lambda _: None,
) -> AsyncLiveClient:
    """A client to enter with `async with`, which connects it.

    Args:
        url: Of the app, such as "http://127.0.0.1:7860", or of its socket.
        token: What a server asks for that is not on the loopback.
        resume: `ready.resume` of an earlier client, to take up its stream.
        codecs: What frames may come in, best first.
        tracks: Whether frames shall have their `tracks`.
        reconnect_seconds: How long to try to come back where the network breaks.
        on_message: Called with every message of the server.
    """
    settings = ConnectionSettings(
        url=url,
        token=token,
        resume=resume,
        codecs=tuple(codecs),
        tracks=tracks,
        reconnect_seconds=reconnect_seconds,
    )
    return AsyncLiveClient(settings, on_message)


class AsyncLiveClient:
    """A stream on a live server; iterating gives its frames until the video ends. `connect_async` makes one.

    What the server refuses is raised by the call that waits for the answer, or else by the next frame that is asked
    for. The network may break: the client comes back to its stream, and sends what did not arrive once more.

    Attributes:
        clock: Times of events and frames are by it.
    """

    def __init__(self, settings: ConnectionSettings, on_message: Callable[[ServerMessage], None]) -> None:
        self.clock = Clock()
        self._on_message = on_message
        self._inbox = Inbox()
        self._outbox = Outbox(first=1 if settings.resume is None else 0)
        self._connection = Connection(settings, on_message, self._outbox.again)
        self._given: deque[Packet] = deque(maxlen=_GIVEN)
        self._decoder: FrameDecoder
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._connection.open()
        self._decoder = FrameDecoder(self.ready.width, self.ready.height)
        self._on_message(self.ready)
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._ping())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def ready(self) -> Ready:
        """What the server said of itself and the stream when this client connected."""
        return self._connection.ready

    @property
    def state(self) -> State | None:
        """What the stream does; None before the first `start`."""
        return self._inbox.state

    @property
    def queued(self) -> Queued | None:
        """The place in the queue; None while there is none."""
        return self._inbox.queued

    @property
    def stats(self) -> Stats | None:
        """The newest figures of the server."""
        return self._inbox.stats

    @property
    def report(self) -> dict[str, Any]:
        """What the provider of motion shows of itself."""
        return self._inbox.report

    @property
    def recorded(self) -> Recorded | None:
        """The newest finished recording."""
        return self._inbox.recorded

    @property
    def received(self) -> int:
        """First receipt: the number of the last event that arrived at the server."""
        return self._outbox.received

    def applied(self, seq: int) -> tuple[int, int] | None:
        """Second receipt: the chunk and the video frame that an event moves; None before it is known."""
        return self._inbox.applied.get(seq)

    async def send_picture(self, picture: str | Path | bytes | UInt8[np.ndarray, "h w 3"]) -> Picture:
        """Send the picture that the next `start` or `cut` uses: a path, a file's bytes, or pixels.

        Raises:
            LiveError: The server cannot use it.
        """
        packet = Packet(kind=Kind.PICTURE, payload=picture_bytes(picture))
        answer = await self._ask(packet, lambda message: isinstance(message, Picture))
        assert isinstance(answer, Picture)
        return answer

    async def send_camera(self, jpeg: bytes, seconds: float | None = None) -> bool:
        """Send a picture of a live camera to a source of motion that follows one; it is not answered.

        Args:
            jpeg: The picture.
            seconds: When it was taken, by `clock` in seconds; now where left out.

        Returns:
            Whether it was sent; while the network is broken it is dropped, as the next one is newer.
        """
        taken_ms = self.clock.now_ms() if seconds is None else 1000 * seconds
        return await self._connection.offer(Packet(kind=Kind.CAMERA, payload=jpeg, time_ms=taken_ms))

    async def start(
        self,
        prompt: str = "",
        *,
        seed: int = 0,
        provider: str = "drag",
        settings: Mapping[str, Any] | None = None,
        fit: Literal["crop", "pad"] = "crop",
        timesteps: Sequence[float] | None = None,
        sink_frames: int | None = None,
        window_frames: int | None = None,
        paused: bool = False,
    ) -> None:
        """Begin a video from the picture sent last; it streams at once, or when it is its turn (see `queued`).

        Args:
            prompt: What the video shows.
            seed: The same seed and input give the same frames.
            provider: A source of motion, by name; `ready.providers` has them.
            settings: Its settings.
            fit: How a picture of another shape is brought to the model's size.
            timesteps: Denoising timesteps in place of the checkpoint's.
            sink_frames: Latent frames of the attention sink, in place of the checkpoint's.
            window_frames: Latent frames of the window, in place of the checkpoint's.
            paused: Wait for `resume` before the first chunk.

        Raises:
            LiveError: The server refused.
        """
        message = Start(
            prompt=prompt,
            seed=seed,
            provider=provider,
            settings=dict(settings or {}),
            fit=fit,
            timesteps=None if timesteps is None else tuple(timesteps),
            sink_frames=sink_frames,
            window_frames=window_frames,
            paused=paused,
        )
        await self._ask(message, self._next_branch())

    async def send_events(self, events: Sequence[Mapping[str, Any]], times_ms: Sequence[float] | None = None) -> int:
        """Tell what a user did, as the provider reads it; returns the number of the last event.

        Args:
            events: In order; each with a "type", without "time_seconds".
            times_ms: When each was, by `clock`; now where left out.
        """
        now = self.clock.now_ms()
        times = [now] * len(events) if times_ms is None else times_ms
        timed = [TimedInput(t_ms=t, event=dict(event)) for t, event in zip(times, events, strict=True)]
        messages = self._outbox.put(timed)
        for message in messages:
            await self._connection.offer(message)  # what is not sent now is sent again when the network is back
        return messages[-1].seq + len(messages[-1].events) - 1 if messages else self.received

    async def press(self, x: float, y: float, pointer: int = 0) -> int:
        """Take hold of the picture at a place; x and y run from 0 to 1. Returns the event's number."""
        return await self.send_events([{"type": "press", "x": x, "y": y, "pointer": pointer}])

    async def move(self, x: float, y: float, pointer: int = 0) -> int:
        """Drag to a place. Returns the event's number."""
        return await self.send_events([{"type": "move", "x": x, "y": y, "pointer": pointer}])

    async def release(self, x: float, y: float, pointer: int = 0) -> int:
        """Let go at a place. Returns the event's number."""
        return await self.send_events([{"type": "release", "x": x, "y": y, "pointer": pointer}])

    async def prompt(self, text: str) -> None:
        """Change the prompt from the next chunk on."""
        await self._connection.send(Prompt(text=text))

    async def pause(self) -> None:
        """Make no more chunks for now."""
        await self._connection.send(Pause())

    async def resume(self) -> None:
        """Go on after a pause."""
        await self._connection.send(Resume())

    async def stop(self) -> None:
        """End the video, and with it the iteration over its frames."""
        if self.state is not None and not self._inbox.is_over:
            await self._ask(Stop(), lambda message: isinstance(message, State) and message.status == "stopped")

    async def seek(self, chunk: int) -> None:
        """Go back to the beginning of a chunk and branch from there; no frame of the old branch is given afterwards."""
        await self._ask(Seek(chunk=chunk), self._next_branch())

    async def cut(self, prompt: str | None = None, *, fit: Literal["crop", "pad"] = "crop") -> None:
        """Go on from the picture that was sent last."""
        await self._connection.send(Cut(prompt=prompt, fit=fit))

    async def record(self, on: bool) -> None:
        """Begin or end a recording on the server; `recorded` has it when it is finished."""
        await self._connection.send(Record(on=on))

    async def configure(
        self, *, presentation: Presentation | None = None, quality: int | None = None, tracks: bool | None = None
    ) -> None:
        """Change how frames are sent; what is left out stays."""
        await self._connection.send(Configure(presentation=presentation, quality=quality, tracks=tracks))

    async def request_key_frame(self) -> None:
        """Ask for a frame that refers to none before."""
        await self._connection.send(KeyFrame())

    async def packet(self, *, acknowledge: bool = True) -> Packet | None:
        """The next frame as it travels, stills too; None when the video has ended.

        Args:
            acknowledge: Whether that says that the frames before were shown; else `shown` has to.

        Raises:
            LiveError: Something was refused or failed since; another call goes on.
        """
        if acknowledge:
            await self.shown()
        packet = await self._inbox.next_packet()
        if packet is not None:
            self._given.append(packet)
        return packet

    def decode(self, packet: Packet) -> Frame:
        """The frame of a packet that `packet` gave; each once and in order, for frames refer to those before."""
        return Frame.of(packet, self._decoder.decode(packet), self._inbox.tracks_of(packet))

    async def shown(self, packet: Packet | None = None) -> None:
        """Acknowledge a packet, and with it all before; by default the newest that was given."""
        if packet is None and self._given:
            packet = self._given[-1]
        if packet is None or not any(each is packet for each in self._given):  # done, or of a lost connection
            return
        while self._given.popleft() is not packet:
            pass
        ack = Ack(packet=packet.sequence, shown_ms=self.clock.now_ms())
        await self._connection.offer(ack)  # packets are numbered anew in the next connection: it has no use for this

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while (packet := await self.packet()) is not None:
            frame = self.decode(packet)
            if not frame.is_still:
                return frame
        raise StopAsyncIteration

    async def close(self, *, bye: bool = True) -> None:
        """Leave; without `bye` the stream can be taken up again by its resume token."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close(bye=bye)

    async def _ask(self, message: Message | Packet, fits: Callable[[ServerMessage], bool]) -> ServerMessage:
        answer = self._inbox.expect(fits)
        await self._connection.send(message)
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                return await answer
        except TimeoutError as error:
            raise LiveError("time", f"The server did not answer within {_REPLY_SECONDS:g} seconds.") from error

    def _next_branch(self) -> Callable[[ServerMessage], bool]:
        """Fits the state that says that the next branch of the video has begun."""
        before = -1 if self.state is None else self.state.generation
        going = ("queued", "streaming", "paused")
        return lambda each: isinstance(each, State) and each.generation > before and each.status in going

    async def _receive(self) -> None:
        try:
            while True:
                self._take(await self._connection.receive())
        except LiveError as error:
            self._inbox.fail(error, for_good=True)
        except InputError as error:  # a message that breaks the protocol
            self._inbox.fail(LiveError("protocol", str(error)), for_good=True)

    def _take(self, message: ServerMessage | Packet) -> None:
        self._inbox.take(message)
        match message:
            case Packet():
                return
            case Received():
                self._outbox.take_receipt(message.seq)
            case Pong():
                self.clock.take(message)
            case Ready():  # the network was broken: frames under way are lost
                self._inbox.forget_frames()
                self._given.clear()  # packets are numbered anew
        self._on_message(message)

    async def _ping(self) -> None:
        try:
            while True:
                await self._connection.send(self.clock.ping())
                await asyncio.sleep(_PING_SECONDS)
        except LiveError:
            return  # whoever receives has said it
