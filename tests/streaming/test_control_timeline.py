"""From a client's clock to the frames of a chunk: nothing lost, nothing swapped, all inside and bounded."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.providers import Window
from motionstream.streaming.clock_offset import ClockOffset
from motionstream.streaming.control_timeline import (
    MAX_WAITING_EVENTS,
    MAX_WAITING_VALUES,
    ControlTimeline,
    TimedControl,
)

CONFIG = StreamConfig(height=32, width=32, fps=16)
CHUNK = 12 / 16
CLIENT = 5000.0
"""What the client's clock shows more than the server's, in milliseconds."""


def window(index: int) -> Window:
    return Window.of_chunk(CONFIG, index)


def put(timeline: ControlTimeline, seq: int, at: float, *, delay: float = 0.0, **event: Any) -> None:
    """An event that happened at `at` by the server's clock."""
    timeline.put(seq, 1000 * at + CLIENT, {"type": "move", "x": at, **event}, at + delay)


def times(controls: list[TimedControl]) -> list[float]:
    return [control.event["time_seconds"] for control in controls]


def test_what_is_done_at_an_even_pace_is_shown_at_an_even_pace() -> None:
    timeline = ControlTimeline(CHUNK)
    timeline.restart(100 + CHUNK)
    for index in range(1, 4):
        begun = 100 + CHUNK * index
        for frame in range(12):  # the last moment belongs to the last frame
            put(timeline, frame, begun - CHUNK + (frame + 1) / 16)
        taken = timeline.take(window(index), begun)
        np.testing.assert_allclose(times(taken), window(index).frame_times, atol=1e-9)
        assert [control.seq for control in taken] == list(range(12))


def test_a_frame_is_the_first_at_or_after_the_time_of_its_event() -> None:
    timeline = ControlTimeline(CHUNK)
    for number in range(100):
        put(timeline, number, 100.0 - CHUNK * 1.2 * (1 - number / 99))
    for control in timeline.take(window(2), 100.0):
        shown = window(2).frame_times.tolist()[control.frame - window(2).start_frame]
        time = control.event["time_seconds"]
        assert shown - 1 / 16 < time - 1e-9 <= shown or time == pytest.approx(shown)


@pytest.mark.parametrize("slowness", [1.0, 2.5, 0.4])
def test_a_slow_engine_shows_the_whole_path_squeezed_and_a_fast_one_stretched(slowness: float) -> None:
    timeline = ControlTimeline(CHUNK)
    timeline.take(window(0), 100.0)
    passed = slowness * CHUNK
    for frame in range(12):
        put(timeline, frame, 100.0 + passed * (frame + 1) / 12)
    np.testing.assert_allclose(times(timeline.take(window(1), 100.0 + passed)), window(1).frame_times, atol=1e-9)


def test_a_first_chunk_looks_back_on_one_chunks_time_and_a_restart_begins_there() -> None:
    timeline = ControlTimeline(CHUNK)
    put(timeline, 0, 10.0)
    put(timeline, 1, 100.0 - CHUNK / 2)
    first = window(0)
    frame = first.num_frames / 2 - 1
    assert times(timeline.take(first, 100.0)) == pytest.approx([0.0, frame / 16])

    timeline.restart(200.0)  # a pause of a hundred seconds
    put(timeline, 2, 150.0)
    put(timeline, 3, 200.0)
    late = times(timeline.take(window(1), 200.0 + CHUNK))  # twice a chunk's time since the look back began
    assert late == pytest.approx([window(1).start_seconds, window(1).start_seconds + 5 / 16])


def test_the_least_delayed_message_tells_the_clients_clock() -> None:
    timeline = ControlTimeline(CHUNK)
    timeline.restart(100.0 + CHUNK)
    put(timeline, 0, 100.1, delay=0.0)
    for number in range(1, 13):  # arrive in a burst, half a second late
        put(timeline, number, 100.0 + number / 16, delay=0.5)
    taken = timeline.take(window(1), 100.0 + CHUNK)
    np.testing.assert_allclose(times(taken)[2:], window(1).frame_times[1:], atol=1e-9)


def test_a_page_with_another_clock_is_understood_after_the_old_one_is_forgotten() -> None:
    timeline = ControlTimeline(CHUNK)
    put(timeline, 0, 100.0)
    timeline.take(window(0), 100.0)
    timeline.forget_clock()
    timeline.put(0, 12.0, {"type": "move"}, 100.0 + CHUNK / 2)
    timeline.put(1, 12.0 + 500 * CHUNK, {"type": "move"}, 100.0 + CHUNK)
    assert times(timeline.take(window(1), 100.0 + CHUNK)) == pytest.approx([9 / 16 + 5 / 16, 9 / 16 + 11 / 16])


