"""Made patterns: stripes, checks, dots, bricks, lettering, with the long straight edges that leaves and noise lack."""

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.colour import Palette

PATTERNS = ("striped", "checkered", "spotted", "brick", "lettered")


def pattern_image(
    rng: np.random.Generator, height: int, width: int, palette: Palette, unit: float, name: str
) -> NDArray[np.float32]:
    """Paint one of `PATTERNS` in colours of the palette; `unit` is frame height / 128.

    Returns:
        RGB in 0..255, shape [height width 3].
    """
    first, second = palette[rng.permutation(len(palette))[:2]]
    if name == "lettered":
        return _lettering(rng, height, width, first, palette, unit)
    share = _coverage(rng, height, width, unit, name)[..., None]
    return np.asarray(first + (second - first) * share, np.float32)


def _coverage(rng: np.random.Generator, height: int, width: int, unit: float, name: str) -> NDArray[np.float32]:
    """How much of the second colour each pixel takes, 0..1 with anti-aliased steps, shape [height width]."""
    period = rng.uniform(6, 26) * unit
    turn = rng.uniform(0, np.pi) if name != "brick" or rng.random() < 0.3 else 0.0
    x = np.arange(width, dtype=np.float32) + rng.uniform(0, period)
    y = np.arange(height, dtype=np.float32)[:, None] + rng.uniform(0, period)
    c, s = np.float32(np.cos(turn) / period), np.float32(np.sin(turn) / period)
    across, along = c * x + s * y, c * y - s * x
    if name == "striped":
        return _step(_triangle(across) - rng.uniform(0.35, 0.65), period)
    if name == "checkered":
        return _step((_triangle(across) - 0.5) * (_triangle(along) - 0.5) * 4, period)
    if name == "spotted":
        distance = np.asarray(np.hypot(across % 1 - 0.5, along % 1 - 0.5), np.float32)
        return _step((rng.uniform(0.2, 0.38) - distance) * 2, period)
    brick = np.asarray(across + 0.5 * (np.floor(along * 2) % 2) + 0.5, np.float32)
    joint = np.minimum(_triangle(brick), _triangle(np.float32(2) * along + np.float32(0.5)) * np.float32(0.5))
    return _step(np.float32(rng.uniform(0.06, 0.12)) - joint, period)


def _triangle(phase: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.abs(phase % 1 * 2 - 1), np.float32)


def _step(value: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    return np.asarray(np.clip(value * (period / 2) + 0.5, 0, 1), np.float32)


def _lettering(
    rng: np.random.Generator, height: int, width: int, paper: NDArray[np.float32], palette: Palette, unit: float
) -> NDArray[np.float32]:
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = np.clip(paper, 0, 255)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    ink = palette[int(np.argmax(np.abs(palette - paper).sum(axis=1)))].tolist()
    size = rng.uniform(0.25, 0.9) * unit
    font = int(rng.integers(0, 4))
    y = rng.uniform(0, 20) * size
    while y < height + 10 * size:
        count = int(width / (14 * size)) + 2
        line = "".join(letters[i] if i < len(letters) else " " for i in rng.integers(0, len(letters) + 12, count))
        origin = (int(rng.uniform(-15, 5) * size), int(y))
        cv2.putText(canvas, line, origin, font, size, ink, max(1, round(size * rng.uniform(1, 2.5))), cv2.LINE_AA)
        y += rng.uniform(24, 36) * size
    return canvas.astype(np.float32)
