"""Small parts of the webcam provider, each against its definition."""

import math
import threading

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from motionstream_webcam.dead_zone import DeadZone
from motionstream_webcam.latest import Latest
from motionstream_webcam.neighbours import with_neighbours_motion
from motionstream_webcam.one_euro import OneEuro
from motionstream_webcam.sender_clock import SenderClock
from motionstream_webcam.speed_limit import SpeedLimit
from motionstream_webcam.trail import Trail
from motionstream_webcam.transfer import Pose

seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))


def walk(seed: int, count: int = 40, points: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, (count, points, 2)).cumsum(axis=0)


def one_euro_of_one(times: np.ndarray, values: np.ndarray, cutoff: float, beta: float) -> list[np.ndarray]:
    """The filter as its paper writes it, for one point, its speed a length."""

    def alpha(hz: float, step: float) -> float:
        tau = 1 / (2 * math.pi * hz)
        return 1 / (1 + tau / step)

    out, speed = [values[0]], np.zeros(2)
    for index in range(1, len(values)):
        step = times[index] - times[index - 1]
        raw, a = (values[index] - out[-1]) / step, alpha(1.0, step)
        speed = a * raw + (1 - a) * speed
        a = alpha(cutoff + beta * math.hypot(*speed), step)
        out.append(a * values[index] + (1 - a) * out[-1])
    return out


@quick
@given(seeds, st.floats(0.1, 10), st.floats(0, 50))
def test_the_one_euro_filter_is_that_of_its_paper(seed: int, cutoff: float, beta: float) -> None:
    values, times = walk(seed), np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.1, 40))
    smooth = OneEuro(cutoff, beta)
    got = np.stack([smooth(time, value) for time, value in zip(times, values, strict=True)])
    wanted = np.stack([one_euro_of_one(times, values[:, n], cutoff, beta) for n in range(3)], axis=1)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_the_one_euro_filter_calms_noise_and_keeps_up_with_a_fast_motion() -> None:
    times = np.arange(90) / 30
    noise = np.random.default_rng(0).normal(0, 0.002, (90, 50, 2))
    smooth = OneEuro(2.0, 20.0)
    calm = np.stack([smooth(time, value) for time, value in zip(times, noise, strict=True)])
    assert calm[30:].std() < 0.6 * noise[30:].std()
    smooth, ramp = OneEuro(2.0, 20.0), times[:, None, None] * np.ones((1, 1, 2))
    fast = np.stack([smooth(time, value) for time, value in zip(times, ramp, strict=True)])
    assert 0 < (ramp - fast)[-1].max() < 0.02  # a hundredth of what it has moved


def test_a_time_that_stands_still_changes_nothing() -> None:
    smooth = OneEuro(1.0, 0.0)
    first = smooth(1.0, np.zeros((1, 2)))
    assert np.array_equal(smooth(1.0, np.ones((1, 2))), first)


@quick
@given(seeds, st.floats(0, 0.1))
def test_a_dead_zone_is_never_farther_behind_than_its_length_and_rests_within_it(seed: int, length: float) -> None:
    zone, before = DeadZone(length), None
    for places in walk(seed):
        held = zone(places)
        assert np.linalg.norm(places - held, axis=-1).max() <= length + 1e-12
        if before is not None:
            near = np.linalg.norm(places - before, axis=-1) <= length
            assert np.array_equal(held[near], before[near])
        before = held


@quick
@given(seeds, st.floats(0.001, 0.2))
def test_a_speed_limit_holds_and_lets_slow_motion_pass(seed: int, step: float) -> None:
    path = walk(seed)
    limited = np.concatenate([SpeedLimit(path[0], step)(path)])
    steps = np.linalg.norm(np.diff(limited, axis=0), axis=-1)
    assert steps.max() <= step + 1e-12
    slow = path * 0.4 * step / max(np.linalg.norm(np.diff(path, axis=0), axis=-1).max(), 1e-12)
    np.testing.assert_allclose(SpeedLimit(slow[0], step)(slow), slow, atol=1e-12)


