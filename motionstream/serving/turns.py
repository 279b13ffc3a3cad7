"""Turns: the one thread that the model runs on, and in which order streams get it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Turn(Generic[T]):
    """A turn that was had.

    Attributes:
        result: Of the work.
        waited_seconds: Until the model was free.
        took_seconds: For the work.
        rest: What was to be done after it, which may still go on.
    """

    result: T
    waited_seconds: float
    took_seconds: float
    rest: asyncio.Future[None] | None = None


class Turns:
    """First come, first served; as a stream asks again only after its chunk, all get as many chunks.

    All work with the model goes through here: opening a stream, its chunks, going back, closing it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self.num_waiting = 0

    async def take(self, work: Callable[[], T], rest: Callable[[], None] | None = None) -> Turn[T]:
        """Wait for a turn and do `work` on the model's thread.

        Work that has begun is finished even if the caller is cancelled; work that still waits is not begun then.

        Args:
            work: What is waited for.
            rest: Done right after it, before anybody else's turn, while the caller has the result already; left out
                where the work failed.
        """
        asked = time.monotonic()
        self.num_waiting += 1
        try:
            working = self._thread.submit(_timed, work, asked)
            resting = None if rest is None else self._thread.submit(_after, working, rest)
            turn = await asyncio.wrap_future(working)
            return turn if resting is None else replace(turn, rest=asyncio.wrap_future(resting))
        finally:
            self.num_waiting -= 1

    def close(self) -> None:
        """Finish the present work and refuse more."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _after(working: Future[Turn[T]], rest: Callable[[], None]) -> None:
    if not working.cancelled() and working.exception() is None:
        rest()


def _timed(work: Callable[[], T], asked: float) -> Turn[T]:
    begun = time.monotonic()
    result = work()
    return Turn(result=result, waited_seconds=begun - asked, took_seconds=time.monotonic() - begun)
