"""Metrics against their formulas."""

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.metrics import PSNR_LIMIT_DB, epe, psnr, ssim


def pair(seed: int = 0, shape: tuple[int, ...] = (2, 20, 24, 3)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, shape, dtype=np.uint8)
    noisy = np.clip(first + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)
    return first, noisy


def ssim_by_the_formula(a: np.ndarray, b: np.ndarray) -> float:
    """Equation 13 of Wang et al. 2004, window by window, in float64."""
    offsets = np.arange(11) - 5.0
    bell = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights = bell / bell.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = []
    for frame_a, frame_b in zip(a.astype(float), b.astype(float)):
        for y in range(a.shape[1] - 10):
            for x in range(a.shape[2] - 10):
                for channel in range(3):
                    p, q = frame_a[y : y + 11, x : x + 11, channel], frame_b[y : y + 11, x : x + 11, channel]
                    mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
                    variance_p, variance_q = (weights * (p - mean_p) ** 2).sum(), (weights * (q - mean_q) ** 2).sum()
                    covariance = (weights * (p - mean_p) * (q - mean_q)).sum()
                    scores.append(
                        (2 * mean_p * mean_q + c1)
                        * (2 * covariance + c2)
                        / ((mean_p**2 + mean_q**2 + c1) * (variance_p + variance_q + c2))
                    )
    return float(np.mean(scores))


def test_ssim_equals_its_formula_in_float64() -> None:
    a, b = pair()
    assert ssim(a, b) == pytest.approx(ssim_by_the_formula(a, b), abs=1e-12)
    dark = np.full_like(a, 3)
    assert ssim(a, dark) == pytest.approx(ssim_by_the_formula(a, dark), abs=1e-12)


def test_ssim_is_one_for_equal_videos_and_falls_with_noise() -> None:
    a, b = pair()
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert ssim(a, b) < 0.99
    assert ssim(a[0], b[0]) == pytest.approx(ssim(a[:1], b[:1]))


def test_psnr_equals_its_formula_and_is_capped_for_equal_videos() -> None:
    a, b = pair()
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    assert psnr(a, b) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-5)
    assert psnr(a, a) == PSNR_LIMIT_DB
    black, white = np.zeros_like(a), np.full_like(a, 255)
    assert psnr(black, white) == pytest.approx(0)


def test_psnr_of_a_video_is_not_the_mean_over_its_frames() -> None:
    a, b = pair()
    half = np.stack([a[0], b[1]])
    error = np.mean((a.astype(float) - half) ** 2)
    assert psnr(half, a) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-5)


def test_epe_is_in_pixels_of_the_stated_size_and_counts_what_it_is_told() -> None:
    wanted = np.zeros((2, 3, 2), np.float32)
    found = wanted.copy()
    found[0, 0] = (0.5, 0.0)
    found[1, 1] = (0.3, 0.4)
    found[1, 2] = (9.0, 9.0)
    counted = np.array([[True, True, False], [True, True, False]])
    assert epe(found, wanted, counted, height=100, width=100) == pytest.approx((50 + 50) / 4)
    assert epe(found, wanted, counted, height=100, width=200) == pytest.approx((100 + np.hypot(60, 40)) / 4)
    assert np.isnan(epe(found, wanted, np.zeros((2, 3), bool), height=1, width=1))


def test_videos_that_cannot_be_compared_are_refused() -> None:
    a, b = pair()
    with pytest.raises(InputError, match="of one shape"):
        psnr(a, b[:1])
    with pytest.raises(InputError, match="of one shape"):
        ssim(a.astype(np.float32), b.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 11x11"):
        ssim(a[:, :8], b[:, :8])
    with pytest.raises(InputError, match="EPE"):
        epe(np.zeros((1, 2, 2)), np.zeros((1, 3, 2)), np.ones((1, 2), bool), height=1, width=1)
