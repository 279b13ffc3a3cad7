import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_drag.limits import Follower

PLACES = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=30)


def follow(follower, targets, seconds):
    places = []
    for target in targets:
        follower.follow(np.array(target), seconds)
        places.append(follower.position)
    return np.array(places)


@given(
    targets=PLACES,
    max_speed=st.floats(0.01, 20),
    smoothing=st.sampled_from([0, 0.05, 0.5]),
    fps=st.sampled_from([8, 60]),
)
@settings(deadline=None)
def test_no_step_is_longer_than_the_limit_allows(targets, max_speed, smoothing, fps):
    places = follow(Follower(max_speed, smoothing), targets, 1 / fps)
    steps = np.hypot(*np.diff(np.concatenate([[[0, 0]], places]), axis=0).T)
    assert steps.max() <= max_speed / fps * (1 + 1e-5)


def test_without_limit_and_smoothing_the_target_is_met_at_once():
    follower = Follower(20, 0)
    assert follow(follower, [(0.3, 0.1)], 1 / 16).tolist() == [[0.3, 0.1]]
    assert not follower.limited


def test_a_limited_step_says_so_and_goes_straight_at_the_target():
    follower = Follower(0.8, 0)
    (place,) = follow(follower, [(0.3, 0.4)], 1 / 16)
    assert follower.limited
    np.testing.assert_allclose(place, [0.03, 0.04])
    follow(follower, [(0.3, 0.4)] * 9, 1 / 16)
    np.testing.assert_allclose(follower.position, [0.3, 0.4])
    follow(follower, [(0.3, 0.4)], 1 / 16)
    assert not follower.limited


def test_smoothing_does_not_depend_on_the_frame_rate():
    corners = np.array([[0, 0], [0.2, 0.1], [0.2, -0.1], [0.0, 0.3], [0.0, 0.3]])

    def run(per_corner):
        steps = np.arange(1, 4 * per_corner + 1) / per_corner
        targets = np.stack([np.interp(steps, np.arange(5), axis) for axis in corners.T], axis=-1)
        return follow(Follower(20, 0.2), targets, 0.25 / per_corner)

    np.testing.assert_allclose(run(4)[3::4], run(24)[23::24], atol=1e-9)
    np.testing.assert_allclose(run(4)[3::4], run(1), atol=1e-9)


def test_a_steady_drag_is_followed_late_by_the_smoothing_time():
    targets = np.stack([np.arange(1, 33) / 16 * 0.5, np.zeros(32)], axis=-1)  # half a width a second
    places = follow(Follower(20, 0.1), targets, 1 / 16)
    assert (targets - places)[-1, 0] == pytest.approx(0.5 * 0.1, rel=1e-6)


@pytest.mark.parametrize("max_speed", [0.5, 20])
def test_a_jump_is_followed_without_overshoot_and_arrives(max_speed):
    places = follow(Follower(max_speed, 0.1), [(0.4, 0.0)] * 48, 1 / 16)[:, 0]
    assert (np.diff(places) >= -2e-3).all()
    assert places.max() <= 0.4 + 2e-3
    assert places[-1] == pytest.approx(0.4, abs=1e-4)


def test_no_time_no_motion():
    follower = Follower(1, 0.1)
    follower.follow(np.array([0.5, 0.5]), 0.0)
    assert follower.position.tolist() == [0, 0]