def test_what_waits_while_the_old_clock_is_forgotten_keeps_its_time() -> None:
    kept, forgotten = ControlTimeline(CHUNK), ControlTimeline(CHUNK)
    for timeline in (kept, forgotten):
        for seq, at in enumerate((99.5, 99.75)):
            put(timeline, seq, at)
    forgotten.forget_clock()
    assert times(forgotten.take(window(0), 100.0)) == times(kept.take(window(0), 100.0))


def test_the_clocks_offset_follows_a_drift_and_forgets_old_messages() -> None:
    clock = ClockOffset()
    for second in range(2000):
        clock.see(second, 50 + second * 1.001 + 0.2 * (second % 3))
    assert clock.at_receiver(2000) == pytest.approx(50 + 2000 * 1.001, abs=0.31)
    assert len(clock._rising) <= 300


events = st.lists(
    st.tuples(
        st.floats(-3, 3),  # when, after the step began
        st.floats(0, 2),  # delay
        st.sampled_from(["press", "move", "release", "pin"]),
        st.integers(0, 2),
    ),
    max_size=30,
)


@given(steps=st.lists(st.tuples(events, st.floats(0, 4), st.booleans()), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_no_event_is_lost_none_is_swapped_and_all_lie_in_their_windows(
    steps: list[tuple[list[tuple[float, float, str, int]], float, bool]],
) -> None:
    timeline, now, seq, newest = ControlTimeline(CHUNK), 1000.0, 0, 0.0
    for index, (happened, passes, restarts) in enumerate(steps):
        first = seq
        if restarts:
            timeline.restart(now)
        for after, delay, kind, pointer in happened:
            put(timeline, seq, now + after, delay=delay, type=kind, pointer=pointer, time_seconds=-1)
            seq += 1
        now += passes
        taken, of = timeline.take(window(index), now), window(index)
        assert [control.seq for control in taken] == list(range(first, seq))
        assert [control.event["type"] for control in taken] == [kind for _, _, kind, _ in happened]
        for control in taken:
            assert newest <= control.event["time_seconds"] < of.end_seconds
            assert of.start_seconds <= control.event["time_seconds"]
            assert of.start_frame <= control.frame < of.start_frame + of.num_frames
            newest = control.event["time_seconds"]


def test_what_waits_is_bounded_and_only_the_middle_of_a_path_is_thinned() -> None:
    timeline = ControlTimeline(CHUNK)
    kinds = ["press", *["move"] * 500, "release"]
    for seq in range(20 * len(kinds)):
        put(timeline, seq, 100 + seq / 1000, type=kinds[seq % len(kinds)], pointer=seq // len(kinds) % 2)
        assert len(timeline) <= MAX_WAITING_EVENTS
    taken = timeline.take(window(0), 200.0)
    assert [control.seq for control in taken] == sorted(control.seq for control in taken)
    kept = [(control.seq, control.event["type"]) for control in taken]
    assert [kind for _, kind in kept if kind != "move"] == ["press", "release"] * 20
    seqs = {seq for seq, _ in kept}
    for press in range(0, 20 * 502, 502):
        assert {press + 1, press + 500} <= seqs  # the ends of each path


def test_interleaved_pointers_are_thinned_alike() -> None:
    timeline = ControlTimeline(CHUNK)
    for seq in range(MAX_WAITING_EVENTS + 1):
        put(timeline, seq, 100 + seq / 1000, pointer=seq % 2)
    pointers = [control.event["pointer"] for control in timeline.take(window(0), 200.0)]
    assert abs(pointers.count(0) - pointers.count(1)) <= 1


def test_events_that_cannot_be_thinned_are_refused_when_too_many_wait() -> None:
    timeline = ControlTimeline(CHUNK)
    for seq in range(MAX_WAITING_EVENTS):
        put(timeline, seq, 100.0, type="press")
    with pytest.raises(InputError, match=f"{MAX_WAITING_EVENTS} wait"):
        put(timeline, MAX_WAITING_EVENTS, 100.0, type="release")
    assert len(timeline.take(window(0), 100.0)) == MAX_WAITING_EVENTS
    put(timeline, MAX_WAITING_EVENTS, 100.0, type="release")


def test_few_events_with_many_numbers_are_refused_too() -> None:
    timeline = ControlTimeline(CHUNK)
    path = {"type": "path", "points": [[0.1, 0.2]] * 10_000}
    for seq in range(MAX_WAITING_VALUES // 30_010):
        timeline.put(seq, 0.0, path, 0.0)
    with pytest.raises(InputError, match="numbers"):
        timeline.put(99, 0.0, path, 0.0)
    timeline.clear()
    timeline.put(0, 0.0, path, 0.0)
    assert len(timeline) == 1
