"""For the client's tests: a small server that speaks the protocol, and breaks it where it is asked to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from motionstream.serving.codecs import FrameEncoder, open_encoder
from motionstream.serving.messages import (
    SUBPROTOCOL,
    Ack,
    Applied,
    Bye,
    Error,
    Events,
    Hello,
    Message,
    Pause,
    Picture,
    Ping,
    Pong,
    Prompt,
    Queued,
    Ready,
    Received,
    Resume,
    Seek,
    Start,
    State,
    Stop,
    parse_client_message,
)
from motionstream.serving.packet import Flag, Kind, Packet, encode_tracks
from motionstream.tracks import Tracks

WIDTH, HEIGHT, CHUNK, WINDOW = 48, 33, 4, 3
TOKEN = "open sesame"


@dataclass
class SmallServer:
    """What it was told, and its one stream.

    Attributes:
        messages: Everything that came, in order.
        stale_after_seek: Send a frame of the old branch after a seek.
        forgetful: Know no stream that somebody comes back to.
    """

    url: str = ""
    token: str | None = None
    stale_after_seek: bool = False
    forgetful: bool = False
    messages: list[Message] = field(default_factory=list)
    connections: int = 0
    status: str = "idle"
    generation: int = 0
    frame: int = 0
    shown: int = 0
    newest_input_ms: float = float("nan")
    received: int = -1
    socket: ServerConnection | None = None
    complaints: list[str] = field(default_factory=list)

    @staticmethod
    def colour(index: int) -> tuple[int, int, int]:
        """Of the video frame of this number."""
        return (40 + 13 * index % 180, 200 - 7 * index % 160, 90)

    def of(self, kind: type[Message]) -> list[Message]:
        """The messages of a kind that came."""
        return [message for message in self.messages if isinstance(message, kind)]

    def break_network(self) -> None:
        """As if a cable was pulled."""
        assert self.socket is not None
        self.socket.socket.shutdown(2)

    def handle(self, socket: ServerConnection) -> None:
        """One connection."""
        try:
            _Conversation(self, socket).run()
        except ConnectionClosed:
            return
        except AssertionError as error:
            self.complaints.append(str(error))
            raise

    def wait_for(self, what: object, seconds: float = 5.0) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        assert callable(what)
        while not what():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.005)


class _Conversation:
    def __init__(self, server: SmallServer, socket: ServerConnection) -> None:
        self.server, self.socket = server, socket
        self.sequence, self.acknowledged = 0, 0
        self.hello: Hello
        self.encoder: FrameEncoder
        self.key = True

    def run(self) -> None:
        hello = parse_client_message(self.socket.recv(timeout=5))
        assert isinstance(hello, Hello)
        self.server.messages.append(hello)
        if self.server.token is not None and hello.token != self.server.token:
            self.socket.close(4401)
            return
        self.hello, self.server.socket = hello, self.socket
        self.server.connections += 1
        self.encoder = open_encoder(hello.codecs[0], width=WIDTH, height=HEIGHT, fps=16.0)
        self._say(self._ready())
        while True:
            while self._may_send():
                self._send_frame()
            try:
                data = self.socket.recv(timeout=0.005)
            except TimeoutError:
                continue
            if isinstance(data, bytes):
                self._take_picture(Packet.from_bytes(data).payload)
            else:
                self._heed(parse_client_message(data))

    def _ready(self) -> Ready:
        return Ready(
            session="s",
            resume="secret",
            resumed=self.hello.resume == "secret" and not self.server.forgetful,
            status="idle",
            width=WIDTH,
            height=HEIGHT,
            fps=16.0,
            frames_per_chunk=CHUNK,
            codec=self.hello.codecs[0],
            timesteps=(1000.0,),
            sink_frames=3,
            window_frames=9,
            model="small",
            providers=(),
            max_picture_bytes=1000,
            max_picture_pixels=1000,
        )

    def _heed(self, message: Message) -> None:
        self.server.messages.append(message)
        match message:
            case Ping():
                self._say(Pong(t_ms=message.t_ms, server_ms=time.monotonic() * 1000 + 5000))
            case Ack():
                assert message.packet <= self.sequence, "an ack of another connection"
                self.acknowledged, self.server.shown = message.packet, message.packet
            case Start():
                if message.prompt == "wait":
                    self._say(Queued(position=2, waiting=2))
                if message.prompt == "refuse":
                    self._say(Error(code="input", message="No picture was sent."))
                    return
                self._begin(0)
            case Seek():
                stale = self.server.generation
                self._begin(message.chunk * CHUNK)
                if self.server.stale_after_seek:
                    self.sequence += 1
                    self._send(Packet(kind=Kind.JPEG, payload=b"old", generation=stale, sequence=self.sequence))
            case Events():
                self._take_events(message)
            case Prompt(text="fail"):
                self.server.status = "failed"
                self._tell("out of memory")
            case Pause():
                self.server.status = "paused"
                self._tell()
            case Resume():
                self.server.status = "streaming"
                self._tell()
            case Stop():
                self.server.status, self.server.generation = "stopped", self.server.generation + 1
                self._tell()
            case Bye():
                self.socket.close(1000)

    def _take_picture(self, data: bytes) -> None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            self._say(Error(code="input", message="That is no picture."))
        else:
            self._say(Picture(width=pixels.shape[1], height=pixels.shape[0]))

    def _take_events(self, message: Events) -> None:
        for index, timed in enumerate(message.events):
            if timed.event["type"] == "twirl":
                self._say(Error(code="input", message="Nobody twirls."))
            self.server.newest_input_ms = timed.t_ms
            self._say(
                Applied(
                    generation=self.server.generation,
                    chunk=self.server.frame // CHUNK,
                    frames=((message.seq + index, self.server.frame),),
                )
            )
        self.server.received = message.seq + len(message.events) - 1
        self._say(Received(seq=self.server.received))

    def _begin(self, frame: int) -> None:
        self.server.status, self.server.generation = "streaming", self.server.generation + 1
        self.server.frame, self.key = frame, True
        self.acknowledged = self.sequence
        self._tell()
        self._send_frame(still=True)

    def _tell(self, description: str = "") -> None:
        status, server = self.server.status, self.server
        self._say(
            State(
                status=status,  # type: ignore[arg-type]
                generation=server.generation,
                chunk=server.frame // CHUNK,
                description=description,
            )
        )

    def _may_send(self) -> bool:
        return self.server.status == "streaming" and self.sequence - self.acknowledged < WINDOW

    def _send_frame(self, *, still: bool = False) -> None:
        server, number = self.server, self.server.frame
        if self.hello.tracks and not still and number % CHUNK == 0:
            xy = np.linspace(0.25, 0.75, CHUNK)[:, None, None] * np.ones((1, 1, 2))
            tracks = Tracks(ids=np.arange(1), xy=xy, visible=np.ones((CHUNK, 1), bool))
            self._send(Packet(kind=Kind.TRACKS, payload=encode_tracks(tracks), chunk=number // CHUNK, frame=number))
        pixels = np.full((HEIGHT, WIDTH, 3), (1, 2, 3) if still else server.colour(number), np.uint8)
        encoded = self.encoder.encode(pixels, key=self.key)
        self.sequence += 1
        flags = Flag.KEY if encoded.key else Flag(0)
        if not still:
            flags |= Flag.CHUNK_START if number % CHUNK == 0 else Flag(0)
            flags |= Flag.CHUNK_END if number % CHUNK == CHUNK - 1 else Flag(0)
        self._send(
            Packet(
                kind=encoded.kind,
                payload=encoded.payload,
                flags=flags,
                generation=server.generation,
                sequence=self.sequence,
                chunk=number // CHUNK,
                frame=0 if still else number,
                time_ms=1000 * number / 16,
                input_ms=server.newest_input_ms,
            )
        )
        self.key = False
        server.frame += 0 if still else 1

    def _say(self, message: Message) -> None:
        with suppress(ConnectionClosed):  # what came before the end is still read
            self.socket.send(message.model_dump_json())

    def _send(self, packet: Packet) -> None:
        with suppress(ConnectionClosed):  # what came before the end is still read
            self.socket.send(packet.to_bytes())


@contextmanager
def _running(**options: object) -> Iterator[SmallServer]:
    """A server on a free port."""
    small = SmallServer(**options)  # type: ignore[arg-type]
    with serve(small.handle, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)]) as server:
        small.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield small
        assert not small.complaints
        server.shutdown()
        thread.join()


@pytest.fixture
def serve_small() -> Iterator[Callable[..., SmallServer]]:
    """Starts small servers."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(_running(**options))
