"""Dead leaves: opaque shapes of power-law size thrown on one another, the simplest model with the edges of photographs.

Source: Lee, Mumford and Huang, "Occlusion models for natural images" (IJCV 2001); radii fall as r**-3, which makes the
image scale-invariant like photographs are.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.colour import Palette

_FRACTION_BITS = 4


def leaves_image(
    rng: np.random.Generator, height: int, width: int, palette: Palette, unit: float
) -> NDArray[np.float32]:
    """Paint a dead-leaves image.

    Args:
        rng: Source of all randomness.
        height: Rows.
        width: Columns.
        palette: Colours of the leaves, RGB 0..255, shape [k 3].
        unit: Pixels of a frame's height / 128; sizes are in these units.

    Returns:
        RGB in 0..255, shape [height width 3].
    """
    smallest = rng.uniform(1.5, 5)
    largest = min(height, width) / unit * rng.uniform(0.15, 0.5)
    num = int(np.clip(rng.uniform(2.5, 5) * height * width / unit**2 / (smallest * largest * 4), 60, 420))
    radius = _power_law(rng, num, smallest, max(largest, 2 * smallest)) * unit
    colour = palette[rng.integers(len(palette), size=num)] + rng.normal(0, 10, (num, 1)) + rng.normal(0, 3, (num, 3))
    points = _outlines(rng, radius, height, width)
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = np.clip(colour[0], 0, 255)
    for outline, rgb in zip(points, np.clip(colour, 0, 255).tolist()):
        cv2.fillConvexPoly(canvas, outline, rgb, cv2.LINE_AA, _FRACTION_BITS)
    image = canvas.astype(np.float32)
    if rng.random() < 0.5:
        image *= _leaf_shading(rng, points, height, width)[..., None]
    return image


def _power_law(rng: np.random.Generator, num: int, low: float, high: float) -> NDArray[np.float64]:
    """Radii with density r**-3, largest first so that small leaves are not all buried."""
    uniform = rng.random(num)
    radius = (low**-2 - uniform * (low**-2 - high**-2)) ** -0.5
    order = np.argsort(-radius + rng.normal(0, 0.5, num) * radius.mean())
    return np.asarray(radius[order])


def _outlines(rng: np.random.Generator, radius: NDArray[np.float64], height: int, width: int) -> NDArray[np.int32]:
    """Convex outlines (ellipses, or polygons of few corners) in fixed-point pixels, shape [n vertices 2]."""
    num = len(radius)
    kind = rng.random()
    corners = 16 if kind < 0.5 else int(rng.integers(3, 7))
    angle = np.arange(corners) * (2 * np.pi / corners)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    aspect = np.exp(rng.normal(0, 0.05 if kind < 0.25 else 0.45, num))
    turn = rng.uniform(0, 2 * np.pi, num)
    local = circle[None] * np.stack([radius * np.sqrt(aspect), radius / np.sqrt(aspect)], axis=-1)[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x = cos * local[..., 0] - sin * local[..., 1] + rng.uniform(0, width, num)[:, None]
    y = sin * local[..., 0] + cos * local[..., 1] + rng.uniform(0, height, num)[:, None]
    return np.asarray(np.rint(np.stack([x, y], axis=-1) * 2**_FRACTION_BITS), np.int32)


def _leaf_shading(rng: np.random.Generator, points: NDArray[np.int32], height: int, width: int) -> NDArray[np.float32]:
    """A brightness ramp inside every leaf, as on curved things under one light: factor of shape [height width]."""
    centre = points.mean(axis=1) / 2**_FRACTION_BITS
    extent = np.ptp(points, axis=1).mean(axis=1) / 2**_FRACTION_BITS + 1
    light = rng.normal(0, 0.7, 2) + rng.normal(0, 0.25, (len(points), 2))
    slope = light * rng.uniform(0.1, 0.6) / extent[:, None]
    plane = np.zeros((height, width, 3), np.float32)
    values = np.concatenate([slope, (slope * centre).sum(axis=1, keepdims=True)], axis=1).tolist()
    for outline, value in zip(points, values):
        cv2.fillConvexPoly(plane, outline, value, cv2.LINE_8, _FRACTION_BITS)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    ramp = plane[..., 0] * x + plane[..., 1] * y
    return np.asarray(1 + np.clip(ramp - plane[..., 2], -0.45, 0.45), np.float32)
