"""LiveStream: one person's stream; who may do what when.

The life of a stream:

1. A WebSocket is opened at `/ws/live`. `hello` is answered by `ready`; `connection` and `streams` do that.
2. A picture comes and is decoded (`picture`); the answer says its size.
3. `start` begins a generation. When the stream has a seat (`seats`) its video is opened on the engine's thread
   (`turns`, `live_video`); until then it is queued.
4. `events` are receipted (`received`) and wait in the stream's timeline.
5. When the client has shown enough (`presenter`), the stream takes a turn: the events are timed for the frames of the
   next chunk, the provider reads them, the session makes the chunk, the log keeps them.
6. The frames go to the presenter, after the chunk's tracks and its second receipt (`applied`). The connection encodes
   and sends them while the model goes on: it remembers the chunk (cache write and snapshot), and makes the next one; a
   recording writes them.
7. The client acknowledges what it has drawn: that is the latency from control to photon, and room for the next chunk.
8. `pause` gives the seat back; `seek`, `start` and `stop` begin a new generation, and no frame of the old one is sent
   any more; a client that was cut off comes back with its resume token.

What clients ask for takes effect at once where it concerns what is shown, and otherwise waits for the stream's own
task (`production`), which does one thing at a time: an order, or the next chunk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from motionstream.errors import InputError
from motionstream.serving.client import Client
from motionstream.serving.failure import Failure
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
    Recorded,
    Report,
    Start,
    State,
    Stats,
    StreamStatus,
)
from motionstream.serving.packet import Packet
from motionstream.serving.picture import UploadedPicture
from motionstream.serving.presenter import Frame, Presenter
from motionstream.serving.production import Production
from motionstream.serving.reported import Reported
from motionstream.serving.seats import Place
from motionstream.serving.service import Service

_ALIVE: tuple[StreamStatus, ...] = ("queued", "streaming", "paused")


class LiveStream:
    """A stream; its methods are for the event loop's thread. Orders that make no sense raise InputError.

    Attributes:
        name: For logs.
        presenter: Its frames.
        gauges: How fast it is.
        wants_tracks: Whether to send the tracks of every chunk.
        status: What it does.
        detached_at: Since when it has no client; None while it has one.

    Args:
        service: What all streams share.
        name: For logs.
    """

    def __init__(self, service: Service, name: str) -> None:
        config = service.engine.config
        self.name, self.gauges, self.wants_tracks = name, Gauges(), True
        self.status: StreamStatus = "idle"
        self.detached_at: float | None = time.monotonic()
        self.presenter = Presenter(
            fps=config.fps, frames_per_chunk=config.video_frames_in_chunk(1), paced=service.settings.paced
        )
        self._service, self._config = service, config
        self._production = Production(service, self, self.presenter, self.gauges)
        self._client: Client | None = None
        self._picture: UploadedPicture | None = None
        self._still = np.zeros((config.height, config.width, 3), np.uint8)
        self._start, self._prompt, self._chunk = Start(), "", 0
        self._reported = Reported()
        self._newest_seq = -1
        self._input_at = self._shown_at = time.monotonic()

    # The connection comes and goes.

    def attach(self, client: Client) -> None:
        """Another connection takes the stream up; the one before is closed."""
        if self._client is not None:
            self._client.close(4409, "another connection took this stream up")
        self._client, self.detached_at = client, None
        self.touch()
        self.presenter.reconnect()
        self._production.timeline.forget_clock()
        if self._newest_seq >= 0:
            client.post(Received(seq=self._newest_seq))
        if self.status in ("queued", "streaming"):
            self._sit()
        else:
            self._tell()
        if self._reported.values:
            client.post(Report(values=self._reported.values))
        self._production.wake()

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
        service, picture = self._service, self._asked_picture().fitted(message.fit)
        service.check_memory(message.sink_frames, message.window_frames)
        provider = service.offers.load(message.provider, message.settings)
        self._new_generation()
        self._start, self._prompt, self._chunk, self._still = message, message.prompt, 0, picture.pixels
        self._production.begin(
            partial(
                LiveVideo.open,
                service.engine,
                provider,
                picture,
                message,
                log=service.scratch / f"{self.name}-{self.presenter.generation}.jsonl",
                history_bytes=service.settings.history_bytes,
            )
        )
        self._show_still()
        if message.paused:
            service.seats.give_back(self.name)
            self._become("paused", picture.description)
        else:
            self._sit(picture.description)

    def pause(self, description: str = "") -> None:
        """Make no more chunks, and give the seat to others."""
        if self.status in ("queued", "streaming"):
            self._service.seats.give_back(self.name)
            self._become("paused", description)

    def resume(self) -> None:
        """Go on when there is a seat."""
        self._check_alive()
        if self.status == "paused":
            self._sit()

    def stop(self, description: str = "") -> None:
        """End the video."""
        if self.status in _ALIVE:
            self._new_generation()
            self._production.end()
            self._service.seats.give_back(self.name)
            self._become("stopped", description)

    def seek(self, chunk: int) -> None:
        """Go back to the beginning of a chunk; events from now on belong to the new branch."""
        self._check_alive()
        self._production.rewind(chunk)
        self._new_generation()
        self._chunk = chunk
        self._tell()
        if chunk == 0:
            self._show_still()

    def prompt(self, text: str) -> None:
        """Another prompt from the next chunk on."""
        self._check_alive()
        self._production.change(Change(prompt=text))
        self._prompt = text
        self._tell()

    def cut(self, message: Cut) -> None:
        """Go on from another picture."""
        self._check_alive()
        picture = self._asked_picture().fitted(message.fit)
        self._production.change(Change(prompt=message.prompt, pixels=picture.pixels))
        self._prompt = self._prompt if message.prompt is None else message.prompt
        self._tell(picture.description)

    def record(self, on: bool) -> None:
        """Begin or end a recording."""
        if on:
            self._check_alive()
        self._production.record(on)

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
                    self._production.timeline.put(seq, timed.t_ms, timed.event, now)
        finally:
            self._post(Received(seq=self._newest_seq))
            self._service.metrics.events.inc(len(message.events))

    def camera(self, packet: Packet) -> None:
        """A picture of the client's camera; without a video nobody wants it."""
        if not math.isfinite(packet.time_ms):
            raise InputError(f"Camera picture: wanted the time when it was taken, got {packet.time_ms} ms.")
        video = self._production.camera(packet.payload, packet.time_ms / 1000)
        if video is not None and self._reported.due(time.monotonic()):
            self.reported(video.report())

    def shown(self, ack: Ack) -> None:
        """The client has drawn a frame."""
        frames, self._shown_at = self.presenter.shown(ack.packet), time.monotonic()
        for time_ms in self.gauges.shown(frames, ack.shown_ms, time.monotonic()):
            self._service.metrics.latency_seconds.observe(time_ms / 1000)
        self._production.wake()

    def configured(self) -> None:
        """The presentation changed: there may be room for a chunk."""
        self._production.wake()

    # What happens by itself.

    def tick(self) -> None:
        """Called twice a second: statistics, and what ends when nobody is there."""
        now, settings = time.monotonic(), self._service.settings
        if self.status == "streaming":
            self._post(self._stats(now))
        if self.detached_at is not None and now - self.detached_at > settings.reconnect_seconds:
            self._service.seats.give_back(self.name)
        quiet = now - self._input_at
        if quiet > 2 * settings.no_input_seconds:
            self.stop(f"Stopped after {quiet:.0f} s without input.")
        elif quiet > settings.no_input_seconds and self.status == "streaming":
            self.pause(f"Paused after {quiet:.0f} s without input. Press resume.")
        elif self._blocks_others() and now - self._shown_at > settings.reconnect_seconds:
            self.pause("Paused because nothing was shown while others wait. Press resume.")

    async def close(self) -> None:
        """End it for good: finish the recording, give everything back."""
        self.stop()
        await self._production.close()
        if self._client is not None:
            self._client.close(1012, "the server ends this stream")

    # What its production reports.

    def may_work(self) -> bool:
        """Whether it is its turn to make chunks, and somebody looks."""
        return self.status == "streaming" and self._client is not None and self._service.seats.has_seat(self.name)

    def present(self, made: MadeChunk) -> None:
        """A chunk of the present generation: receipts first, then its frames."""
        generation, dropped = self.presenter.generation, self.presenter.dropped
        self._chunk = made.video.index + 1
        if self.wants_tracks:
            self._post(made.tracks_packet(generation, self._config.fps))
        if made.controls:
            frames = tuple((control.seq, control.frame) for control in made.controls)
            self._post(Applied(generation=generation, chunk=made.video.index, frames=frames))
        self.presenter.put(made.frames(generation, self._config.fps))
        self._service.metrics.frames_dropped.inc(self.presenter.dropped - dropped)
        self._wake_client()

    def reported(self, values: Mapping[str, Any]) -> None:
        """What the provider shows of itself; what is new of it is sent."""
        news = self._reported.news(values)
        if news:
            self._post(Report(values=news))

    def rewound(self, prompt: str) -> None:
        """The video has the prompt again that it had then."""
        self._prompt = prompt
        self._tell()

    def recorded(self, recorded: Recorded) -> None:
        """A recording is finished."""
        self._post(recorded)

    def refused(self, told: Failure) -> None:
        """Something could not be done; the stream goes on."""
        self._service.metrics.refused.labels(told.code).inc()
        self._post(Error(code=told.code, message=told.message))

    def failed(self, told: Failure) -> None:
        """The video cannot go on; others do not notice."""
        self.refused(told)
        self._service.seats.give_back(self.name)
        self._become("failed", told.message)

    # Small things.

    def _sit(self, description: str = "") -> None:
        """Ask for a seat; the answer comes by `_moved`, at once where one is free."""
        try:
            self._service.seats.request(self.name, partial(self._moved, description))
        except InputError as error:
            self.refused(Failure(code="busy", message=str(error)))
            self._become("paused", str(error))

    def _moved(self, description: str, place: Place) -> None:
        if place.position == 0:
            self._shown_at = time.monotonic()
            self._production.timeline.restart(self._shown_at)
            self._become("streaming", description)
            return
        if self.status != "queued":
            self._become("queued", description)
        self._post(Queued(position=place.position, waiting=place.waiting))

    def _blocks_others(self) -> bool:
        """It has a seat that others wait for, and its client shows nothing of what it was sent, as a hidden page."""
        return self.status == "streaming" and self._service.seats.num_waiting > 0 and self.presenter.num_unshown > 0

    def _new_generation(self) -> None:
        self._reported.clear()
        self.presenter.restart(self.presenter.generation + 1)
        self._production.wake()

    def _become(self, status: StreamStatus, description: str = "") -> None:
        self.status = status
        self._tell(description)
        self._production.wake()

    def _tell(self, description: str = "") -> None:
        self._post(
            State(
                status=self.status,
                generation=self.presenter.generation,
                chunk=self._chunk,
                prompt=self._prompt,
                seed=self._start.seed,
                description=description,
            )
        )

    def _post(self, message: Message | Packet) -> None:
        if self._client is not None:
            self._client.post(message)

    def _wake_client(self) -> None:
        if self._client is not None:
            self._client.wake()

    def _show_still(self) -> None:
        """The picture that the video begins with stands until its first frame comes."""
        self.presenter.put_still(
            Frame(pixels=self._still, generation=self.presenter.generation, chunk=0, number=0, time_ms=0.0)
        )
        self._wake_client()

    def _stats(self, now: float) -> Stats:
        return self.gauges.stats(
            self.presenter,
            chunk=self._chunk,
            frames=self._config.first_video_frame(self._chunk),
            recording_seconds=self._production.recording_seconds,
            now_seconds=now,
        )

    def _asked_picture(self) -> UploadedPicture:
        if self._picture is None:
            raise InputError("There is no picture to begin with. Send one first.")
        return self._picture

    def _check_alive(self) -> None:
        if self.status not in _ALIVE:
            raise InputError(f"This wants a video that was started, and this one is {self.status}. Start one first.")
