"""LiveStream: one person's stream; who may do what when.

The life of a stream:

1. A WebSocket is opened at `/ws/live`. `hello` is answered by `ready`; `connection` and `streams` do that.
2. A picture comes and is decoded (`picture`); the answer says its size.
3. `start` begins a generation. When the stream has a seat (`seats`) its video is opened on the engine's thread
   (`turns`, `live_video`); until then it is queued.
4. `events` are receipted (`received`) and wait in the stream's timeline.
5. When the client has shown enough (`presenter`), the stream takes a turn: the events are timed for the frames of the
   next chunk, the provider reads them, the session makes the chunk, the log and the history keep it.
6. The frames go to the presenter, after the chunk's tracks and its second receipt (`applied`). The connection encodes
   and sends them while the next chunk is made; a recording writes them.
7. The client acknowledges what it has drawn: that is the latency from control to photon, and room for the next chunk.
8. `pause` gives the seat back; `seek`, `start` and `stop` begin a new generation, and no frame of the old one is sent
   any more; a client that was cut off comes back with its resume token.

What clients ask for takes effect at once where it concerns what is shown, and otherwise waits for the stream's own
task, which does one thing at a time: an order, or the next chunk.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import numpy as np

from motionstream.errors import InputError, OutputError
from motionstream.serving.failure import failure
from motionstream.serving.gauges import Gauges
from motionstream.serving.live_video import Change, LiveVideo, MadeChunk
from motionstream.serving.messages import (
    Ack,
    Applied,
    Cut,
    Error,
    Events,
    Message,
    Queued,
    Received,
    Start,
    State,
    Stats,
    StreamStatus,
)
from motionstream.serving.packet import Kind, Packet, encode_tracks
from motionstream.serving.picture import UploadedPicture
from motionstream.serving.presenter import Frame, Presenter
from motionstream.serving.recorder import Recorder
from motionstream.serving.seats import Place
from motionstream.serving.service import Service
from motionstream.streaming.control_timeline import ControlTimeline

logger = logging.getLogger(__name__)

MAX_ORDERS = 32
"""Orders, and changes of prompt and picture, that may wait for the stream's task."""

_ALIVE: tuple[StreamStatus, ...] = ("queued", "streaming", "paused")
_DONE = object()


class Client(Protocol):
    """The connection of a stream, as the stream sees it; nothing here waits."""

    def post(self, message: Message | Packet) -> None:
        """Send when there is time, in order."""

    def wake(self) -> None:
        """There may be a frame to take."""

    def close(self, code: int, reason: str) -> None:
        """End the connection."""


