"""Handshake: what comes before a stream; hello, the token, and waiting for the model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from motionstream.errors import InputError
from motionstream.serving.messages import PROTOCOL_VERSION, SUBPROTOCOL, Error, Hello, State, parse_client_message
from motionstream.serving.service import Service

MAX_TEXT_BYTES = 2**20
"""Longest JSON message: a pre-drawn path of 10,000 points."""


class Refused(Exception):  # noqa: N818  (the connection ends, in order)
    """The connection is not wanted.

    Attributes:
        close_code: Of the WebSocket.
        error: What the client is told.
    """

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code, self.error = close_code, Error(code=code, message=message, fatal=True)

    async def tell(self, socket: WebSocket) -> None:
        """Tell the client, and close the connection."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone already
            await socket.send_text(self.error.model_dump_json())
            await socket.close(self.close_code)


async def shake_hands(socket: WebSocket, service: Service, *, admitted: bool) -> Hello:
    """Accept a connection, and hear who it is.

    Args:
        socket: Its origin is checked already.
        service: Which model to wait for.
        admitted: Whether header or cookie said enough, so that no token is needed.

    Raises:
        Refused: It is not wanted, or there is no model.
        WebSocketDisconnect: It has gone again.
    """
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    hello = await _hello(socket, service.settings.first_message_seconds)
    if not (admitted or service.access.admits(hello.token)):
        raise Refused(
            4401, "access", "The token is missing or wrong. Use the address that the server printed when it started."
        )
    while not await service.settled(1.0):
        state = State(status="idle", generation=0, chunk=0, description="Loading the model.")
        await socket.send_text(state.model_dump_json())
    if not service.ready:
        raise Refused(1011, "model", service.failure)
    return hello


def text_of(event: Mapping[str, Any]) -> str:
    """The text of a received message.

    Raises:
        InputError: It is binary or too long.
    """
    text = event.get("text")
    if not isinstance(text, str):
        raise InputError("Wanted a text message, got a binary one. See docs/protocol.md.")
    if len(text) > MAX_TEXT_BYTES:
        raise InputError(f"Message: wanted at most {MAX_TEXT_BYTES} characters, got {len(text)}. Send it in parts.")
    return text


async def _hello(socket: WebSocket, seconds: float) -> Hello:
    try:
        async with asyncio.timeout(seconds):
            event = await socket.receive()
    except TimeoutError as error:
        raise Refused(4408, "protocol", f"No hello within {seconds:g} s. Send it first.") from error
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005))
    try:
        message = parse_client_message(text_of(event))
    except InputError as error:
        raise Refused(4400, "protocol", str(error)) from error
    if not isinstance(message, Hello) or message.version != PROTOCOL_VERSION:
        raise Refused(4400, "protocol", f"Wanted hello of version {PROTOCOL_VERSION} first. Update the client.")
    return message
