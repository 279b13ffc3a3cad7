"""Trackers, and the layers that are read from what they found."""

import importlib.util
import logging
from collections.abc import Callable

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.tracks import Tracks
from motionstream.training.videos.lucas_kanade import config_for, track_lucas_kanade
from motionstream.training.videos.motion_layers import motion_layers
from motionstream.training.videos.tracker import find_tracker, scattered_points

WITHOUT_COTRACKER = pytest.mark.skipif(importlib.util.find_spec("cotracker") is not None, reason="it is installed")


def on_patch(tracks: Tracks) -> np.ndarray:
    """Which points lie well within the square of `rising`, or well beside it."""
    distance = np.abs(tracks.xy[0] * 96 - (48, 60)).max(axis=-1)
    return np.where(distance < 11, 1, np.where(distance > 17, 0, -1))


def test_lucas_kanade_follows_known_motion(rising: Callable[..., np.ndarray]) -> None:
    tracks = track_lucas_kanade(rising(33))
    moved, on = (tracks.xy - tracks.xy[0]) * 96, on_patch(tracks)
    lasting = tracks.visible.all(axis=0)
    assert tracks.num_points == 1024
    assert lasting.mean() > 0.7
    np.testing.assert_allclose(np.median(moved[-1, lasting & (on == 1)], axis=0), (0, -16), atol=0.2)
    np.testing.assert_allclose(np.median(moved[-1, lasting & (on == 0)], axis=0), (0, 0), atol=0.1)


def test_layers_of_followed_points_are_patch_and_background(rising: Callable[..., np.ndarray]) -> None:
    tracks = track_lucas_kanade(rising(33))
    layer, on = motion_layers(tracks), on_patch(tracks)
    seen = tracks.visible.mean(axis=0) > 0.9
    assert (layer[seen & (on == 1)] == 1).mean() > 0.95
    assert (layer[seen & (on == 0)] == 0).mean() > 0.95


def test_points_are_scattered_one_a_cell_and_alike_for_the_same_frame(rising: Callable[..., np.ndarray]) -> None:
    frames = rising(2, camera=5.0)
    points = scattered_points(frames[0], grid=8)
    cells = np.floor(points * 8).astype(int)
    assert len({tuple(cell) for cell in cells}) == 64
    assert np.array_equal(points, scattered_points(frames[0], grid=8))
    assert not np.array_equal(points, scattered_points(frames[1], grid=8))


def test_larger_frames_are_searched_farther() -> None:
    def reach(side: int) -> float:
        config = config_for(side, side * 2)
        return config.window_px * 2.0**config.levels / side

    assert reach(128) == pytest.approx(reach(1024), rel=0.6)
    assert config_for(1024, 1024).levels > config_for(256, 256).levels >= config_for(128, 128).levels


@WITHOUT_COTRACKER
def test_a_missing_tracker_says_how_to_install_it() -> None:
    with pytest.raises(InputError, match=r"pip install git\+https://github.com/facebookresearch/co-tracker"):
        find_tracker("cotracker3")


@WITHOUT_COTRACKER
def test_auto_says_once_what_it_took(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "motionstream"):
        assert find_tracker("auto") is track_lucas_kanade
    assert len(caplog.records) == 1
    assert "Lucas-Kanade" in caplog.text


def test_an_unknown_tracker_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match="auto, lucas-kanade, cotracker3"):
        find_tracker("tapir")


def moved(way: Callable[[np.ndarray, float], np.ndarray], num_frames: int = 13) -> Tracks:
    """A grid of 20 x 20 points, and where `way` takes them by a part from 0 to 1."""
    place = (np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) + 0.5) / 20
    xy = np.stack([way(place, part) for part in np.linspace(0, 1, num_frames)])
    return Tracks(ids=np.arange(400), xy=xy, visible=np.ones(xy.shape[:2], bool))


def test_a_camera_that_pans_turns_and_zooms_is_one_layer() -> None:
    def way(place: np.ndarray, part: float) -> np.ndarray:
        turn = np.array([[1 - 0.2 * part, 0.15 * part], [-0.15 * part, 1 - 0.2 * part]])
        return (place - 0.5) @ turn + 0.5 + (0.1 * part, 0)

    assert not motion_layers(moved(way)).any()


def test_things_that_move_apart_are_layers_by_size() -> None:
    places = moved(lambda place, part: place).xy[0]
    large = (np.abs(places - (0.25, 0.3)) < 0.16).all(axis=-1)
    small = (np.abs(places - (0.75, 0.7)) < 0.1).all(axis=-1)

    def way(place: np.ndarray, part: float) -> np.ndarray:
        return place + part * (large[:, None] * (0.1, 0) + small[:, None] * (0.1, 0) + np.array((0, 0.05)))

    layer = motion_layers(moved(way))
    assert set(layer[large]) == {1}
    assert set(layer[small]) == {2}
    assert not layer[~large & ~small].any()


def test_no_points_have_no_layers() -> None:
    assert motion_layers(Tracks.empty(9)).shape == (0,)


def test_what_a_point_does_while_hidden_does_not_count() -> None:
    tracks = moved(lambda place, part: place + part * (place[:, :1] < 0.3) * 0.2)
    seen = tracks.visible & ~((tracks.xy[0, :, 0] < 0.3) & (np.arange(13)[:, None] > 0))
    assert motion_layers(tracks).any()
    assert not motion_layers(Tracks(ids=tracks.ids, xy=tracks.xy, visible=seen)).any()
