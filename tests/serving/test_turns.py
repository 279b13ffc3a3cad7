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


def test_the_rest_of_a_turn_is_done_before_the_next_turn_while_the_result_is_there_already():
    async def run():
        turns, done = Turns(), []
        released = threading.Event()

        def rest():
            released.wait(5)
            done.append("rest")

        turn = await turns.take(lambda: done.append("work"), rest)
        assert done == ["work"]
        following = asyncio.create_task(turns.take(lambda: done.append("next")))
        await asyncio.sleep(0.01)
        released.set()
        await following
        await turn.rest
        turns.close()
        return done

    assert asyncio.run(run()) == ["work", "rest", "next"]


def test_work_that_fails_has_no_rest():
    async def run():
        turns, done = Turns(), []
        with pytest.raises(ZeroDivisionError):
            await turns.take(lambda: 1 / 0, lambda: done.append("rest"))
        await turns.take(lambda: done.append("next"))
        turns.close()
        return done

    assert asyncio.run(run()) == ["next"]


def test_a_rest_that_fails_is_told_to_whoever_had_the_turn():
    async def run():
        turns = Turns()
        turn = await turns.take(lambda: "frames", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await turn.rest
        turns.close()
        return turn.result

    assert asyncio.run(run()) == "frames"
