"""Cut-outs: a piece of the backdrop that comes off when it is dragged, as regions of a photograph should."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.layer import Layer
from motionstream.training.world.shape import blob, polygon
from motionstream.training.world.sprite import draw_silhouette
from motionstream.training.world.thing import Thing


def cut_out(rng: np.random.Generator, backdrop: Layer, depth: float, height: int, width: int) -> tuple[Layer, Thing]:
    """Cut a piece out of the backdrop that is invisible until it moves, as when a region of a photograph is dragged.

    Returns:
        The backdrop with the hole filled by another part of itself, softly blended, and the piece, in its place.
    """
    unit = min(height, width) / 128
    alpha = _soft_silhouette(rng, unit, 0.6 * min(height, width))
    rgb = backdrop.rgba[..., :3]
    left, top = (int(rng.integers(0, max(1, b - a))) for a, b in zip(alpha.shape[1::-1], rgb.shape[1::-1]))
    alpha = alpha[: rgb.shape[0] - top, : rgb.shape[1] - left, None]
    rows, columns = alpha.shape[:2]
    here = np.s_[top : top + rows, left : left + columns]
    there = _elsewhere(rng, rgb, left, top, columns, rows)
    filling = rgb[here] + (there - rgb[here].astype(np.float32)) * np.clip(2 * alpha - 1, 0, 1) ** 2
    filled = backdrop.rgba.copy()
    filled[here][..., :3] = np.rint(filling)
    # Over the filling it gives exactly what was there, so that nothing shows before it moves.
    piece = np.rint(np.clip(np.dstack([rgb[here] - filling * (1 - alpha), 255 * alpha]), 0, 255))
    start = backdrop.plane.matrix[0, :, 2] + np.array([left + columns / 2, top + rows / 2])
    words = "piece of the picture"
    thing = Thing(rgba=piece.astype(np.uint8), shadow=None, words=words, verb="slides", start=start, depth=depth)
    return replace(backdrop, rgba=filled), thing


def _soft_silhouette(rng: np.random.Generator, unit: float, largest: float) -> NDArray[np.float32]:
    """Alpha of a random outline with a soft edge, shape [h w]."""
    size = min(float(np.exp(rng.uniform(np.log(22), np.log(76)))) * unit, largest)
    shape = blob(rng) if rng.random() < 0.7 else polygon(rng)
    blur = rng.uniform(0.3, 4) * unit
    alpha = draw_silhouette(shape, size, margin=2 + int(np.ceil(2.5 * blur)))
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), blur), np.float32)


def _elsewhere(
    rng: np.random.Generator, rgb: NDArray[np.uint8], left: int, top: int, columns: int, rows: int
) -> NDArray[np.uint8]:
    """Another box of the same size, from beside the first if there is room, mirrored at the borders if not."""
    angle = rng.uniform(0, 2 * np.pi)
    x = np.arange(columns) + left + round(float(np.cos(angle)) * columns)
    y = np.arange(rows) + top + round(float(np.sin(angle)) * rows)
    x, y = (np.clip(n - 1 - np.abs(n - 1 - np.abs(v)), 0, None) for v, n in ((x, rgb.shape[1]), (y, rgb.shape[0])))
    return np.asarray(rgb[y[:, None], x])
