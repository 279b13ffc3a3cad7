"""The overlay: right colours at the right places, at any size, and nothing touched that was given."""

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.streaming.overlay import HIDDEN, LIVE, STATIC, draw_tracks, static_points
from motionstream.tracks import Tracks


def three_points(num_frames: int = 9) -> Tracks:
    """One that runs to the right, one that stays, one that stays and is hidden from frame 3 on."""
    xy = np.zeros((num_frames, 3, 2), np.float32)
    xy[:, 0, 0] = np.linspace(0.2, 0.7, num_frames)
    xy[:, 0, 1] = 0.25
    xy[:, 1] = (0.5, 0.5)
    xy[:, 2] = (0.25, 0.75)
    visible = np.ones((num_frames, 3), bool)
    visible[3:, 2] = False
    return Tracks(ids=np.arange(3), xy=xy, visible=visible)


def pixel(frames: np.ndarray, frame: int, xy: tuple[float, float]) -> list[int]:
    height, width = frames.shape[1:3]
    return frames[frame, int(xy[1] * height), int(xy[0] * width)].tolist()


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (300, 200), (720, 1280)])
def test_each_kind_of_point_has_its_colour_at_its_place(size: tuple[int, int]) -> None:
    drawn = draw_tracks(np.full((9, *size, 3), 60, np.uint8), three_points())
    np.testing.assert_allclose(pixel(drawn, 8, (0.7, 0.25)), LIVE, atol=40)
    np.testing.assert_allclose(pixel(drawn, 8, (0.5, 0.5)), STATIC, atol=40)
    np.testing.assert_allclose(pixel(drawn, 0, (0.25, 0.75)), STATIC, atol=40)
    around = drawn[8, int(0.7 * size[0]) : int(0.8 * size[0]), int(0.2 * size[1]) : int(0.3 * size[1])].reshape(-1, 3)
    assert (np.abs(around.astype(int) - HIDDEN).max(axis=1) < 30).any()
    assert not (np.abs(around.astype(int) - STATIC).max(axis=1) < 30).any()


def test_a_dot_is_centred_on_its_point_to_a_part_of_a_pixel() -> None:
    point = Tracks(ids=np.array([0]), xy=np.array([[[0.43, 0.61]]]), visible=np.ones((1, 1), bool))
    drawn = draw_tracks(np.zeros((1, 250, 250, 3), np.uint8), point)
    weight = drawn[0, ..., 0].astype(float)
    centres = np.arange(250) + 0.5
    found = [(weight.sum(0) * centres).sum() / weight.sum(), (weight.sum(1) * centres).sum() / weight.sum()]
    np.testing.assert_allclose(found, [0.43 * 250, 0.61 * 250], atol=0.2)


def test_the_tail_is_as_long_as_asked_and_only_live_points_have_one() -> None:
    frames = np.zeros((9, 256, 256, 3), np.uint8)
    drawn = draw_tracks(frames, three_points(), tail_frames=4)
    assert pixel(drawn, 8, (0.5, 0.25)) != [0, 0, 0]
    assert pixel(drawn, 8, (0.3, 0.25)) == [0, 0, 0]
    without = draw_tracks(frames, three_points(), tail_frames=0)
    assert pixel(without, 8, (0.5, 0.25)) == [0, 0, 0]


def test_no_tail_is_drawn_across_the_frames_in_which_a_point_was_hidden() -> None:
    tracks = three_points()
    visible = tracks.visible.copy()
    visible[5, 0] = False
    blinking = Tracks(ids=tracks.ids, xy=tracks.xy, visible=visible)
    drawn = draw_tracks(np.zeros((9, 256, 256, 3), np.uint8), blinking)
    assert pixel(drawn, 8, (0.4, 0.25)) == [0, 0, 0]
    assert pixel(drawn, 8, (0.63, 0.25)) != [0, 0, 0]


def test_drawing_chunk_by_chunk_gives_the_same_frames_as_drawing_the_whole() -> None:
    frames, tracks = np.full((9, 96, 96, 3), 90, np.uint8), three_points()
    static = static_points(tracks)
    whole = draw_tracks(frames, tracks, static=static)
    parts = [draw_tracks(frames[a:b], tracks.slice(0, b), static=static) for a, b in ((0, 4), (4, 9))]
    assert (np.concatenate(parts) == whole).all()


def test_the_given_frames_stay_as_they_were_and_no_points_change_nothing() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (9, 40, 60, 3), dtype=np.uint8)
    before = frames.copy()
    draw_tracks(frames, three_points())
    assert (frames == before).all()
    assert (draw_tracks(frames, Tracks.empty(9)) == before).all()


def test_points_far_outside_are_no_trouble() -> None:
    far = Tracks(ids=np.array([0]), xy=np.full((2, 1, 2), 1e30), visible=np.ones((2, 1), bool))
    assert (draw_tracks(np.zeros((2, 32, 32, 3), np.uint8), far) == 0).all()


def test_tracks_that_are_too_short_and_marks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="wanted tracks for 10 video frames, got 9"):
        draw_tracks(np.zeros((10, 8, 8, 3), np.uint8), three_points())
    with pytest.raises(InputError, match="3 points"):
        draw_tracks(np.zeros((9, 8, 8, 3), np.uint8), three_points(), static=np.zeros(2, bool))
