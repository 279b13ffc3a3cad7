"""The perceptual distance grows with what one sees, and not with what one does not."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.metrics import psnr
from motionstream.evaluation.perceptual import perceptual_distance


@pytest.fixture
def frame(patch_over_background: Callable[..., np.ndarray]) -> np.ndarray:
    """A textured square before a textured background, uint8 [128, 128, 3]."""
    return patch_over_background(np.zeros((1, 2)), (64, 56))[0]


def blurred(frame: np.ndarray, sigma_px: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma_px))


def noisy(frame: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def shifted(frame: np.ndarray, pixels: int) -> np.ndarray:
    return np.roll(frame, pixels, axis=1)


def test_equal_frames_have_no_distance_and_the_order_does_not_matter(frame: np.ndarray) -> None:
    other = blurred(frame, 2)
    assert perceptual_distance(frame, frame) == 0
    assert perceptual_distance(frame, other) == pytest.approx(perceptual_distance(other, frame), rel=1e-5)


@pytest.mark.parametrize(
    ("spoil", "amounts"),
    [(blurred, (0.5, 1, 2, 4)), (noisy, (2, 5, 10, 25)), (shifted, (1, 2, 3, 4))],
    ids=["blur", "noise", "shift"],
)
def test_it_grows_with_blur_noise_and_shift(
    frame: np.ndarray, spoil: Callable[[np.ndarray, float], np.ndarray], amounts: tuple[float, ...]
) -> None:
    distances = [perceptual_distance(spoil(frame, amount), frame) for amount in amounts]
    assert distances[0] > 0
    assert all(more > 1.2 * less for less, more in pairwise(distances))


def test_blur_counts_far_more_than_a_change_of_brightness_with_the_same_psnr(frame: np.ndarray) -> None:
    soft = blurred(frame, 2)
    error = np.sqrt(np.mean((soft.astype(float) - frame) ** 2))
    brighter = np.clip(np.rint(frame + error), 0, 255).astype(np.uint8)
    assert psnr(brighter, frame) == pytest.approx(psnr(soft, frame), abs=0.7)
    assert perceptual_distance(soft, frame) > 4 * perceptual_distance(brighter, frame)


def test_another_colour_of_a_flat_picture_is_a_distance_though_no_filter_sees_it() -> None:
    grey, red = np.full((32, 32, 3), 128, np.uint8), np.full((32, 32, 3), (200, 90, 90), np.uint8)
    assert perceptual_distance(grey, red) > 0.05


def test_unrelated_textures_are_about_one_apart() -> None:
    draw = np.random.default_rng(0)
    one, other = (blurred(draw.integers(0, 256, (96, 96, 3), dtype=np.uint8), 1.5) for _ in range(2))
    assert perceptual_distance(one, other) == pytest.approx(1, abs=0.15)


def test_the_distance_of_videos_is_the_mean_over_their_frames(frame: np.ndarray) -> None:
    video, spoilt = np.stack([frame, frame]), np.stack([blurred(frame, 1), frame])
    assert perceptual_distance(spoilt, video) == pytest.approx(perceptual_distance(blurred(frame, 1), frame) / 2)


def test_small_and_odd_sizes_are_measured_and_what_cannot_be_is_refused() -> None:
    draw = np.random.default_rng(0)
    for height, width in ((8, 8), (9, 31), (37, 90)):
        one, other = draw.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        assert 0.3 < perceptual_distance(one, other) < 2
    with pytest.raises(InputError, match="at least 8x8, got 16x7"):
        perceptual_distance(np.zeros((7, 16, 3), np.uint8), np.zeros((7, 16, 3), np.uint8))
    with pytest.raises(InputError, match="of one shape"):
        perceptual_distance(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8))
