from hypothesis import given
from hypothesis import strategies as st

from motionstream.serving.rate import TokenBucket


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_second_of_events_passes_at_once_and_more_has_to_wait():
    bucket = TokenBucket(10, Clock())
    assert bucket.take(10) == 0
    assert bucket.take(5) == 0.5


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 50)), min_size=1, max_size=50))
def test_who_waits_as_told_never_gets_more_than_the_rate_and_one_second_on_top(demands):
    clock = Clock()
    bucket, taken = TokenBucket(20, clock), 0
    for pause, amount in demands:
        clock.now += pause
        clock.now += bucket.take(amount)
        taken += amount
        assert taken <= 20 * (clock.now + 1) + 1e-6


def test_what_may_be_lost_is_taken_as_long_as_there_is_some_and_never_on_credit():
    clock = Clock()
    bucket = TokenBucket(10, clock)
    assert sum(bucket.try_take() for _ in range(50)) == 10
    clock.now = 0.25
    assert [bucket.try_take() for _ in range(3)] == [True, True, False]
