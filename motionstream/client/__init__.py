"""A client of a live server: `connect` for plain programs, `connect_async` for asyncio; see docs/protocol.md."""

from motionstream.client.asynchronous import AsyncLiveClient, connect_async
from motionstream.client.errors import LiveError
from motionstream.client.frame import Frame
from motionstream.client.synchronous import LiveClient, connect

__all__ = ["AsyncLiveClient", "Frame", "LiveClient", "LiveError", "connect", "connect_async"]
