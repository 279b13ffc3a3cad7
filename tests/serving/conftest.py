"""For tests of the server: the real one around the tiny networks, and a client that talks to it in its own words."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession

from motionstream.serving.messages import (
    Ack,
    Events,
    Hello,
    Message,
    Ready,
    Start,
    State,
    TimedInput,
    parse_server_message,
)
from motionstream.serving.packet import Kind, Packet
from motionstream.serving.server import create_app
from motionstream.serving.settings import ServerSettings
from motionstream.streaming.engine import StreamEngine

FRAMES = (Kind.JPEG, Kind.H264, Kind.VP8)


def picture_file(width: int = 48, height: int = 32, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


class Visitor:
    """A client for tests: shows frames as they come, and keeps all that it was sent."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session
        self.acks = True
        self.received: list[Message | Packet] = []

    def send(self, message: Message | Packet | str | bytes) -> None:
        if isinstance(message, Packet):
            message = message.to_bytes()
        if isinstance(message, bytes):
            self.session.send_bytes(message)
        else:
            self.session.send_text(message if isinstance(message, str) else message.model_dump_json())

    def receive(self) -> Message | Packet:
        event = self.session.portal.call(self._receive)
        if event["type"] == "websocket.close":
            raise Closed(event["code"])
        text = event.get("text")
        got = Packet.from_bytes(event["bytes"]) if text is None else parse_server_message(text)
        self.received.append(got)
        if self.acks and isinstance(got, Packet) and got.kind in FRAMES:
            self.send(Ack(packet=got.sequence, shown_ms=1e3 * time.monotonic()))
        return got

    async def _receive(self) -> Any:
        """Starlette's own `receive` would wait for ever."""
        with anyio.fail_after(20):
            return await self.session._send_rx.receive()

    def until(self, wanted: Callable[[Any], bool] | type, seconds: float = 30) -> Any:
        """The next message or packet of a kind; what comes before is kept in `received`."""
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            got = self.receive()
            if isinstance(got, wanted) if isinstance(wanted, type) else wanted(got):
                return got
        raise AssertionError(f"waited {seconds} s for {wanted}, got {self.received[-10:]}")

    def frames(self, count: int) -> list[Packet]:
        return [self.frame() for _ in range(count)]

    def frame(self, wanted: Callable[[Packet], bool] = lambda packet: True) -> Packet:
        packet = self.until(lambda got: isinstance(got, Packet) and got.kind in FRAMES and wanted(got))
        assert isinstance(packet, Packet)
        return packet

    def state(self, status: str) -> State:
        state = self.until(lambda got: isinstance(got, State) and got.status == status)
        assert isinstance(state, State)
        return state

    def drag(self, first_seq: int, *places: tuple[float, float], start_ms: float | None = None) -> None:
        """Press at the first place and move over the others within 50 ms each."""
        first = 1e3 * time.monotonic() if start_ms is None else start_ms
        kinds = ["press"] + ["move"] * (len(places) - 1)
        events = tuple(
            TimedInput(t_ms=first + 50 * index, event={"type": kind, "x": x, "y": y})
            for index, (kind, (x, y)) in enumerate(zip(kinds, places, strict=True))
        )
        self.send(Events(seq=first_seq, events=events))

    @staticmethod
    def picture_file(width: int = 48, height: int = 32, seed: int = 0) -> bytes:
        return picture_file(width, height, seed)

    def start(self, **fields: Any) -> None:
        """Send a picture and begin."""
        self.send_picture()
        self.send(Start(**fields))

    def send_picture(self, file: bytes | None = None) -> None:
        self.send(Packet(kind=Kind.PICTURE, payload=picture_file() if file is None else file))

    def hello(self, **fields: Any) -> Ready:
        self.send(Hello(version=1, **fields))
        ready = self.until(Ready)
        assert isinstance(ready, Ready)
        return ready


class Closed(Exception):  # noqa: N818  (an outcome, often the wanted one)
    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Studio:
    """A running server, and visitors to it."""

    def __init__(self, client: TestClient, stack: ExitStack) -> None:
        self.client, self._stack = client, stack

    def visit(self, **options: Any) -> Visitor:
        """A connection that has not said anything yet; closed with the server."""
        session = self.client.websocket_connect("/ws/live", subprotocols=["motionstream.v1"], **options)
        return Visitor(self._stack.enter_context(session))

    def enter(self, **hello: Any) -> Visitor:
        """A visitor who has been welcomed."""
        visitor = self.visit()
        visitor.hello(**hello)
        return visitor


@pytest.fixture(scope="session")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def open_studio(engine: StreamEngine) -> Iterator[Callable[..., Studio]]:
    """Starts servers with given settings, not paced by playing time."""
    with ExitStack() as stack:

        def start(loader: Callable[[], Any] = lambda: engine, **settings: Any) -> Studio:
            app = create_app(loader, ServerSettings(**{"paced": False, **settings}))
            inner = stack.enter_context(ExitStack())
            client = inner.enter_context(TestClient(app, base_url="http://localhost"))
            return Studio(client, stack)

        yield start
