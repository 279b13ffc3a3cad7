"""Recorder: the recording of one stream, while there is one; files are written beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from motionstream.errors import InputError
from motionstream.serving.live_video import LiveVideo
from motionstream.serving.messages import Recorded
from motionstream.serving.recording import LOG, Recording
from motionstream.serving.recordings import Recordings
from motionstream.serving.service import Service
from motionstream.streaming.session import VideoChunk

T = TypeVar("T")


class Recorder:
    """Begins, feeds and finishes recordings; called from one task.

    Args:
        service: Where recordings go.
        fps: Video frames per second of playing time.
    """

    def __init__(self, service: Service, fps: float) -> None:
        self._service, self._fps = service, fps
        self._recording: Recording | None = None
        self._writing: asyncio.Future[None] | None = None

    @property
    def seconds(self) -> float | None:
        """Playing time so far; None where nothing is recorded."""
        return None if self._recording is None else self._recording.seconds

    async def begin(self) -> None:
        """Record from the next chunk on; does nothing where it does already.

        Raises:
            InputError: The server keeps no recordings.
            OutputError: The folder cannot be written.
        """
        if self._recording is None:
            recordings = self._folder()
            self._recording = await self._beside(lambda: recordings.begin(self._fps))

    async def write(self, chunk: VideoChunk) -> None:
        """Append a chunk, where something is recorded; returns when the chunk before is written.

        Raises:
            OutputError: The chunk before could not be written.
        """
        recording = self._recording
        if recording is not None:
            await self._written()
            self._writing = self._beside(lambda: recording.write(chunk))

    async def finish(self, video: LiveVideo | None) -> Recorded | None:
        """Complete the files; None where nothing was recorded.

        Raises:
            OutputError: The disk is full or failed; what was written before stays.
        """
        recording, self._recording = self._recording, None
        if recording is None:
            return None
        try:
            await self._written()
            if video is not None:
                await self._service.turns.take(lambda: video.save_log(recording.folder / LOG))
        finally:
            files = await self._beside(lambda: self._completed(recording))
        self._service.metrics.recordings.inc()
        return (
            Recorded(name=recording.folder.name, seconds=recording.seconds, files=files) if recording.seconds else None
        )

    def _completed(self, recording: Recording) -> tuple[str, ...]:
        try:
            return recording.finish()
        finally:
            self._folder().finished(recording)

    def _folder(self) -> Recordings:
        if self._service.recordings is None:
            raise InputError("This server keeps no recordings. Start it with a folder for them.")
        return self._service.recordings

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def _beside(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._service.workers, work)
