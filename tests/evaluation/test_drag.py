"""Drags are the motions they say, at any aspect."""

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.drag import Drag, background_points, disc_points, make_drag
from motionstream.tracks import Tracks


@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 160), (160, 96)])
def test_a_drag_moves_its_points_by_the_vector_in_widths_and_pins_the_others(height: int, width: int) -> None:
    points = disc_points((0.4, 0.5), height=height, width=width)
    drag = make_drag(
        points, (0.2, -0.1), num_frames=33, height=height, width=width, pinned_xy=np.array([[0.9, 0.9], [0.1, 0.9]])
    )
    moved_px = (drag.tracks.xy[-1] - drag.tracks.xy[0]) * (width, height)
    np.testing.assert_allclose(
        moved_px[drag.dragged], np.tile((0.2 * width, -0.1 * width), (len(points), 1)), atol=1e-3
    )
    np.testing.assert_array_equal(moved_px[~drag.dragged], 0)
    assert (~drag.dragged).sum() == 2
    steps = np.diff(drag.tracks.xy[:, 0, 0])
    np.testing.assert_allclose(steps, steps[0], atol=1e-6)


def test_an_eased_drag_starts_and_ends_slowly_at_the_same_places() -> None:
    even, eased = (
        make_drag(np.array([[0.5, 0.5]]), (0.2, 0), num_frames=33, height=64, width=64, ease=ease).tracks.xy[:, 0, 0]
        for ease in (False, True)
    )
    np.testing.assert_allclose(even[[0, 16, 32]], eased[[0, 16, 32]], atol=1e-6)
    assert np.diff(eased)[0] < np.diff(even)[0] / 5
    assert np.diff(eased)[-1] < np.diff(even)[0] / 5


@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 160)])
def test_a_disc_is_round_in_pixels_and_has_its_middle(height: int, width: int) -> None:
    points = disc_points((0.4, 0.5), height=height, width=width, radius=0.12, spacing=0.04)
    away = np.linalg.norm((points - (0.4, 0.5)) * (width, height), axis=-1)
    assert away.min() == pytest.approx(0, abs=1e-9)
    assert away.max() == pytest.approx(0.12 * width)
    assert len(points) == 29


def test_the_background_keeps_clear_of_the_whole_way() -> None:
    way = np.linspace((0.3, 0.5), (0.7, 0.5), 9)
    points = background_points(way, height=128, width=128, clearance=0.2)
    distance = np.linalg.norm(points[:, None] - way, axis=-1).min(axis=1)
    assert distance.min() > 0.2
    assert 20 < len(points) < 64


def test_a_drag_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least one dragged"):
        Drag(tracks=Tracks.empty(3), dragged=np.zeros(0, bool))
    with pytest.raises(InputError, match="a mark for each of 1 points"):
        Drag(tracks=Tracks(ids=[0], xy=np.zeros((1, 1, 2)), visible=np.ones((1, 1), bool)), dragged=np.ones(2, bool))
