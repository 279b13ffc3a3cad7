"""Colours: palettes with the statistics of photographs, and the plain English names of colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

Palette = NDArray[np.float32]

# Opponent axes (rows: luma, yellow-blue, red-green). They are nearly uncorrelated in photographs, so drawing them
# independently gives palettes that look like photographs rather than like confetti.
OPPONENT_TO_RGB = np.array([[1.0, 1.0, 1.0], [0.75, 0.3, -1.2], [0.9, -0.55, 0.1]], np.float32)

# Names by hue: (upper limit in degrees, pale and bright, dark or dull, strong).
_HUES = (
    (14, "pink", "brown", "red"),
    (45, "beige", "brown", "orange"),
    (70, "beige", "olive", "yellow"),
    (165, "green", "green", "green"),
    (195, "teal", "teal", "teal"),
    (255, "blue", "blue", "blue"),
    (290, "purple", "purple", "purple"),
    (335, "pink", "purple", "pink"),
    (361, "pink", "brown", "red"),
)
_LIMITS = np.array([row[0] for row in _HUES])
_NAMES = np.array([*(name for row in _HUES for name in row[1:]), "black", "grey", "white"])
_BLACK, _GREY, _WHITE = len(_NAMES) - 3, len(_NAMES) - 2, len(_NAMES) - 1


def make_palette(rng: np.random.Generator, num_colours: int = 10) -> Palette:
    """Draw colours that could come from one photograph or, less often, from one cartoon.

    Returns:
        RGB in 0..255, shape [num_colours 3].
    """
    if rng.random() < 0.15:
        return _vivid(rng, num_colours)
    luma = rng.normal(rng.uniform(60, 170), rng.uniform(25, 65), num_colours)
    cast = rng.normal((3, 0), (11, 6))
    chroma = cast + rng.laplace(0, 1, (num_colours, 2)) * (11, 7) * rng.uniform(0.3, 2)
    rgb = np.concatenate([luma[:, None], chroma], axis=1) @ OPPONENT_TO_RGB
    return np.clip(rgb, 6, 250).astype(np.float32)


def _vivid(rng: np.random.Generator, num_colours: int) -> Palette:
    hue = rng.random(num_colours) * 6
    saturation, value = rng.uniform(0.25, 1, num_colours), rng.uniform(0.35, 1, num_colours)
    ramp = np.clip(np.abs((hue[:, None] + (0, 4, 2)) % 6 - 3) - 1, 0, 1)
    return np.asarray(255 * value[:, None] * (1 - saturation[:, None] * (1 - ramp)), np.float32)


def colour_names(rgb: NDArray[np.float32]) -> NDArray[np.str_]:
    """Name colours (0..255, shape [n 3]) with one everyday word each, such as "red", "brown" or "grey"."""
    hue, saturation, value = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0].T
    column = np.where(saturation < 0.42, np.where(value > 0.68, 0, 1), np.where(value > 0.45, 2, 1))
    index = 3 * np.searchsorted(_LIMITS, hue, side="right") + column
    dull = (value * saturation < 0.1) | (saturation < 0.16)
    index = np.where(dull, np.where(value > 0.79, _WHITE, _GREY), index)
    return np.asarray(_NAMES[np.where(value < 0.19, _BLACK, index)])


def dominant_name(rgb: NDArray[np.float32], weight: NDArray[np.float32] | None = None) -> str | None:
    """Name the colour that an image shows, or None where no single word would be true.

    Args:
        rgb: Image in 0..255, shape [h w 3].
        weight: Where the image counts (above a half), shape [h w]; everywhere when None.
    """
    rows, columns = (np.linspace(0, n - 1, 12).astype(int) for n in rgb.shape[:2])
    box = np.ix_(rows, columns)
    pixels = rgb[box].reshape(-1, 3)
    if weight is not None and (weight[box] > 0.5).any():
        pixels = pixels[weight[box].reshape(-1) > 0.5]
    names, counts = np.unique(colour_names(pixels), return_counts=True)
    best = int(np.argmax(counts))
    return str(names[best]) if counts[best] >= 0.6 * len(pixels) else None
