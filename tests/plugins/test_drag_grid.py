import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_drag.grid import flat_grid, follow_weights


@given(radius=st.floats(0, 0.5), spacing=st.floats(0.02, 0.5), shape=st.sampled_from(["disc", "square"]))
@settings(deadline=None)
def test_a_grid_lies_around_its_middle_within_its_radius(radius, spacing, shape):
    offsets = flat_grid(radius, spacing, shape)
    assert (offsets[0] == 0).all()
    assert np.abs(offsets).max() <= radius + 1e-6
    np.testing.assert_allclose(offsets.sum(axis=0), 0, atol=1e-9)
    if shape == "disc":
        assert np.hypot(*offsets.T).max() <= radius + 1e-6


def test_a_square_has_its_corners_and_a_disc_has_not():
    assert len(flat_grid(0.3, 0.1, "square")) == 49
    assert len(flat_grid(0.2, 0.1, "disc")) == 13
    assert len(flat_grid(0, 0.1, "disc")) == 1


@pytest.mark.parametrize("falloff", [0.0, 0.4, 1.0])
def test_the_middle_follows_fully_and_the_rim_less_by_the_falloff(falloff):
    offsets = flat_grid(0.2, 0.05, "square")
    weights = follow_weights(offsets, 0.2, falloff)
    distance = np.hypot(*offsets.T)
    assert weights[distance == 0] == 1
    np.testing.assert_allclose(weights[distance >= 0.2], 1 - falloff)
    assert (np.diff(weights[np.argsort(distance)]) <= 1e-12).all()


def test_a_grid_is_round_on_a_wide_picture(stream):
    live = stream(width=200, height=100, radius=0.1, spacing=0.02).send("press", 0, 0.5, 0.5)
    pixels = (live.read().xy[0] - 0.5) * (200, 100)
    assert pixels[:, 0].max() == pytest.approx(20, abs=1e-4)
    assert pixels[:, 1].max() == pytest.approx(20, abs=1e-4)


def test_points_outside_the_picture_are_not_picked(stream):
    tracks = stream(radius=0.1, spacing=0.05).send("press", 0, 0.0, 0.5).read()
    assert tracks.num_points == 9  # of 13, those with x >= 0
    assert tracks.visible.all()
    assert stream().send("press", 0, 1.5, 0.5).read().num_points == 0


def test_the_rim_stays_behind_with_falloff(stream):
    live = stream(radius=0.1, spacing=0.1, falloff=1.0)
    tracks = live.send("press", 0, 0.4, 0.5).send("move", 0.25, 0.6, 0.5).read()
    gone = tracks.xy[-1, :, 0] - tracks.xy[0, :, 0]
    np.testing.assert_allclose(gone, [0.2, 0, 0, 0, 0], atol=1e-6)
