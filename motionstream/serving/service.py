"""Service: what all connections of a server share."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from motionstream.errors import InputError, MotionStreamError
from motionstream.serving.access import Access
from motionstream.serving.metrics import Metrics
from motionstream.serving.offer import Offers
from motionstream.serving.opener import Opener
from motionstream.serving.recordings import Recordings
from motionstream.serving.seats import Seats
from motionstream.serving.settings import ServerSettings
from motionstream.serving.turns import Turns

logger = logging.getLogger(__name__)

_NUM_THREADS = 2


class Service:
    """The model, whose turn it is, and what is kept.

    Attributes:
        settings: Of the server.
        access: Who may come in.
        turns: At the model.
        seats: Of those who take turns.
        offers: Sources of motion.
        metrics: For monitoring.
        recordings: Finished videos; None where none are kept.
        coders: Threads that encode frames.
        workers: Threads for what takes longer: reading pictures, writing recordings.
        num_videos: That are held in memory.
        scratch: Folder for the control logs of living streams.
        failure: Why there is no model; empty while it is loading and afterwards.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.access = Access(settings)
        self.turns = Turns()
        self.seats = Seats(settings.max_streams, settings.max_waiting)
        self.offers = Offers()
        self.metrics = Metrics()
        self.recordings = (
            None if settings.recordings is None else Recordings(settings.recordings, settings.recordings_bytes)
        )
        self.coders = ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="coder")
        self.workers = ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="worker")
        self.num_videos = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="motionstream-")
        self.scratch = Path(self._scratch.name)
        self.failure = ""
        self._engine: Opener | None = None
        self._settled = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether the model is there."""
        return self._engine is not None

    @property
    def engine(self) -> Opener:
        """The model; only once it is there."""
        assert self._engine is not None, "asked for the model before it was loaded"
        return self._engine

    @property
    def model(self) -> str:
        """The checkpoint in a few words; empty before it is there."""
        if self._engine is None:
            return ""
        config, checkpoint = self._engine.config, self._engine.checkpoint
        number = str(checkpoint.dtype).removeprefix("torch.")
        return (
            f"{checkpoint.path.name}, {config.width}x{config.height}, {config.fps:g} fps, {number}, {checkpoint.device}"
        )

    async def load(self, loader: Callable[[], Opener]) -> None:
        """Load the model on its thread; a failure is kept to be told."""
        try:
            self._engine = (await self.turns.take(loader)).result
        except MotionStreamError as error:
            self.failure = str(error)
        except Exception as error:
            logger.exception("The model could not be loaded")
            self.failure = f"The model could not be loaded: {type(error).__name__}: {error}. See the server's log."
        self._settled.set()

    async def settled(self, timeout: float) -> bool:
        """Wait until the model is there or failed; False where that takes longer."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            return False
        return True

    def add_video(self) -> None:
        """Make room for one more video.

        Raises:
            InputError: There is none.
        """
        if self.num_videos >= self.settings.max_videos:
            raise InputError(
                f"{self.num_videos} videos are being made or paused, and no more fit in memory. Try again later."
            )
        self.num_videos += 1

    def check_memory(self, sink_frames: int | None, window_frames: int | None) -> None:
        """Refuse a sink and a window that hold more than a stream may; None are the checkpoint's.

        Raises:
            InputError: They do.
        """
        config = self.engine.config
        most = max(self.settings.max_memory_frames, config.sink_frames + config.window_frames)
        sink = config.sink_frames if sink_frames is None else sink_frames
        window = config.window_frames if window_frames is None else window_frames
        if sink + window > most:
            raise InputError(
                f"Sink and window: wanted at most {most} latent frames together, got {sink} + {window}. "
                "The server holds them in memory for every stream (max_memory_frames)."
            )

    def close(self) -> None:
        """Give back threads and files."""
        self.turns.close()
        for threads in (self.coders, self.workers):
            threads.shutdown(wait=True, cancel_futures=True)
        self._scratch.cleanup()
