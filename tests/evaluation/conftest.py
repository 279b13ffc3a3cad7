"""Frames with exactly known motion, rendered from formulas, for the tests of measuring."""

from collections.abc import Callable

import numpy as np
import pytest

NUM_WAVES = 24


def texture(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """A smooth random pattern at the real positions y x x (a sum of plane waves); float [len(y), len(x), 3]."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 0.45, (NUM_WAVES, 2))
    phases = np.exp(2j * np.pi * rng.uniform(size=(3, 1, NUM_WAVES)))
    along_x, along_y = np.exp(1j * waves[:, :1] * x), np.exp(1j * y[:, None] * waves[:, 1])
    return 0.5 + 0.07 * ((phases * along_y) @ along_x).imag.transpose(1, 2, 0)


def _patch_over_background(
    path_px: np.ndarray, start_px: tuple[float, float], *, side: int = 128, half: float = 14, camera: float = 0.0
) -> np.ndarray:
    """A textured square moved by `path_px` [t, 2] from its start; the background moves by `camera` px a frame.

    Returns uint8 [t, side, side, 3]; pixel centres lie at half-integers.
    """
    centres = np.arange(side) + 0.5
    frames = []
    for index, (dx, dy) in enumerate(path_px):
        x, y = centres - start_px[0] - dx, centres - start_px[1] - dy
        cover_x, cover_y = np.clip(half + 0.5 - np.abs(x), 0, 1), np.clip(half + 0.5 - np.abs(y), 0, 1)
        cover = (cover_y[:, None] * cover_x)[..., None]
        picture = cover * texture(x, y, 1) + (1 - cover) * texture(centres - camera * index, centres, 2)
        frames.append(np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8))
    return np.stack(frames)


def _grid(centre: tuple[float, float], half: float, spacing: float) -> np.ndarray:
    """Points [n, 2] of a square grid around a centre."""
    offsets = np.arange(-half, half + 1e-6, spacing)
    x, y = np.meshgrid(centre[0] + offsets, centre[1] + offsets)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


@pytest.fixture
def patch_over_background() -> Callable[..., np.ndarray]:
    """Frames of a textured square that moves before a textured background."""
    return _patch_over_background


@pytest.fixture
def grid() -> Callable[..., np.ndarray]:
    """Points of a square grid."""
    return _grid
