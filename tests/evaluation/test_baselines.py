"""The baselines do what their names say, and no more."""

from collections.abc import Callable

import numpy as np
import pytest

from motionstream.evaluation.baselines import still, warp
from motionstream.evaluation.metrics import psnr
from motionstream.evaluation.moving_least_squares import bend
from motionstream.tracks import Tracks

START = (64.0, 56.0)
Render = Callable[..., np.ndarray]
Grid = Callable[..., np.ndarray]


def tracks_of(start_px: np.ndarray, way_px: np.ndarray, visible: np.ndarray | None = None) -> Tracks:
    """Points [n, 2] that each go their way [t, n, 2], in a picture of 128x128."""
    xy = (start_px + way_px) / 128
    seen = np.ones(xy.shape[:2], bool) if visible is None else visible
    return Tracks(ids=np.arange(xy.shape[1]), xy=xy, visible=seen)


def dragged_square(render: Render, grid: Grid, vector: tuple[float, float]) -> tuple[np.ndarray, Tracks]:
    """Frames of a square that moves by a vector in 8 frames, and dense tracks on it and on what stays."""
    path = np.linspace(0, 1, 9)[:, None] * vector
    lattice = grid((64.0, 64.0), 60, 4)
    away = np.abs(lattice - START).max(axis=1)
    on, off = lattice[away < 14], lattice[away > 14]
    way = np.concatenate([np.repeat(path[:, None], len(on), 1), np.zeros((9, len(off), 2))], axis=1)
    covered = (np.abs(off - START - path[:, None]).max(axis=-1)) < 14
    visible = np.concatenate([np.ones((9, len(on)), bool), ~covered], axis=1)
    return render(path, START), tracks_of(np.concatenate([on, off]), way, visible)


def test_still_repeats_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    frames = still(image, Tracks.empty(5), "", 0)
    assert frames.shape == (5, 12, 16, 3)
    assert (frames == image).all()


@pytest.mark.parametrize("vector", [(20.0, 0.0), (-9.5, 14.0)])
def test_warp_moves_a_square_exactly_as_dragged_and_leaves_the_rest(
    vector: tuple[float, float], patch_over_background: Render, grid: Grid
) -> None:
    true, tracks = dragged_square(patch_over_background, grid, vector)
    made = warp(true[0], tracks, "", 0)
    x, y = np.rint(np.array(START) + vector).astype(int)
    inner = np.s_[:, y - 8 : y + 8, x - 8 : x + 8]
    assert psnr(made[-1:][inner], true[-1:][inner]) > 38
    far = np.s_[:, 100:]
    assert psnr(made[far], true[far]) > 45
    assert psnr(made[1:], true[1:]) > psnr(still(true[0], tracks, "", 0)[1:], true[1:]) + 3.5


def test_warp_is_the_picture_without_points_and_with_points_that_stay(patch_over_background: Render) -> None:
    image = patch_over_background(np.zeros((1, 2)), START)[0]
    resting = tracks_of(np.array([[20.0, 20.0], [90.0, 64.0]]), np.zeros((3, 2, 2)))
    assert (warp(image, Tracks.empty(3), "", 0) == image).all()
    assert psnr(warp(image, resting, "", 0), np.stack([image] * 3)) > 50


def test_warp_heeds_no_point_while_it_is_hidden(patch_over_background: Render) -> None:
    image = patch_over_background(np.zeros((1, 2)), START)[0]
    way = np.zeros((3, 2, 2))
    way[1:, 1] = 30
    tracks = tracks_of(np.array([[20.0, 20.0], [64.0, 56.0]]), way, np.array([[1, 1], [1, 0], [1, 1]], bool))
    made = warp(image, tracks, "", 0)
    assert psnr(made[1], image) > 50
    assert psnr(made[2], image) < 30


def test_warp_follows_a_camera_and_fills_what_comes_in_from_around(patch_over_background: Render, grid: Grid) -> None:
    image = patch_over_background(np.zeros((1, 2)), START)[0]
    start = grid((64.0, 64.0), 60, 8)
    way = np.zeros((2, len(start), 2))
    way[1] = (16, 0)
    made = warp(image, tracks_of(start, way), "", 0)[1]
    assert psnr(made[:, 17:], image[:, 1:-16]) > 28  # the rightmost column of nodes is bent, too
    assert psnr(made[4:-4, 20:-4], image[4:-4, 4:-20]) > 45
    entered = made[4:-4, :15].astype(int)
    assert np.abs(np.diff(entered, axis=1)).mean() < np.abs(np.diff(image.astype(int), axis=1)).mean()


def test_places_at_the_points_go_where_the_points_go_and_a_turn_is_a_turn() -> None:
    draw = np.random.default_rng(0)
    before, after = draw.uniform(0, 100, (2, 12, 2))
    np.testing.assert_allclose(bend(before, before, after), after, atol=1e-3)
    angle = np.deg2rad(35)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    places, shift = draw.uniform(-50, 150, (40, 2)), np.array([3, -4])
    np.testing.assert_allclose(bend(places, before, before @ turn + 7), places @ turn + 7, atol=1e-6)
    np.testing.assert_allclose(bend(places, before[:1], before[:1] + shift), places + shift)
