"""Newcomers: things that frame 0 does not show and that come into view later, in one strong colour a caption names."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.hues import HUES
from motionstream.training.world.colour import Palette, colour_names
from motionstream.training.world.shape import Shape
from motionstream.training.world.sprite import Sprite, make_sprite

COLOURS = tuple(HUES)
_NAMED_SHARE = 0.75
_TRIES = 12


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Which layer of a scene comes into view, and how.

    Attributes:
        layer: Index of its layer.
        colour: The word for its colour.
        cover: Index of the layer that hides it in frame 0; None where it comes in from outside.
        side: Where it comes in from, such as "left" or "top"; empty where it is uncovered.
        phrase: A number from 0 to 1 that chooses the caption's wording.
    """

    layer: int
    colour: str
    cover: int | None
    side: str
    phrase: float


def paint_newcomer(
    rng: np.random.Generator, colour: str, shape: Shape, size: float, unit: float, blur: float
) -> Sprite | None:
    """Paint a thing in shades of one colour; None where the shape leaves too little room for the colour."""
    for _ in range(_TRIES):
        sprite = make_sprite(rng, shape, size, _shades(rng, colour), unit, blur)
        if sprite.words.split()[0] == colour and _named_share(sprite.rgba, colour) >= _NAMED_SHARE:
            return replace(sprite, words=f"{colour} {shape.name}")  # a texture in shades of one hue hardly shows
    return None


def _shades(rng: np.random.Generator, colour: str) -> Palette:
    """Strong shades of about one hue, RGB in 0..255, shape [4 3]."""
    low, high = HUES[colour]
    hue = np.clip(rng.uniform(low, high) + rng.uniform(-4, 4, 4), low, high) % 360
    saturation = rng.uniform(0.55, 0.85, 4) if colour == "pink" else rng.uniform(0.65, 1, 4)
    hsv = np.stack([hue, saturation, rng.uniform(0.65, 1, 4)], axis=-1).astype(np.float32)
    return np.asarray(255 * cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0], np.float32)


def _named_share(rgba: NDArray[np.uint8], colour: str) -> float:
    """In how much of the silhouette the painted colour has the wanted name."""
    pixels = rgba[rgba[..., 3] >= 128].astype(np.float32)
    return float((colour_names(pixels[:, :3] * 255 / pixels[:, 3:]) == colour).mean())
