"""Client: the connection of a stream, as the stream sees it."""

from __future__ import annotations

from typing import Protocol

from motionstream.serving.messages import Message
from motionstream.serving.packet import Packet


class Client(Protocol):
    """The connection of a stream, as the stream sees it; nothing here waits."""

    def post(self, message: Message | Packet) -> None:
        """Send when there is time, in order."""

    def wake(self) -> None:
        """There may be a frame to take."""

    def close(self, code: int, reason: str) -> None:
        """End the connection."""
