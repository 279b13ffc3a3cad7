"""Streams: all streams of a server by their resume tokens, until nobody wants them any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from dataclasses import dataclass

from motionstream.errors import InputError
from motionstream.serving.live_stream import LiveStream
from motionstream.serving.service import Service

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Ticket:
    """A stream, and what it is taken up again by.

    Attributes:
        stream: The stream.
        resume: Its secret.
        resumed: Whether it was there before.
    """

    stream: LiveStream
    resume: str
    resumed: bool


class Streams:
    """A bounded number of streams; for the event loop's thread.

    Args:
        service: What they share.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: dict[str, LiveStream] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def all(self) -> tuple[LiveStream, ...]:
        """Those that are there."""
        return tuple(self._streams.values())

    @property
    def by_status(self) -> Counter[str]:
        """How many there are."""
        return Counter(stream.status for stream in self._streams.values())

    def enter(self, resume: str | None) -> Ticket:
        """The stream of a resume token, or a new one.

        Raises:
            InputError: There are too many already.
        """
        known = None if resume is None else self._streams.get(resume)
        if resume is not None and known is not None:
            return Ticket(stream=known, resume=resume, resumed=True)
        self._make_room()
        token, stream = secrets.token_urlsafe(32), LiveStream(self._service, secrets.token_hex(4))
        self._streams[token] = stream
        return Ticket(stream=stream, resume=token, resumed=False)

    def end(self, stream: LiveStream) -> None:
        """End a stream for good; it finishes beside what called this."""
        self._streams = {token: other for token, other in self._streams.items() if other is not stream}
        task = asyncio.create_task(_closed(stream))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def watch(self) -> None:
        """Twice a second, let streams look after themselves, and end those that nobody comes back to."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for stream in list(self._streams.values()):
                self._look_after(stream)

    async def close(self) -> None:
        """End all streams, and wait until their recordings are finished."""
        for stream in list(self._streams.values()):
            self.end(stream)
        with contextlib.suppress(ValueError):  # there was none
            await asyncio.wait(self._closing)

    def _look_after(self, stream: LiveStream) -> None:
        try:
            stream.tick()
        except Exception:
            logger.exception("Stream %s could not be looked after", stream.name)
        left = stream.detached_at
        if left is not None and time.monotonic() - left > self._service.settings.idle_seconds:
            self.end(stream)

    def _make_room(self) -> None:
        """A stream without a client gives way, the longest left one first."""
        if len(self._streams) < self._service.settings.max_connections:
            return
        left = [stream for stream in self._streams.values() if stream.detached_at is not None]
        if not left:
            raise InputError(f"All {len(self._streams)} connections are taken. Try again later.")
        self.end(min(left, key=lambda stream: stream.detached_at or 0.0))


async def _closed(stream: LiveStream) -> None:
    try:
        await stream.close()
    except Exception:
        logger.exception("Stream %s could not be ended", stream.name)
