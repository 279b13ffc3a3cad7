"""Connection: a socket that says hello, and comes back to its stream when the network breaks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from motionstream.client.address import live_address
from motionstream.client.errors import LiveError
from motionstream.serving.messages import (
    PROTOCOL_VERSION,
    SUBPROTOCOL,
    Bye,
    Codec,
    Error,
    Hello,
    Message,
    Ready,
    ServerMessage,
    parse_server_message,
)
from motionstream.serving.packet import Packet

_MESSAGE_BYTES = 64 * 2**20
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 8.0  # seconds between attempts
_FOR_GOOD = {
    1000: "the server ended it",
    4400: "the server does not understand this client",
    4401: "the token is missing or wrong; ask for another one",
    4409: "another connection took the stream up",
}


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """Where to connect, and as whom.

    Attributes:
        url: Of the app or of its socket.
        token: What a server asks for that is not on the loopback.
        resume: The resume token of an earlier stream, to take it up.
        codecs: What frames may come in, best first.
        tracks: Whether to get the tracks of every chunk.
        reconnect_seconds: How long to try to come back; 0 is not at all.
        ready_seconds: How long a server may take to be ready; it may be loading its model.
    """

    url: str
    token: str | None = None
    resume: str | None = None
    codecs: tuple[Codec, ...] = ("jpeg",)
    tracks: bool = False
    reconnect_seconds: float = 30.0
    ready_seconds: float = 600.0


class Connection:
    """The socket under a client. One task receives, any may send.

    Args:
        settings: Where to connect.
        on_message: Called with what the server says before it is ready.
        again: What to send at once after a hello: what the connection before did not carry to the server.

    Attributes:
        ready: The server's answer to the newest hello.
    """

    ready: Ready

    def __init__(
        self,
        settings: ConnectionSettings,
        on_message: Callable[[ServerMessage], None],
        again: Callable[[], Sequence[Message]],
    ) -> None:
        self._settings, self._on_message, self._again = settings, on_message, again
        self._address, self._resume = live_address(settings.url), settings.resume
        self._socket: ClientConnection
        self._opened = asyncio.Event()
        self._failure: LiveError | None = None

    async def open(self) -> None:
        """Connect and say hello.

        Raises:
            LiveError: The server cannot be reached, or does not let this client in.
        """
        try:
            self._socket = await connect(
                self._address,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,  # frames are compressed already
                max_size=_MESSAGE_BYTES,
            )
        except InvalidStatus as error:
            code = "access" if error.response.status_code in (401, 403) else "connection"
            answer = f"answered {error.response.status_code}"
            raise LiveError(code, f"{self._address}: wanted a live server, it {answer}. Check the address.") from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise LiveError(
                "connection", f"{self._address}: cannot be reached: {error}. Is the app running?"
            ) from error
        try:
            async with asyncio.timeout(self._settings.ready_seconds):
                self.ready = await self._greet()
        except BaseException as error:
            await self._socket.close()
            if isinstance(error, TimeoutError):
                raise LiveError("time", f"{self._address}: not ready within the time given.") from error
            raise
        self._resume = self.ready.resume
        self._opened.set()

    async def send(self, message: Message | Packet) -> None:
        """Send a message; while the network is broken this waits for the next connection.

        Raises:
            LiveError: The connection is lost for good.
        """
        while True:
            await self._opened.wait()
            if await self.offer(message):
                return

    async def offer(self, message: Message | Packet) -> bool:
        """Send a message unless the network is broken just now; whether it was sent.

        Raises:
            LiveError: The connection is lost for good.
        """
        if self._failure is not None:
            raise self._failure
        if not self._opened.is_set():
            return False
        socket = self._socket
        try:
            await socket.send(_data(message))
        except ConnectionClosed:
            if socket is self._socket:
                self._opened.clear()  # whoever receives will notice too, and come back
            return False
        return True

    async def receive(self) -> ServerMessage | Packet:
        """The next message; after a break in the network, the `Ready` of the new connection.

        Raises:
            LiveError: The connection is lost for good.
        """
        try:
            data = await self._socket.recv()
        except ConnectionClosed as closed:
            self._opened.clear()
            try:
                await self._come_back(closed.rcvd.code if closed.rcvd else 1006)
            except LiveError as error:
                self._failure = error
                self._opened.set()  # wakes those that wait to send
                raise
            return self.ready
        return Packet.from_bytes(data) if isinstance(data, bytes) else parse_server_message(data)

    async def close(self, *, bye: bool = True) -> None:
        """Leave: for good with `bye`, else so that the stream can be taken up again."""
        if bye and self._failure is None:
            await self.offer(Bye())
        await self._socket.close()

    async def _greet(self) -> Ready:
        hello = Hello(
            version=PROTOCOL_VERSION,
            token=self._settings.token,
            resume=self._resume,
            codecs=self._settings.codecs,
            tracks=self._settings.tracks,
        )
        try:
            await self._socket.send(_data(hello))
            while True:
                message = parse_server_message(await self._socket.recv())
                if isinstance(message, Ready):
                    for each in self._again():
                        await self._socket.send(_data(each))
                    return message
                if isinstance(message, Error) and message.fatal:
                    raise LiveError(message.code, message.message)
                self._on_message(message)
        except ConnectionClosed as closed:
            raise _ended(closed.rcvd.code if closed.rcvd else 1006) from closed

    async def _come_back(self, code: int) -> None:
        deadline, delay = time.monotonic() + self._settings.reconnect_seconds, _FIRST_DELAY
        while code not in _FOR_GOOD:
            if time.monotonic() + delay > deadline:
                raise LiveError("connection", f"{self._address}: the connection was lost. Is the app running?")
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(2 * delay, _LONGEST_DELAY)
            try:
                await self.open()
            except LiveError as error:
                if error.code == "connection":
                    continue
                raise
            if not self.ready.resumed:
                raise LiveError("connection", f"{self._address}: the server no longer knows the stream. Start anew.")
            return
        raise _ended(code)


def _data(message: Message | Packet) -> str | bytes:
    return message.to_bytes() if isinstance(message, Packet) else message.model_dump_json(exclude_none=True)


def _ended(code: int) -> LiveError:
    kind = {4400: "protocol", 4401: "access"}.get(code, "connection")
    return LiveError(kind, f"The connection was closed: {_FOR_GOOD.get(code, f'code {code}')}.")