def test_what_begins_does_so_where_the_picture_shows_it() -> None:
    limited = SpeedLimit(np.zeros((1, 2)), 0.1)
    np.testing.assert_allclose(limited(np.ones((3, 1, 2)) * (1, 0))[:, 0, 0], [0, 0.1, 0.2])


@quick
@given(seeds)
def test_lost_points_move_with_all_others_where_those_move_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, seen, shift = rng.uniform(0, 100, (40, 2)), rng.uniform(size=40) < 0.5, rng.normal(0, 5, 2)
    after = np.where(seen[:, None], before + shift, rng.uniform(-1e3, 1e3, (40, 2)))
    moved = with_neighbours_motion(before, after, seen)
    np.testing.assert_allclose(moved, before + (shift if seen.any() else 0), atol=1e-9)


def test_lost_points_follow_those_that_are_near() -> None:
    before = np.stack([np.arange(40.0), np.zeros(40)], axis=-1)
    moves = np.where(before[:, :1] < 20, (0.0, 3.0), (0.0, -3.0))
    seen = ~np.isin(np.arange(40), [5, 34])
    moved = with_neighbours_motion(before, before + np.where(seen[:, None], moves, 999), seen)
    np.testing.assert_allclose(moved, before + moves)


def poses(times: list[float], places: list[float]) -> Trail:
    made = [
        Pose(seconds=time, places=np.array([[place, 0.0]]), seen=np.array([place > 0.5]))
        for time, place in zip(times, places, strict=True)
    ]
    trail = Trail(made[0])
    for pose in made[1:]:
        trail.add(pose)
    return trail


@quick
@given(st.lists(st.floats(0, 10), min_size=1, max_size=20, unique=True), st.lists(st.floats(-1, 11), min_size=1))
def test_a_trail_is_linear_between_its_poses_and_held_at_its_ends(times: list[float], asked: list[float]) -> None:
    times = sorted(times)
    places = [math.sin(time) for time in times]
    got = poses(times, places).at(np.array(asked))[0][:, 0, 0]
    np.testing.assert_allclose(got, np.interp(asked, times, places), atol=1e-9)


def test_a_trail_forgets_what_is_past_and_no_more() -> None:
    trail = poses([0, 1, 2, 3], [0, 1, 0, 1])
    trail.forget(1.5)
    np.testing.assert_allclose(trail.at(np.array([0.0, 1.5, 2.5]))[0][:, 0, 0], [1, 0.5, 0.5])
    trail.add(Pose(seconds=2.0, places=np.array([[9.0, 9.0]]), seen=np.array([True])))
    assert trail.newest.seconds == 3


def test_the_newest_thing_replaces_what_nobody_took() -> None:
    latest = Latest[int]()
    for thing in range(5):
        latest.put(thing)
    assert latest.take() == 4
    assert latest.num_dropped == 4
    taken: list[int | None] = []
    waiting = threading.Thread(target=lambda: taken.append(latest.take()))
    waiting.start()
    latest.close()
    waiting.join(5)
    latest.put(1)
    assert taken == [None]
    assert latest.take() is None


@quick
@given(seeds, st.floats(0, 1e6))
def test_jitter_of_the_network_is_not_taken_for_motion(seed: int, ahead: float) -> None:
    rng, clock = np.random.default_rng(seed), SenderClock()
    sent = np.arange(60) / 30
    delays = 0.02 + rng.exponential(0.02, 60)
    delays[0] = 0.02  # the fastest comes first, so that all that follow are judged by it
    here = np.array([clock.here(s + ahead, s + d) for s, d in zip(sent, delays, strict=True)])
    np.testing.assert_allclose(here, sent + 0.02, atol=1e-6)


@quick
@given(seeds)
def test_times_never_run_back_nor_ahead_of_arrival(seed: int) -> None:
    rng, clock, newest = np.random.default_rng(seed), SenderClock(), -math.inf
    arrived = 0.0
    for _ in range(50):
        arrived += rng.uniform(0, 0.1)
        sent = None if rng.uniform() < 0.2 else float(rng.uniform(0, 100))
        at = clock.here(sent, arrived)
        assert newest <= at <= arrived
        newest = at
