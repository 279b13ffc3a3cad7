"""Inbox: what a client knows of its stream, and the frames that wait to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from motionstream.client.errors import LiveError
from motionstream.serving.messages import Applied, Error, Queued, Recorded, Report, ServerMessage, State, Stats
from motionstream.serving.packet import Kind, Packet, decode_tracks
from motionstream.tracks import Tracks

_RECEIPTS = 4096
_CHUNKS = 8  # whose tracks are kept: more are never on their way


@dataclass(frozen=True, eq=False)
class _Expected:
    """An answer that somebody waits for."""

    fits: Callable[[ServerMessage], bool]
    answer: asyncio.Future[ServerMessage]


class Inbox:
    """Takes in what the server sends; belongs to one event loop.

    Attributes:
        state: What the stream does; None before the first `start`.
        queued: The place in the queue; None while there is none.
        stats: The newest figures of the server.
        report: What the provider of motion shows of itself.
        recorded: The newest finished recording.
        applied: Chunk and video frame by event number, of the newest events.
    """

    def __init__(self) -> None:
        self.state: State | None = None
        self.queued: Queued | None = None
        self.stats: Stats | None = None
        self.report: dict[str, Any] = {}
        self.recorded: Recorded | None = None
        self.applied: dict[int, tuple[int, int]] = {}
        self._arrived: asyncio.Queue[Packet | LiveError | None] = asyncio.Queue()  # None: look at the state
        self._expected: list[_Expected] = []
        self._tracks: dict[int, tuple[int, Tracks]] = {}

    @property
    def is_over(self) -> bool:
        """Whether the video has ended."""
        return self.state is not None and self.state.status in ("stopped", "failed")

    def expect(self, fits: Callable[[ServerMessage], bool]) -> asyncio.Future[ServerMessage]:
        """The first message to come that fits; an error that comes first is raised instead."""
        answer = asyncio.get_running_loop().create_future()
        self._expected.append(_Expected(fits, answer))
        return answer

    def take(self, message: ServerMessage | Packet) -> None:
        """Take in a message."""
        match message:
            case Packet(kind=Kind.TRACKS):
                self._keep_tracks(message)
            case Packet():
                self._arrived.put_nowait(message)
            case State():
                self._take_state(message)
            case Queued():
                self.queued = message
            case Stats():
                self.stats = message
            case Report():
                self.report = {**self.report, **message.values}
            case Recorded():
                self.recorded = message
            case Applied():
                self._take_receipts(message)
            case Error():
                self.fail(LiveError(message.code, message.message))
                return
        if not isinstance(message, Packet):
            self._answer(message)

    def fail(self, error: LiveError, *, for_good: bool = False) -> None:
        """Raise an error where an answer is awaited, or else at the next frame; `for_good` everywhere."""
        waiting = [each for each in self._expected if not each.answer.done()]
        self._expected = waiting[1:] if not for_good else []
        for each in waiting if for_good else waiting[:1]:
            each.answer.set_exception(error)
        if for_good or not waiting:
            self._arrived.put_nowait(error)

    def forget_frames(self) -> None:
        """Throw away the frames that wait; errors stay."""
        waiting = [self._arrived.get_nowait() for _ in range(self._arrived.qsize())]
        for each in waiting:
            if not isinstance(each, Packet):
                self._arrived.put_nowait(each)

    async def next_packet(self) -> Packet | None:
        """The next frame of the present branch; None when the video has ended.

        Raises:
            LiveError: Something was refused or failed since; another call goes on.
        """
        while not (self.is_over and self._arrived.empty()):
            packet = await self._arrived.get()
            if isinstance(packet, LiveError):
                raise packet
            if packet is not None and self._is_of_this_branch(packet):
                return packet
        if self.state is not None and self.state.status == "failed":
            raise LiveError("failed", self.state.description or "The stream failed on the server.")
        return None

    def tracks_of(self, packet: Packet) -> Tracks | None:
        """What the model was told of a frame; None where no tracks came."""
        first, tracks = self._tracks.get(packet.chunk, (0, None))
        row = packet.frame - first
        return tracks.slice(row, row + 1) if tracks is not None and 0 <= row < tracks.num_frames else None

    def _take_state(self, state: State) -> None:
        if self.state is not None and state.generation != self.state.generation:
            self.forget_frames()
            self.report = {}
        self.state = state
        if state.status != "queued":
            self.queued = None
        if self.is_over:
            self._arrived.put_nowait(None)

    def _take_receipts(self, applied: Applied) -> None:
        for seq, frame in applied.frames:
            self.applied[seq] = (applied.chunk, frame)
        for seq in list(self.applied)[: max(0, len(self.applied) - _RECEIPTS)]:
            del self.applied[seq]

    def _keep_tracks(self, packet: Packet) -> None:
        self._tracks.pop(packet.chunk, None)  # a chunk that is made anew is the newest
        self._tracks[packet.chunk] = (packet.frame, decode_tracks(packet.payload))
        for chunk in list(self._tracks)[: max(0, len(self._tracks) - _CHUNKS)]:
            del self._tracks[chunk]

    def _answer(self, message: ServerMessage) -> None:
        for each in self._expected:
            if not each.answer.done() and each.fits(message):
                each.answer.set_result(message)
                break
        self._expected = [each for each in self._expected if not each.answer.done()]

    def _is_of_this_branch(self, packet: Packet) -> bool:
        return self.state is None or packet.generation == self.state.generation % 65536
