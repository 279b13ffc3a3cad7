"""How far a video is from another one, in pictures (PSNR, SSIM) and in motion (EPE)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn.functional import conv2d

from motionstream.errors import InputError

PSNR_LIMIT_DB = 100.0
"""PSNR of equal videos, instead of infinity, so that means stay finite."""

_SSIM_SIDE, _SSIM_SIGMA = 11, 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(frames: UInt8[np.ndarray, "*t h w 3"], reference: UInt8[np.ndarray, "*t h w 3"]) -> float:
    """Peak signal-to-noise ratio in dB, from the squared error over all given pixels together.

    For a video this is not the mean over its frames, which one perfect frame would spoil.
    """
    check_pair(frames, reference)
    error = float(np.mean(np.square(frames.astype(np.float32) - reference.astype(np.float32)), dtype=np.float64))
    return PSNR_LIMIT_DB if error == 0 else min(PSNR_LIMIT_DB, 10 * float(np.log10(255.0**2 / error)))


def ssim(frames: UInt8[np.ndarray, "*t h w 3"], reference: UInt8[np.ndarray, "*t h w 3"]) -> float:
    """Structural similarity, 1 for equal videos: mean over frames, channels and all windows that lie inside.

    Wang et al. 2004, equation 13: Gaussian window of 11x11 with a deviation of 1.5 pixels, K1 = 0.01, K2 = 0.03.

    Raises:
        InputError: The shapes differ, or a frame is smaller than the window.
    """
    check_pair(frames, reference)
    height, width = frames.shape[-3:-1]
    if min(height, width) < _SSIM_SIDE:
        raise InputError(f"SSIM: wanted frames of at least {_SSIM_SIDE}x{_SSIM_SIDE}, got {width}x{height}.")
    scores = [
        float(_ssim_map(_planes(a), _planes(b)).mean())
        for a, b in zip(frames.reshape(-1, height, width, 3), reference.reshape(-1, height, width, 3), strict=True)
    ]
    return float(np.mean(scores))


def epe(
    xy: Float[np.ndarray, "t n 2"],
    wanted_xy: Float[np.ndarray, "t n 2"],
    counted: Bool[np.ndarray, "t n"],
    *,
    height: int,
    width: int,
) -> float:
    """End-point error: mean L2 distance over the counted points, in pixels of a frame of the stated size.

    Args:
        xy: Normalised positions that were found.
        wanted_xy: Normalised positions that were asked for.
        counted: Which of them count, usually those that are visible and were not lost.
        height: Height in pixels of the frame the error is expressed in, whatever the size of the video.
        width: Its width in pixels.

    Returns:
        The error in pixels, or NaN if no point counts.
    """
    if xy.shape != wanted_xy.shape or counted.shape != xy.shape[:2]:
        raise InputError(
            f"EPE: wanted two [t, n, 2] and one [t, n], got {xy.shape}, {wanted_xy.shape} and {counted.shape}."
        )
    away = (xy.astype(np.float64) - wanted_xy) * (width, height)
    return float(np.linalg.norm(away, axis=-1)[counted].mean()) if counted.any() else float("nan")


def check_pair(frames: np.ndarray, reference: np.ndarray) -> None:
    """Refuse what are not two videos, or pictures, of one shape.

    Raises:
        InputError: They are not.
    """
    good = frames.dtype == reference.dtype == np.uint8 and frames.ndim >= 3 and frames.shape[-1] == 3
    if not good or frames.shape != reference.shape or 0 in frames.shape:
        raise InputError(
            f"Comparing videos: wanted two uint8 [t, h, w, 3] of one shape, got {frames.dtype} {list(frames.shape)} "
            f"and {reference.dtype} {list(reference.shape)}."
        )


def _planes(frame: UInt8[np.ndarray, "h w 3"]) -> Float[torch.Tensor, "3 1 h w"]:
    """Channels as separate pictures; in float64, for the variances are differences of large numbers."""
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).double()[:, None]


def _ssim_map(a: Float[torch.Tensor, "3 1 h w"], b: Float[torch.Tensor, "3 1 h w"]) -> Float[torch.Tensor, "3 1 y x"]:
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    return likeness / ((mean_a**2 + mean_b**2 + _SSIM_C1) * (variance_a + variance_b + _SSIM_C2))


def _blur(planes: Float[torch.Tensor, "3 1 h w"]) -> Float[torch.Tensor, "3 1 y x"]:
    """Gaussian mean, along one axis and then the other, where the window lies inside."""
    offsets = torch.arange(_SSIM_SIDE, dtype=torch.float64) - _SSIM_SIDE // 2
    bell = torch.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    bell = bell / bell.sum()
    return conv2d(conv2d(planes, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))
