"""Turns: the one thread that the model runs on, and in which order streams get it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Turn(Generic[T]):
    """A turn that was had.

    Attributes:
        result: Of the work.
        waited_seconds: Until the model was free.
        took_seconds: For the work.
    """

    result: T
    waited_seconds: float
    took_seconds: float


class Turns:
    """First come, first served; as a stream asks again only after its chunk, all get as many chunks.

    All work with the model goes through here: opening a stream, its chunks, going back, closing it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self.num_waiting = 0

    async def take(self, work: Callable[[], T]) -> Turn[T]:
        """Wait for a turn and do `work` on the model's thread.

        Work that has begun is finished even if the caller is cancelled; work that still waits is not begun then.
        """
        asked = time.monotonic()
        self.num_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _timed, work, asked)
        finally:
            self.num_waiting -= 1

    def close(self) -> None:
        """Finish the present work and refuse more."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _timed(work: Callable[[], T], asked: float) -> Turn[T]:
    begun = time.monotonic()
    result = work()
    return Turn(result=result, waited_seconds=begun - asked, took_seconds=time.monotonic() - begun)
