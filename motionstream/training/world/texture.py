"""Textures: what covers backdrops and things, from leaves, noise, patterns and plain paint, under uneven light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.colour import Palette
from motionstream.training.world.leaves import leaves_image
from motionstream.training.world.noise import noise_image, pink_noise
from motionstream.training.world.pattern import PATTERNS, pattern_image


@dataclass(frozen=True, kw_only=True)
class Texture:
    """A painted rectangle: `rgb` in 0..255, shape [h w 3], and the word a caption may use for its look."""

    rgb: NDArray[np.float32]
    look: str


def make_texture(
    rng: np.random.Generator, height: int, width: int, palette: Palette, unit: float, *, detail: bool = True
) -> Texture:
    """Paint a random texture.

    Args:
        rng: Source of all randomness.
        height: Rows.
        width: Columns.
        palette: Colours to use, RGB 0..255, shape [k 3].
        unit: Frame height / 128; sizes of leaves and stripes follow it.
        detail: False leaves out the soft light and grain (they are wasted on a thing of few pixels).
    """
    look = _choose(rng)
    rgb = _paint(rng, height, width, palette, unit, look)
    if look in ("patchy", "plain", *PATTERNS) and rng.random() < 0.6:
        strength = rng.uniform(2, 16)
        rgb += strength * pink_noise(rng, height, width, 1, rng.uniform(0.4, 1.4))[0, ..., None]
    if detail:
        rgb *= soft_light(rng, height, width)[..., None]
    return Texture(rgb=np.clip(rgb, 0, 255, out=rgb), look=look)


def _choose(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.45:
        return "patchy"
    if draw < 0.7:
        return "cloudy"
    if draw < 0.8:
        return "plain"
    return PATTERNS[int(rng.integers(len(PATTERNS)))]


def _paint(
    rng: np.random.Generator, height: int, width: int, palette: Palette, unit: float, look: str
) -> NDArray[np.float32]:
    mean = palette[int(rng.integers(len(palette)))]
    if look == "patchy":
        return leaves_image(rng, height, width, palette, unit)
    if look == "cloudy":
        return noise_image(rng, height, width, mean)
    if look == "plain":
        return np.tile(mean, (height, width, 1)).astype(np.float32)
    return pattern_image(rng, height, width, palette, unit, look)


def soft_light(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Uneven light: a smooth factor round 1 of shape [height width], as from a window or a lamp."""
    coarse = 1 + rng.normal(0, rng.uniform(0.03, 0.22), (3, 3)).astype(np.float32)
    smooth = cv2.resize(np.clip(coarse, 0.45, 1.6), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32)


def defocus(rgb: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur by `sigma` pixels, as a lens does to what it is not focused on; under a third of a pixel, nothing."""
    return rgb if sigma < 0.33 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.float32)
