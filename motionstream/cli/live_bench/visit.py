"""Visit: users come to a server together, warm up, and are watched for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from motionstream.cli.live_bench.picture import measuring_picture
from motionstream.cli.live_bench.server_process import ServerProcess, Usage
from motionstream.cli.live_bench.user import Experience, User, UserSettings
from motionstream.errors import MotionStreamError

_T = TypeVar("_T")

WARM_UP_SECONDS = 2.0
"""After every user has seen a frame."""

_PICTURE = (512, 384)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What users saw in the same time, and what the server used in it.

    Attributes:
        seen: By user.
        seconds: How long it was.
        before: The server at its beginning.
        after: The server at its end, users still there.
    """

    seen: list[Experience]
    seconds: float
    before: Usage
    after: Usage


async def visit(server: ServerProcess, num_users: int, settings: UserSettings, seconds: float) -> Visit:
    """Let users come together, and watch them for some time."""
    crowd = [User(server.url, settings) for _ in range(num_users)]
    async with asyncio.TaskGroup() as group:
        staying = [group.create_task(user.stay(measuring_picture(*_PICTURE))) for user in crowd]
        while not all(user.has_seen_any for user in crowd):
            await asyncio.sleep(0.05)
        await asyncio.sleep(WARM_UP_SECONDS)
        before = await asyncio.to_thread(server.usage)
        for user in crowd:
            user.forget()
        await asyncio.sleep(seconds)
        seen = [user.experience for user in crowd]
        for user in crowd:
            user.forget()  # what is shown from now on counts no more
        after = await asyncio.to_thread(server.usage)
        for task in staying:
            task.cancel()
    return Visit(seen=seen, seconds=seconds, before=before, after=after)


async def visit_for_long(server: ServerProcess, settings: UserSettings) -> tuple[Experience, float, list[float]]:
    """What one user saw of `settings.num_frames`, the video's frame rate, and the server's memory in MiB all along."""
    user, memory = User(server.url, settings), list[float]()
    staying = asyncio.create_task(user.stay(measuring_picture(*_PICTURE)))
    while not (memory and staying.done()):
        await asyncio.wait([staying], timeout=0.2)
        usage = await asyncio.to_thread(server.usage)
        if not memory or (user.has_seen_any and not staying.done()):
            memory.append(usage.memory_bytes / 2**20)
    await staying
    return user.experience, user.fps, memory


def run_visit(work: Coroutine[Any, Any, _T]) -> _T:
    """Do a visit; of several users that were refused something the first is told."""
    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        refused: BaseException | None = group.subgroup(MotionStreamError)
        while isinstance(refused, BaseExceptionGroup):
            refused = refused.exceptions[0]
        if refused is None:
            raise
        raise refused from group
