"""The tracker that measures: exact on exact motion, and honest about what it lost."""

from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.streaming.retracking import retrack


def eased(num_frames: int, vector: tuple[float, float]) -> np.ndarray:
    part = np.linspace(0, 1, num_frames)
    return (part * part * (3 - 2 * part))[:, None] * vector


@pytest.mark.parametrize("vector", [(25.0, 0.0), (0.0, -25.0), (18.0, 17.0), (3.3, 1.7)])
def test_a_drag_over_33_frames_is_measured_to_a_fraction_of_a_pixel(
    vector: tuple[float, float], grid: Any, patch_over_background: Any
) -> None:
    path = eased(33, vector)
    frames = patch_over_background(path, (50, 60))
    points = grid((50, 60), 8, 4)
    seen = retrack(frames, points)
    error = np.linalg.norm(seen.positions_px - (points + path[:, None]), axis=-1)
    assert seen.valid.mean() > 0.95
    assert np.median(error[seen.valid]) < 0.1
    assert np.median(error[-1]) < 0.15
    assert (error[seen.valid] < 0.5).mean() > 0.95


def test_errors_do_not_grow_over_a_long_clip(grid: Any, patch_over_background: Any) -> None:
    angle = np.linspace(0, 6 * np.pi, 120)
    path = 9 * np.stack([np.cos(angle) - 1, np.sin(angle)], axis=-1)
    frames = patch_over_background(path, (64, 64))
    points = grid((64, 64), 6, 4)
    seen = retrack(frames, points)
    error = np.linalg.norm(seen.positions_px - (points + path[:, None]), axis=-1)
    assert np.median(error[-10:]) < 0.15


def test_background_and_patch_are_told_apart(grid: Any, patch_over_background: Any) -> None:
    frames = patch_over_background(eased(17, (20.0, 0.0)), (40, 40), camera=-0.5)
    seen = retrack(frames, grid((90, 100), 8, 4))
    moved = seen.positions_px[-1] - seen.positions_px[0]
    np.testing.assert_allclose(np.median(moved, axis=0), (-8, 0), atol=0.15)


def test_a_still_clip_gives_no_motion(grid: Any, patch_over_background: Any) -> None:
    frames = np.repeat(patch_over_background(np.zeros((1, 2)), (64, 64)), 9, axis=0)
    seen = retrack(frames, grid((64, 64), 40, 10))
    assert seen.valid.all()
    np.testing.assert_allclose(seen.positions_px, seen.positions_px[:1].repeat(9, 0), atol=0.01)


def test_flat_places_count_as_lost_from_the_start(grid: Any) -> None:
    frames = np.full((4, 64, 64, 3), 120, np.uint8)
    seen = retrack(frames, grid((32, 32), 10, 5))
    assert not seen.valid.any()


def test_an_edge_alone_cannot_be_followed() -> None:
    frames = np.full((4, 64, 64, 3), 60, np.uint8)
    frames[:, :, 32:] = 180
    assert not retrack(frames, np.array([[32.0, 30.0]])).valid.any()


def test_a_point_that_is_covered_is_lost_and_rests_where_it_was_seen_last(patch_over_background: Any) -> None:
    path = np.linspace(0, 50, 26)[:, None] * (1.0, 0.0)
    frames = patch_over_background(path, (30, 64))
    points = np.array([[64.0, 64.0]])  # background that the patch runs over
    seen = retrack(frames, points)
    assert seen.valid[:5].all()
    assert not seen.valid[-1].any()
    np.testing.assert_allclose(seen.positions_px[-1], points, atol=4)


def test_a_point_that_leaves_the_picture_is_lost(patch_over_background: Any) -> None:
    frames = patch_over_background(np.linspace(0, 60, 31)[:, None] * (1.0, 0.0), (90, 64))
    seen = retrack(frames, np.array([[90.0, 64.0]]))
    assert seen.valid[12].all()
    assert not seen.valid[-1].any()


def test_noise_is_not_followed(grid: Any) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (9, 96, 96, 3), dtype=np.uint8)
    assert retrack(frames, grid((48, 48), 30, 6)).valid[-1].mean() < 0.05


def test_points_outside_and_no_points_at_all_are_no_trouble(patch_over_background: Any) -> None:
    frames = patch_over_background(np.zeros((3, 2)), (64, 64))
    assert not retrack(frames, np.array([[-5.0, 20.0], [200.0, 20.0]])).valid.any()
    none = retrack(frames, np.zeros((0, 2)))
    assert none.positions_px.shape == (3, 0, 2)
    assert none.valid.shape == (3, 0)


def test_wrong_frames_and_points_are_refused(patch_over_background: Any) -> None:
    frames = patch_over_background(np.zeros((2, 2)), (64, 64))
    with pytest.raises(InputError, match="wanted frames uint8"):
        retrack(frames.astype(np.float32), np.zeros((1, 2)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="wanted finite points"):
        retrack(frames, np.full((1, 2), np.nan))
