import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionstream.errors import InputError
from motionstream.serving.seats import Seats


def test_the_one_who_waits_longest_gets_the_seat_that_is_given_back_and_the_others_move_up():
    seats, told = Seats(1, 2), {"ann": [], "bob": [], "eve": []}
    for name, places in told.items():
        seats.request(name, places.append)
    assert [place.position for place in told["eve"]] == [2]
    seats.give_back("ann")
    assert seats.has_seat("bob")
    assert [(place.position, place.waiting) for place in told["bob"]] == [(1, 1), (1, 2), (0, 0)]
    assert [(place.position, place.waiting) for place in told["eve"]] == [(2, 2), (1, 1)]


def test_a_full_queue_refuses_and_disturbs_nobody():
    seats = Seats(1, 1)
    for name in ("ann", "bob"):
        seats.request(name, lambda place: None)
    with pytest.raises(InputError, match="1 people wait"):
        seats.request("eve", lambda place: None)
    seats.give_back("eve")
    assert seats.has_seat("ann")
    assert seats.num_waiting == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_seats_are_never_overbooked_never_left_empty_while_somebody_waits_and_go_in_order(doings):
    seats, order = Seats(2, 3), []
    for asks, person in doings:
        name = str(person)
        if asks and (name in order or len(order) < 5):
            seats.request(name, lambda place: None)
            order += [] if name in order else [name]
        elif not asks:
            seats.give_back(name)
            order = [other for other in order if other != name]
        assert [name for name in map(str, range(6)) if seats.has_seat(name)] == sorted(order[:2])
        assert seats.num_waiting == max(0, len(order) - 2)
