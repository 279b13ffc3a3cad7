import numpy as np
import pytest
from motionstream_drag.path import Polyline

BENT = np.array([[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]])  # 0.3 + 0.4 widths


def test_the_speed_is_the_same_on_every_piece():
    line = Polyline(BENT, speed=0.7)
    assert line.duration_seconds == pytest.approx(1)
    places = np.array([line.at(seconds) for seconds in np.linspace(0, 1, 71)])
    steps = np.abs(np.diff(places, axis=0)).sum(axis=1)  # pieces are along the axes
    np.testing.assert_allclose(steps, 0.01)
    np.testing.assert_allclose(places[30], [0.4, 0.1])


def test_before_the_start_and_after_the_end_it_stays():
    line = Polyline(BENT, speed=0.7)
    np.testing.assert_array_equal(line.at(-1), BENT[0])
    np.testing.assert_array_equal(line.at(9), BENT[-1])


def test_easing_starts_and_stops_gently_in_the_same_time():
    line = Polyline(BENT, speed=0.7, ease=True)
    gone = [np.abs(line.at(seconds) - BENT[0]).sum() for seconds in (0, 0.1, 0.5, 0.9, 1)]
    np.testing.assert_allclose(gone, [0, 0.7 * 0.028, 0.35, 0.7 * 0.972, 0.7], atol=1e-12)


def test_a_line_without_length_is_a_place():
    line = Polyline(np.array([[0.2, 0.3], [0.2, 0.3]]), speed=1)
    assert line.at(0).tolist() == line.at(1).tolist() == [0.2, 0.3]


def test_a_grid_walks_its_path_from_its_time_on_and_rests_at_the_end(stream):
    live = stream().send("path", 0.25, points=[[0.2, 0.5], [0.6, 0.5]], speed=0.8)
    x = live.read(3).xy[:, 0, 0]
    times = np.arange(33) / 16
    np.testing.assert_allclose(x, np.clip(0.2 + 0.8 * (times - 0.25), 0.2, 0.6), atol=1e-6)
    assert live.read().visible.all()


def test_the_speed_of_a_path_is_in_widths_on_a_tall_picture(stream):
    live = stream(width=100, height=200).send("path", 0, points=[[0.5, 0.1], [0.5, 0.9]], speed=0.8)
    y = live.read(2).xy[:, 0, 1]
    assert y[16] - y[0] == pytest.approx(0.8 * 100 / 200, abs=1e-6)


def test_a_path_is_let_go_at_its_end_where_grids_are_let_go(stream):
    live = stream(after_release="let_go").send("path", 0, points=[[0.2, 0.5], [0.6, 0.5]], speed=1.6)
    tracks = live.read()
    assert tracks.visible[:, 0].tolist() == [True] * 5 + [False] * 4
    assert tracks.xy[4, 0, 0] == pytest.approx(0.6)
    assert live.read().num_points == 0


def test_paths_wait_while_paused_and_go_on_without_a_jump(stream):
    live = stream().send("pause", 0).send("path", 0, points=[[0.2, 0.5], [0.9, 0.5]], speed=0.16)
    assert (live.read().xy[:, 0, 0] == np.float32(0.2)).all()
    live.send("resume", 9 / 16)
    np.testing.assert_allclose(live.read().xy[:, 0, 0], 0.2 + 0.01 * np.arange(1, 13), atol=1e-6)
    live.send("pause", 21 / 16)
    assert np.ptp(live.read().xy[:, 0, 0]) == 0


def test_a_path_that_became_known_late_starts_at_its_start(stream):
    live = stream()
    live.read()
    x = live.send("path", 0.0, points=[[0.2, 0.5], [0.9, 0.5]], speed=0.8).read().xy[:, 0, 0]
    np.testing.assert_allclose(x, 0.2 + 0.05 * np.arange(1, 13), atol=1e-6)


def test_a_path_faster_than_the_limit_is_walked_at_the_limit(stream):
    live = stream(max_speed=0.32).send("path", 0, points=[[0.2, 0.5], [0.9, 0.5]], speed=3.2)
    tracks = live.read()
    np.testing.assert_allclose(np.diff(tracks.xy[:, 0, 0]), 0.02, atol=1e-6)
    assert live.provider.limited_points == {int(tracks.ids[0])}


def test_a_press_takes_a_grid_off_its_path(stream):
    live = stream().send("path", 0, points=[[0.2, 0.5], [0.9, 0.5]], speed=0.16).send("press", 0.25, 0.24, 0.5)
    tracks = live.read(2)
    assert tracks.num_points == 1
    np.testing.assert_allclose(tracks.xy[4:, 0, 0], tracks.xy[4, 0, 0])
