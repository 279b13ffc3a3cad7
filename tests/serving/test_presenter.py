import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionstream.errors import InputError
from motionstream.serving.presenter import Frame, Presenter

PIXELS = np.zeros((2, 2, 3), np.uint8)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def chunk(index, generation=0, size=4, inputs=()):
    return [
        Frame(
            pixels=PIXELS,
            generation=generation,
            chunk=index,
            number=size * index + place,
            time_ms=0,
            input_ms=dict(inputs).get(place, math.nan),
        )
        for place in range(size)
    ]


def send_all(presenter):
    sent = []
    while (frame := presenter.take()) is not None:
        sent.append((presenter.sent(frame), frame.number))
    return sent


def test_the_next_chunk_waits_until_enough_is_shown():
    presenter = Presenter(fps=10, frames_per_chunk=4, paced=False)
    assert presenter.seconds_to_room(2) == 0
    presenter.put(chunk(0))
    send_all(presenter)
    assert presenter.seconds_to_room(2) == math.inf
    presenter.shown(1)
    assert presenter.seconds_to_room(2) == math.inf
    presenter.shown(2)
    assert presenter.seconds_to_room(2) == 0


def test_a_client_that_shows_at_once_gets_chunks_at_the_pace_of_the_video():
    clock = Clock()
    presenter = Presenter(fps=10, frames_per_chunk=4, clock=clock)
    presenter.put(chunk(0))
    send_all(presenter)
    presenter.shown(4)
    assert presenter.seconds_to_room(2) == pytest.approx(0.2)
    clock.now += 0.2
    assert presenter.seconds_to_room(2) == pytest.approx(0)


def test_a_slower_model_and_a_longer_way_begin_chunks_earlier_but_store_no_more_than_two_chunks():
    presenter = Presenter(fps=10, frames_per_chunk=12)
    assert presenter.lead_frames(0, 0) == 2
    assert presenter.lead_frames(0.45, 0) == 7
    assert presenter.lead_frames(0.45, 0.11) == 9
    assert presenter.lead_frames(60, 1) == 24


def test_after_another_branch_began_no_frame_of_the_old_one_goes_out():
    presenter = Presenter(fps=10, frames_per_chunk=4)
    presenter.put(chunk(0))
    presenter.sent(presenter.take())
    encoding = presenter.take()
    presenter.restart(1)
    assert presenter.sent(encoding) is None
    presenter.put(chunk(1))
    assert presenter.take() is None
    presenter.put(chunk(0, generation=1))
    assert send_all(presenter) == [(2, 0), (3, 1), (4, 2), (5, 3)]


def test_what_moved_a_frame_that_is_left_out_is_first_seen_in_the_next():
    presenter = Presenter(fps=10, frames_per_chunk=4)
    presenter.presentation = "drop"
    presenter.put(chunk(0, inputs={1: 5.0, 3: 7.0}))
    presenter.put(chunk(1, inputs={0: 9.0})[:1])
    assert presenter.dropped == 1
    presenter.put(chunk(1, size=1, inputs={}))
    assert presenter.dropped == 2
    assert presenter.take().input_ms == 5.0


def test_another_connection_is_sent_what_was_not_shown_and_no_times_of_the_old_clock():
    presenter = Presenter(fps=10, frames_per_chunk=4)
    presenter.put(chunk(0, inputs={2: 5.0}))
    send_all(presenter)
    presenter.shown(2)
    presenter.reconnect()
    again = [presenter.take(), presenter.take()]
    assert [frame.number for frame in again] == [2, 3]
    assert all(math.isnan(frame.input_ms) for frame in again)
    assert [presenter.sent(frame) for frame in again] == [1, 2]
    presenter.shown(2)
    presenter.reconnect()
    assert presenter.take().number == 3


def test_a_frame_that_was_being_encoded_when_the_connection_broke_is_sent_by_the_next_one():
    presenter = Presenter(fps=10, frames_per_chunk=4)
    presenter.put(chunk(0))
    presenter.sent(presenter.take())
    encoding = presenter.take()
    presenter.reconnect()
    assert presenter.num_unshown == 4
    again = [presenter.take() for _ in range(4)]
    assert [frame.number for frame in again] == [0, 1, 2, 3]
    assert presenter.sent(encoding) is None
    assert [presenter.sent(frame) for frame in again] == [1, 2, 3, 4]


def test_a_frame_that_was_not_sent_cannot_be_shown():
    with pytest.raises(InputError, match="up to 0"):
        Presenter(fps=10, frames_per_chunk=4).shown(1)


@given(
    st.sampled_from(["backpressure", "drop"]),
    st.lists(st.sampled_from(["make", "send", "show", "restart", "reconnect"]), max_size=80),
)
def test_frames_are_sent_in_order_once_or_dropped_and_never_pile_up(presentation, doings):
    presenter = Presenter(fps=10, frames_per_chunk=4, paced=False)
    presenter.presentation = presentation
    made, seen, put, generation = 0, [], 0, 0
    for doing in doings:
        match doing:
            case "make" if presenter.seconds_to_room(presenter.lead_frames(0.3, 0.1)) == 0:
                presenter.put(chunk(made, generation))
                made, put = made + 1, put + 4
            case "send":
                for _ in range(3):
                    frame = presenter.take()
                    if frame is not None:
                        assert presenter.sent(frame) is not None
                        assert frame.generation == generation
                        seen.append(frame.number)
            case "show":
                presenter.shown(presenter._next_sequence)
            case "restart":
                generation += 1
                presenter.restart(generation)
                seen = []
            case "reconnect":
                presenter.reconnect()
                seen = []
        assert seen == sorted(set(seen))
        assert presenter.num_unshown <= 4 * 4
