"""LiveClient: a stream on a live server, for plain programs; the asynchronous client in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import UInt8

from motionstream.client.asynchronous import AsyncLiveClient, connect_async
from motionstream.client.errors import LiveError
from motionstream.client.frame import Frame
from motionstream.serving.messages import (
    Codec,
    Picture,
    Presentation,
    Queued,
    Ready,
    Recorded,
    ServerMessage,
    State,
    Stats,
)

_T = TypeVar("_T")


@contextmanager
def connect(
    url: str,
    token: str | None = None,
    *,
    resume: str | None = None,
    codecs: Sequence[Codec] = ("jpeg",),
    tracks: bool = False,
    reconnect_seconds: float = 30.0,
    on_message: Callable[[ServerMessage], None] = lambda _: None,
) -> Iterator[LiveClient]:
    """Connect to a live server; see `connect_async` for the arguments. `on_message` is called in another thread.

    Raises:
        LiveError: The server cannot be reached, or does not let this client in.
    """
    live = connect_async(
        url,
        token,
        resume=resume,
        codecs=codecs,
        tracks=tracks,
        reconnect_seconds=reconnect_seconds,
        on_message=on_message,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="motionstream-client", daemon=True)
    thread.start()
    try:
        client = LiveClient(live, loop)
        asyncio.run_coroutine_threadsafe(live.__aenter__(), loop).result()
        try:
            yield client
        finally:
            client.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class LiveClient:
    """A stream on a live server; iterating gives its frames until the video ends. `connect` makes one.

    Does what `AsyncLiveClient` does, call by call. Its methods may be called from several threads, such as one that
    sends what a user does and one that shows frames; frames are for one of them.
    """

    def __init__(self, live: AsyncLiveClient, loop: asyncio.AbstractEventLoop) -> None:
        self._live, self._loop = live, loop

    @property
    def ready(self) -> Ready:
        """What the server said of itself and the stream when this client connected."""
        return self._live.ready

    @property
    def state(self) -> State | None:
        """What the stream does; None before the first `start`."""
        return self._live.state

    @property
    def queued(self) -> Queued | None:
        """The place in the queue; None while there is none."""
        return self._live.queued

    @property
    def stats(self) -> Stats | None:
        """The newest figures of the server."""
        return self._live.stats

    @property
    def report(self) -> dict[str, Any]:
        """What the provider of motion shows of itself."""
        return self._live.report

    @property
    def recorded(self) -> Recorded | None:
        """The newest finished recording."""
        return self._live.recorded

    @property
    def received(self) -> int:
        """First receipt: the number of the last event that arrived at the server."""
        return self._live.received

    def applied(self, seq: int) -> tuple[int, int] | None:
        """Second receipt: the chunk and the video frame that an event moves; None before it is known."""
        return self._live.applied(seq)

    def now_ms(self) -> float:
        """Now, by the clock of events and frames."""
        return self._live.clock.now_ms()

    def send_picture(self, picture: str | Path | bytes | UInt8[np.ndarray, "h w 3"]) -> Picture:
        """Send the picture that the next `start` or `cut` uses: a path, a file's bytes, or pixels."""
        return self._do(self._live.send_picture(picture))

    def send_camera(self, jpeg: bytes, seconds: float | None = None) -> bool:
        """Send a picture of a live camera, taken now or at a time of its clock; whether it was sent."""
        return self._do(self._live.send_camera(jpeg, seconds))

    def start(
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
        """Begin a video from the picture sent last; `AsyncLiveClient.start` has the arguments."""
        self._do(
            self._live.start(
                prompt,
                seed=seed,
                provider=provider,
                settings=settings,
                fit=fit,
                timesteps=timesteps,
                sink_frames=sink_frames,
                window_frames=window_frames,
                paused=paused,
            )
        )

    def send_events(self, events: Sequence[Mapping[str, Any]], times_ms: Sequence[float] | None = None) -> int:
        """Tell what a user did, as the provider reads it; returns the number of the last event."""
        return self._do(self._live.send_events(events, times_ms))

    def press(self, x: float, y: float, pointer: int = 0) -> int:
        """Take hold of the picture at a place; x and y run from 0 to 1. Returns the event's number."""
        return self._do(self._live.press(x, y, pointer))

    def move(self, x: float, y: float, pointer: int = 0) -> int:
        """Drag to a place. Returns the event's number."""
        return self._do(self._live.move(x, y, pointer))

    def release(self, x: float, y: float, pointer: int = 0) -> int:
        """Let go at a place. Returns the event's number."""
        return self._do(self._live.release(x, y, pointer))

    def prompt(self, text: str) -> None:
        """Change the prompt from the next chunk on."""
        self._do(self._live.prompt(text))

    def pause(self) -> None:
        """Make no more chunks for now."""
        self._do(self._live.pause())

    def resume(self) -> None:
        """Go on after a pause."""
        self._do(self._live.resume())

    def stop(self) -> None:
        """End the video, and with it the iteration over its frames."""
        self._do(self._live.stop())

    def seek(self, chunk: int) -> None:
        """Go back to the beginning of a chunk and branch from there; no frame of the old branch is given afterwards."""
        self._do(self._live.seek(chunk))

    def cut(self, prompt: str | None = None, *, fit: Literal["crop", "pad"] = "crop") -> None:
        """Go on from the picture that was sent last."""
        self._do(self._live.cut(prompt, fit=fit))

    def record(self, on: bool) -> None:
        """Begin or end a recording on the server; `recorded` has it when it is finished."""
        self._do(self._live.record(on))

    def configure(
        self, *, presentation: Presentation | None = None, quality: int | None = None, tracks: bool | None = None
    ) -> None:
        """Change how frames are sent; what is left out stays."""
        self._do(self._live.configure(presentation=presentation, quality=quality, tracks=tracks))

    def request_key_frame(self) -> None:
        """Ask for a frame that refers to none before."""
        self._do(self._live.request_key_frame())

    def frame(self, timeout_seconds: float | None = None) -> Frame | None:
        """The next frame; None when the video has ended. Acknowledges the one before.

        Raises:
            LiveError: Something was refused or failed since, or no frame came in time; another call goes on.
        """
        try:
            while (packet := self._do(asyncio.wait_for(self._live.packet(), timeout_seconds))) is not None:
                frame = self._live.decode(packet)
                if not frame.is_still:
                    return frame
        except TimeoutError as error:
            raise LiveError("time", f"No frame came within {timeout_seconds:g} seconds.") from error
        return None

    def shown(self) -> None:
        """Acknowledge the newest frame now; left out, it happens when the next one is asked for."""
        self._do(self._live.shown())

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        frame = self.frame()
        if frame is None:
            raise StopIteration
        return frame

    def close(self, *, bye: bool = True) -> None:
        """Leave; without `bye` the stream can be taken up again by its resume token. Again: does nothing."""
        self._do(self._live.close(bye=bye))

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupt ends the waiting there too
            raise
