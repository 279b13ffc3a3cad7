"""The server: an app that streams from one model to many people."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, WebSocket

from motionstream import __version__
from motionstream.serving.connection import serve
from motionstream.serving.guard import Guard
from motionstream.serving.opener import Opener
from motionstream.serving.routes import make_routes
from motionstream.serving.service import Service
from motionstream.serving.settings import ServerSettings
from motionstream.serving.streams import Streams


def create_app(engine: Opener | Callable[[], Opener], settings: ServerSettings | None = None) -> FastAPI:
    """An app with the live WebSocket at /ws/live and its HTTP routes; others may be added or mounted.

    Args:
        engine: The model, or what loads it: called once on the model's thread when the app starts, so that pages come
            at once.
        settings: Of the server; `app.state.service.access.token` is the token where one was made.
    """
    loader = engine if callable(engine) else lambda: engine
    service = Service(settings or ServerSettings())
    streams = Streams(service)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(service.load(loader)), asyncio.create_task(streams.watch())]
        try:
            yield
        finally:
            await streams.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(service.close)

    app = FastAPI(title="MotionStream", version=__version__, lifespan=lifespan)
    app.add_middleware(Guard, access=service.access)
    app.include_router(make_routes(service, streams))
    app.state.service, app.state.streams = service, streams

    @app.websocket("/ws/live")
    async def live(socket: WebSocket) -> None:
        access = service.access
        if not access.admits_origin(socket.headers):
            service.metrics.refused.labels("origin").inc()
            await socket.close()  # before it was accepted: the handshake is answered by 403
            return
        admitted = access.admits_headers(socket.headers, socket.cookies)
        await serve(socket, service, streams, admitted=admitted)

    return app


def uvicorn_options(settings: ServerSettings) -> dict[str, object]:
    """How `uvicorn.run` is to run the app."""
    return {
        "host": settings.host,
        "port": settings.port,
        "ws_max_size": settings.message_bytes,
        "ws_ping_interval": 20.0,
        "ws_per_message_deflate": False,  # frames are compressed already
        "timeout_graceful_shutdown": 30,
    }