class LiveStream:
    """A stream; its methods are for the event loop's thread. Orders that make no sense raise InputError.

    Attributes:
        name: For logs.
        presenter: Its frames.
        gauges: How fast it is.
        wants_tracks: Whether to send the tracks of every chunk.
        detached_at: Since when it has no client; None while it has one.

    Args:
        service: What all streams share.
        name: For logs.
    """

    def __init__(self, service: Service, name: str) -> None:
        self.name, self.gauges, self.wants_tracks = name, Gauges(), True
        self.detached_at: float | None = time.monotonic()
        self._service, self._config = service, service.engine.config
        self._chunk_frames = self._config.video_frames_in_chunk(1)
        self.presenter = Presenter(
            fps=self._config.fps, frames_per_chunk=self._chunk_frames, paced=service.settings.paced
        )
        self._client: Client | None = None
        self._status: StreamStatus = "idle"
        self._picture: UploadedPicture | None = None
        self._start, self._prompt, self._chunk = Start(), "", 0
        self._still = np.zeros((self._config.height, self._config.width, 3), np.uint8)
        self._open_video: Callable[[], LiveVideo] | None = None
        self._video: LiveVideo | None = None
        self._recorder = Recorder(service, self._config.fps)
        self._timeline = ControlTimeline(self._chunk_frames / self._config.fps)
        self._newest_seq = -1
        self._orders: deque[Callable[[], Awaitable[None]]] = deque()
        self._changes: list[Change] = []
        self._input_at = time.monotonic()
        self._ending = False
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"stream {name}")

    @property
    def status(self) -> StreamStatus:
        """What it does."""
        return self._status

    # The connection comes and goes.

    def attach(self, client: Client) -> None:
        """Another connection takes the stream up; the one before is closed."""
        if self._client is not None:
            self._client.close(4409, "another connection took this stream up")
        self._client, self.detached_at = client, None
        self._input_at = time.monotonic()
        self.presenter.reconnect()
        self._timeline.forget_clock()
        if self._newest_seq >= 0:
            client.post(Received(seq=self._newest_seq))
        if self._status in ("queued", "streaming"):
            self._sit()
        else:
            self._tell()
        self._wake.set()

    def detach(self, client: Client) -> None:
        """A connection ended; the stream waits for another one."""
        if self._client is client:
            self._client, self.detached_at = None, time.monotonic()

    # What the client asks for.

    def touch(self) -> None:
        """Its user is there."""
        self._input_at = time.monotonic()

    def set_picture(self, picture: UploadedPicture | None) -> None:
        """What the next start or cut shows; None after one that could not be used."""
        self._picture = picture

    def start(self, message: Start) -> None:
        """Begin a video; a running one ends."""
        picture = self._asked_picture().fitted(message.fit)
        provider = self._service.offers.load(message.provider, message.settings)
        self._new_generation()
        self._orders.clear()
        self._orders.append(self._close_video)
        self._start, self._prompt, self._chunk = message, message.prompt, 0
        self._timeline = ControlTimeline(self._chunk_frames / self._config.fps)
        service = self._service
        self._open_video = partial(
            LiveVideo.open,
            service.engine,
            provider,
            picture,
            message,
            log=service.scratch / f"{self.name}-{self.presenter.generation}.jsonl",
            history_bytes=service.settings.history_bytes,
        )
        self._still = picture.pixels
        self._show_still()
        if message.paused:
            service.seats.give_back(self.name)
            self._become("paused", picture.description)
        else:
            self._sit(picture.description)

    def pause(self, description: str = "") -> None:
        """Make no more chunks, and give the seat to others."""
        if self._status in ("queued", "streaming"):
            self._service.seats.give_back(self.name)
            self._become("paused", description)

    def resume(self) -> None:
        """Go on when there is a seat."""
        self._check_alive()
        if self._status == "paused":
            self._sit()

    def stop(self, description: str = "") -> None:
        """End the video."""
        if self._status in _ALIVE:
            self._new_generation()
            self._orders.clear()
            self._orders.append(self._close_video)
            self._service.seats.give_back(self.name)
            self._become("stopped", description)

    def seek(self, chunk: int) -> None:
        """Go back to the beginning of a chunk; events from now on belong to the new branch."""
        self._check_alive()
        made = 0 if self._video is None else self._video.num_chunks
        if chunk > made:
            raise InputError(f"Seek: wanted a chunk from 0 to {made}, got {chunk}.")
        self._check_room()
        self._new_generation()
        self._timeline.clear()
        self._chunk = chunk
        self._orders.append(partial(self._rewind, chunk))
        self._tell()
        if chunk == 0:
            self._show_still()

    def prompt(self, text: str) -> None:
        """Another prompt from the next chunk on."""
        self._check_alive()
        self._add_change(Change(prompt=text))
        self._prompt = text
        self._tell()

    def cut(self, message: Cut) -> None:
        """Go on from another picture."""
        self._check_alive()
        picture = self._asked_picture().fitted(message.fit)
        self._add_change(Change(prompt=message.prompt, pixels=picture.pixels))
        self._prompt = self._prompt if message.prompt is None else message.prompt
        self._tell(picture.description)

    def record(self, on: bool) -> None:
        """Begin or end a recording."""
        if on:
            self._check_alive()
        self._check_room()
        self._orders.append(self._recorder.begin if on else self._finish_recording)
        self._wake.set()

    def events(self, message: Events) -> None:
        """What the user did; numbers that were received before come from a client that was cut off."""
        self._check_alive()
        if message.seq == 0:  # a client that counts anew
            self._newest_seq = -1
        now = time.monotonic()
        try:
            for seq, timed in enumerate(message.events, start=message.seq):
                if seq > self._newest_seq:
                    self._newest_seq = seq
                    self._timeline.put(seq, timed.t_ms, timed.event, now)
        finally:
            self._post(Received(seq=self._newest_seq))
            self._service.metrics.events.inc(len(message.events))

    def shown(self, ack: Ack) -> None:
        """The client has drawn a frame."""
        frames = self.presenter.shown(ack.packet)
        for time_ms in self.gauges.shown(frames, ack.shown_ms, time.monotonic()):
            self._service.metrics.latency_seconds.observe(time_ms / 1000)
        self._wake.set()

    def configured(self) -> None:
        """Presentation or round trip changed: there may be room for a chunk."""
        self._wake.set()

    # What happens by itself.

    def tick(self) -> None:
        """Called twice a second: statistics, and what ends when nobody is there."""
        now, settings = time.monotonic(), self._service.settings
        if self._status == "streaming":
            self._post(self._stats())
        if self.detached_at is not None and now - self.detached_at > settings.reconnect_seconds:
            self._service.seats.give_back(self.name)
        quiet = now - self._input_at
        if quiet > 2 * settings.no_input_seconds:
            self.stop(f"Stopped after {quiet:.0f} s without input.")
        elif quiet > settings.no_input_seconds and self._status == "streaming":
            self.pause(f"Paused after {quiet:.0f} s without input. Press resume.")

    async def close(self) -> None:
        """End it for good: finish the recording, give everything back."""
        self._ending = True
        self._new_generation()
        self._orders.clear()
        self._orders.append(self._close_video)
        self._service.seats.give_back(self.name)
        self._become("stopped")
        await self._task
        if self._client is not None:
            self._client.close(1012, "the server ends this stream")

    async def _run(self) -> None:
        """Do one thing at a time: an order, opening the video, the next chunk."""
        while self._orders or not self._ending:
            self._wake.clear()
            if self._orders:
                await self._carry_out(self._orders.popleft())
            elif (delay := self._seconds_to_work()) == 0:
                await self._work()
            else:
                await self._sleep(delay)

    async def _sleep(self, delay: float) -> None:
        try:
            async with asyncio.timeout(None if math.isinf(delay) else delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _seconds_to_work(self) -> float:
        """Until the video is to be opened or the next chunk may begin."""
        if self._status != "streaming" or self._client is None or not self._service.seats.has_seat(self.name):
            return math.inf
        if self._video is None:
            return 0.0
        lead = self.presenter.lead_frames(self.gauges.chunk_seconds, self.gauges.round_trip_seconds)
        return self.presenter.seconds_to_room(lead)

    async def _work(self) -> None:
        generation = self.presenter.generation
        try:
            if self._video is None:
                assert self._open_video is not None, "a stream that moves was started"
                self._video = (await self._service.turns.take(self._open_video)).result
            else:
                await self._make_chunk(self._video)
        except Exception as error:
            if generation == self.presenter.generation:
                await self._fail(error)
            else:  # what failed is given up already
                logger.warning("Stream %s: %s", self.name, error)

    async def _carry_out(self, order: Callable[[], Awaitable[None]]) -> None:
        try:
            await order()
        except (InputError, OutputError) as error:
            self._refuse("input", str(error))
        except Exception as error:
            await self._fail(error)

    async def _make_chunk(self, video: LiveVideo) -> None:
        generation, changes, self._changes = self.presenter.generation, self._changes, []
        turn = await self._service.turns.take(partial(video.make_chunk, self._timeline, changes, time.monotonic))
        made = turn.result
        self.gauges.made(turn)
        self._service.metrics.made(turn.waited_seconds, turn.took_seconds)
        for reason in made.refused:
            self._refuse("input", reason)
        if generation == self.presenter.generation:
            self._present(made)
        await self._recorder.write(made.video)
        await self._keep_limits(video)

    def _present(self, made: MadeChunk) -> None:
        video, generation = made.video, self.presenter.generation
        self._chunk = video.index + 1
        if self.wants_tracks:
            self._post(
                Packet(
                    kind=Kind.TRACKS,
                    payload=encode_tracks(video.tracks),
                    generation=generation,
                    chunk=video.index,
                    frame=video.start_frame,
                    time_ms=1e3 * video.start_frame / self._config.fps,
                )
            )
        if made.controls:
            frames = tuple((control.seq, control.frame) for control in made.controls)
            self._post(Applied(generation=generation, chunk=video.index, frames=frames))
        dropped = self.presenter.dropped
        self.presenter.put(made.frames(generation, self._config.fps))
        self._service.metrics.frames_dropped.inc(self.presenter.dropped - dropped)
        self._wake_client()

    async def _keep_limits(self, video: LiveVideo) -> None:
        settings = self._service.settings
        if (self._recorder.seconds or 0) >= settings.recording_seconds:
            await self._finish_recording()
        if video.log_bytes > settings.log_bytes:
            self.stop("Stopped: its control log has reached the server's limit. Start again.")

    async def _rewind(self, chunk: int) -> None:
        recording = self._recorder.seconds is not None
        await self._finish_recording()
        if self._video is not None:
            steps = self._video.rewind(chunk)
            while (await self._service.turns.take(partial(next, steps, _DONE))).result is not _DONE:
                pass
        self._timeline.restart(time.monotonic())
        if recording:
            await self._recorder.begin()

    async def _finish_recording(self) -> None:
        recorded = await self._recorder.finish(self._video)
        if recorded is not None:
            self._post(recorded)

    async def _close_video(self) -> None:
        try:
            await self._finish_recording()
        finally:
            video, self._video = self._video, None
            if video is not None:
                await self._service.turns.take(video.close)

    async def _fail(self, error: Exception) -> None:
        """The stream ends; others do not notice."""
        told = failure(error)
        if told.code == "internal":
            logger.error("Stream %s failed", self.name, exc_info=error)
        self._refuse(told.code, told.message)
        self._orders.clear()
        self._service.seats.give_back(self.name)
        self._become("failed", told.message)
        try:
            await self._close_video()
        except Exception:
            logger.exception("Stream %s could not be closed", self.name)

    # Small things.

    def _sit(self, description: str = "") -> None:
        """Ask for a seat; the answer comes by `_moved`, at once where one is free."""
        try:
            self._service.seats.request(self.name, partial(self._moved, description))
        except InputError as error:
            self._refuse("busy", str(error))
            self._become("paused", str(error))

    def _moved(self, description: str, place: Place) -> None:
        if place.position == 0:
            self._timeline.restart(time.monotonic())
            self._become("streaming", description)
            return
        if self._status != "queued":
            self._become("queued", description)
        self._post(Queued(position=place.position, waiting=place.waiting))

    def _new_generation(self) -> None:
        self.presenter.restart(self.presenter.generation + 1)
        self._changes.clear()
        self._wake.set()

    def _become(self, status: StreamStatus, description: str = "") -> None:
        self._status = status
        self._tell(description)
        self._wake.set()

    def _tell(self, description: str = "") -> None:
        self._post(
            State(
                status=self._status,
                generation=self.presenter.generation,
                chunk=self._chunk,
                prompt=self._prompt,
                seed=self._start.seed,
                description=description,
            )
        )

    def _refuse(self, code: str, message: str) -> None:
        self._service.metrics.refused.labels(code).inc()
        self._post(Error(code=code, message=message))

    def _post(self, message: Message | Packet) -> None:
        if self._client is not None:
            self._client.post(message)

    def _wake_client(self) -> None:
        if self._client is not None:
            self._client.wake()

    def _show_still(self) -> None:
        self.presenter.put_still(
            Frame(pixels=self._still, generation=self.presenter.generation, chunk=0, number=0, time_ms=0.0)
        )
        self._wake_client()

    def _stats(self) -> Stats:
        return self.gauges.stats(
            self.presenter,
            chunk=self._chunk,
            frames=self._config.first_video_frame(self._chunk),
            recording_seconds=self._recorder.seconds,
            now_seconds=time.monotonic(),
        )

    def _asked_picture(self) -> UploadedPicture:
        if self._picture is None:
            raise InputError("There is no picture to begin with. Send one first.")
        return self._picture

    def _add_change(self, change: Change) -> None:
        if change.pixels is None:  # of several prompts only the newest counts
            self._changes = [other for other in self._changes if other.pixels is not None]
        if len(self._changes) >= MAX_ORDERS:
            raise InputError(f"{MAX_ORDERS} changes wait already. Resume the video first.")
        self._changes.append(change)

    def _check_room(self) -> None:
        if len(self._orders) >= MAX_ORDERS:
            raise InputError(f"{MAX_ORDERS} orders wait already. Wait until they are carried out.")

    def _check_alive(self) -> None:
        if self._status not in _ALIVE:
            raise InputError(f"This wants a video that was started, and this one is {self._status}. Start one first.")
