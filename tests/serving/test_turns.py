import asyncio
import threading
import time

import pytest

from motionstream.serving.turns import Turns


def test_streams_that_ask_again_after_each_chunk_get_equally_many_turns_however_slow_each_is():
    async def run():
        turns, count = Turns(), {"fast": 0, "slow": 0}

        async def stream(name, seconds):
            while sum(count.values()) < 20:
                await turns.take(lambda: time.sleep(seconds))
                count[name] += 1

        await asyncio.gather(stream("fast", 0.001), stream("slow", 0.01))
        turns.close()
        return count

    count = asyncio.run(run())
    assert abs(count["fast"] - count["slow"]) <= 1


def test_all_work_runs_on_one_thread_and_waiting_is_measured_apart_from_working():
    async def run():
        turns = Turns()
        first, second = await asyncio.gather(
            turns.take(lambda: (time.sleep(0.05), threading.get_ident())[1]), turns.take(threading.get_ident)
        )
        turns.close()
        return first, second

    first, second = asyncio.run(run())
    assert first.result == second.result != threading.get_ident()
    assert first.took_seconds >= 0.05
    assert second.waited_seconds >= 0.04 > second.took_seconds


def test_work_that_fails_leaves_the_thread_to_the_others():
    async def run():
        turns = Turns()
        with pytest.raises(ZeroDivisionError):
            await turns.take(lambda: 1 / 0)
        done = await turns.take(lambda: "still here")
        turns.close()
        return done.result

    assert asyncio.run(run()) == "still here"
