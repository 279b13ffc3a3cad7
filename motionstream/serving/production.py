"""Production: the task that makes a stream's videos; it does one thing at a time, an order or the next chunk."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from motionstream.errors import InputError, OutputError
from motionstream.serving.failure import Failure, failure
from motionstream.serving.gauges import Gauges
from motionstream.serving.live_video import Change, LiveVideo, MadeChunk
from motionstream.serving.messages import Recorded
from motionstream.serving.presenter import Presenter
from motionstream.serving.recorder import Recorder
from motionstream.serving.service import Service
from motionstream.streaming.control_timeline import ControlTimeline

logger = logging.getLogger(__name__)

MAX_WAITING = 32
"""Orders, and changes of prompt and picture, that may wait."""

_DONE = object()


class Owner(Protocol):
    """The stream, as its production sees it; nothing here waits."""

    def may_work(self) -> bool:
        """Whether it is its turn to make chunks, and somebody looks."""

    def present(self, made: MadeChunk) -> None:
        """A chunk of the present generation."""

    def reported(self, values: Mapping[str, Any]) -> None:
        """What the provider shows of itself."""

    def rewound(self, prompt: str) -> None:
        """The video stands at the beginning of the wanted chunk, with the prompt of then."""

    def recorded(self, recorded: Recorded) -> None:
        """A recording is finished."""

    def refused(self, told: Failure) -> None:
        """Something could not be done; the video goes on."""

    def failed(self, told: Failure) -> None:
        """The video cannot go on."""

    def stop(self, description: str) -> None:
        """The video has to end."""


class Production:
    """Orders, the video in the making, and its recording; its methods are for the event loop's thread.

    Attributes:
        timeline: What the user did and what is not in a chunk yet.

    Args:
        service: The model, and where recordings go.
        owner: Is told what happened.
        presenter: Says when the next chunk may begin.
        gauges: How long chunks take.
    """

    def __init__(self, service: Service, owner: Owner, presenter: Presenter, gauges: Gauges) -> None:
        self._service, self._owner, self._presenter, self._gauges = service, owner, presenter, gauges
        self._chunk_seconds = service.engine.config.video_frames_in_chunk(1) / service.engine.config.fps
        self.timeline = ControlTimeline(self._chunk_seconds)
        self._open_video: Callable[[], LiveVideo] | None = None
        self._video: LiveVideo | None = None
        self._video_generation = -1
        self._recorder = Recorder(service, service.engine.config.fps)
        self._orders: deque[Callable[[], Awaitable[None]]] = deque()
        self._changes: list[Change] = []
        self._wake = asyncio.Event()
        self._ending = False
        self._task = asyncio.create_task(self._run())

    @property
    def num_chunks(self) -> int:
        """Chunks of the present video."""
        return 0 if self._video is None else self._video.num_chunks

    @property
    def recording_seconds(self) -> float | None:
        """Playing time of the recording that is going on; None where there is none."""
        return self._recorder.seconds

    def wake(self) -> None:
        """Something has changed: look again whether there is work."""
        self._wake.set()

    def begin(self, open_video: Callable[[], LiveVideo]) -> None:
        """End the present video, and open another one when it is its turn."""
        self.end()
        self.timeline = ControlTimeline(self._chunk_seconds)
        self._open_video = open_video

    def end(self) -> None:
        """End the present video, whatever was ordered before."""
        self._changes.clear()
        self._orders.clear()
        self._orders.append(self._close_video)
        self.wake()

    def rewind(self, chunk: int) -> None:
        """Go back to the beginning of a chunk.

        Raises:
            InputError: There is no such chunk yet, or too much waits already.
        """
        if chunk > self.num_chunks:
            raise InputError(f"Seek: wanted a chunk from 0 to {self.num_chunks}, got {chunk}.")
        self._order(partial(self._rewind, chunk))
        self._changes.clear()
        self.timeline.clear()

    def record(self, on: bool) -> None:
        """Begin or finish a recording.

        Raises:
            InputError: Too much waits already.
        """
        self._order(self._recorder.begin if on else self._finish_recording)

    def change(self, change: Change) -> None:
        """Another prompt or picture from the next chunk on.

        Raises:
            InputError: Too much waits already.
        """
        if change.pixels is None:  # of several prompts only the newest counts
            self._changes = [other for other in self._changes if other.pixels is not None]
        if len(self._changes) >= MAX_WAITING:
            raise InputError(f"{MAX_WAITING} changes wait already. Resume the video first.")
        self._changes.append(change)

    def camera(self, jpeg: bytes, seconds: float) -> LiveVideo | None:
        """Hand a camera picture to the present video, and give the video; None where there is none that wants it.

        Raises:
            InputError: The source of motion takes no camera pictures, or not this one.
            ProviderError: The source of motion failed.
        """
        video = self._video
        if video is None or self._video_generation != self._presenter.generation:
            return None
        video.camera(jpeg, seconds)
        return video

    async def close(self) -> None:
        """End for good."""
        self._ending = True
        self.end()
        await self._task

    def _order(self, order: Callable[[], Awaitable[None]]) -> None:
        if len(self._orders) >= MAX_WAITING:
            raise InputError(f"{MAX_WAITING} orders wait already. Wait until they are carried out.")
        self._orders.append(order)
        self.wake()

    async def _run(self) -> None:
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
        if not self._owner.may_work():
            return math.inf
        if self._video is None:
            return 0.0
        lead = self._presenter.lead_frames(self._gauges.chunk_seconds, self._gauges.round_trip_seconds)
        return self._presenter.seconds_to_room(lead)

    async def _carry_out(self, order: Callable[[], Awaitable[None]]) -> None:
        try:
            await order()
        except (InputError, OutputError) as error:
            self._owner.refused(failure(error))
        except Exception as error:
            await self._fail(error)

    async def _work(self) -> None:
        generation = self._presenter.generation
        try:
            if self._video is None:
                await self._open()
            else:
                await self._make_chunk(self._video)
        except Exception as error:
            if generation == self._presenter.generation:
                await self._fail(error)
            else:
                logger.warning("What failed was given up already: %s", error)

    async def _open(self) -> None:
        assert self._open_video is not None, "a stream that may work was started"
        generation = self._presenter.generation
        self._service.add_video()
        try:
            self._video = (await self._service.turns.take(self._open_video)).result
        except BaseException:
            self._service.num_videos -= 1
            raise
        self._video_generation = generation
        if generation == self._presenter.generation:
            self._owner.reported(self._video.report())

    async def _make_chunk(self, video: LiveVideo) -> None:
        generation, changes, self._changes = self._presenter.generation, self._changes, []
        making = partial(video.make_chunk, self.timeline, changes, time.monotonic)
        turn = await self._service.turns.take(making, video.remember)
        made = turn.result
        self._gauges.made(turn)
        self._service.metrics.made(turn.waited_seconds, turn.took_seconds)
        for reason in made.refused:
            self._owner.refused(Failure(code="input", message=reason))
        if generation == self._presenter.generation:
            self._owner.present(made)
            self._owner.reported(video.report())
        await self._keep(video, made)
        assert turn.rest is not None, "a chunk is remembered after it was made"
        await turn.rest

    async def _keep(self, video: LiveVideo, made: MadeChunk) -> None:
        """Record the chunk, within the limits; a disk that is full ends the recording and not the video."""
        settings = self._service.settings
        try:
            await self._recorder.write(made.video)
            if (self._recorder.seconds or 0) >= settings.recording_seconds:
                await self._finish_recording()
        except OutputError as error:
            self._owner.refused(failure(error))
            await self._carry_out(self._finish_recording)
        if video.log_bytes > settings.log_bytes:
            self._owner.stop("Stopped: its control log has reached the server's limit. Start again.")

    async def _rewind(self, chunk: int) -> None:
        """The recording of the old branch ends, and one of the new branch begins."""
        recording, self._video_generation = self._recorder.seconds is not None, self._presenter.generation
        await self._finish_recording()
        if self._video is not None:
            steps = self._video.rewind(chunk)
            while (await self._service.turns.take(partial(next, steps, _DONE))).result is not _DONE:
                pass
            self._owner.rewound(self._video.prompt)
            self._owner.reported(self._video.report())
        self.timeline.restart(time.monotonic())
        if recording:
            await self._recorder.begin()

    async def _finish_recording(self) -> None:
        recorded = await self._recorder.finish(self._video)
        if recorded is not None:
            self._owner.recorded(recorded)

    async def _close_video(self) -> None:
        try:
            await self._finish_recording()
        finally:
            video, self._video = self._video, None
            if video is not None:
                self._service.num_videos -= 1
                await self._service.turns.take(video.close)

    async def _fail(self, error: Exception) -> None:
        told = failure(error)
        if told.code == "internal":
            logger.error("A stream failed", exc_info=error)
        self._orders.clear()
        self._owner.failed(told)
        try:
            await self._close_video()
        except Exception:
            logger.exception("A stream that failed could not be closed")
