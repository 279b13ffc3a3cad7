"""Sprites: a shape painted with a texture, with shading, outline and soft edge; premultiplied, so it warps cleanly."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.colour import Palette, dominant_name
from motionstream.training.world.layer import to_bytes
from motionstream.training.world.shape import Part, Shape
from motionstream.training.world.texture import defocus, make_texture

_FRACTION_BITS = 4


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """A painted thing.

    Attributes:
        rgba: Premultiplied colour and alpha, 8 bits, shape [h w 4].
        words: What a caption calls it, such as "red spotted bird".
        verb: How it moves.
    """

    rgba: NDArray[np.uint8]
    words: str
    verb: str


def make_sprite(
    rng: np.random.Generator, shape: Shape, size: float, palette: Palette, unit: float, blur: float
) -> Sprite:
    """Paint `shape`, `size` pixels large, in colours of the palette, with `blur` pixels of defocus."""
    margin = 2 + int(np.ceil(2.5 * blur))
    coverage, outlines = draw_silhouette(shape, size, margin), place_outlines(shape, size, margin)[0]
    height, width = coverage.shape
    texture = make_texture(rng, height, width, palette, unit * rng.uniform(0.4, 1), detail=rng.random() < 0.5)
    rgb = _paint_parts(rng, shape.parts, outlines, texture.rgb, palette)
    if rng.random() < 0.2:
        rgb = _outline(rng, outlines, rgb, unit)
    if rng.random() < 0.7:
        rgb = rgb * _relief(rng, coverage, size)[..., None]
    words = _words(shape.name, texture.look, dominant_name(rgb, coverage))
    soft = to_bytes(defocus(rgb, blur), defocus(coverage, blur))
    return Sprite(rgba=soft, words=words, verb=shape.verb)


def place_outlines(shape: Shape, size: float, margin: int) -> tuple[list[NDArray[np.int32]], int, int]:
    """Outlines of the parts in fixed-point pixels of the smallest picture holding them, and its height and width."""
    points = np.concatenate([p.points for p in shape.parts])
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = (int(np.ceil(e)) + 2 * margin for e in (high - low) / 2 * size)
    middle = (low + high) / 2
    outlines = [_fixed((p.points - middle) * size / 2 + (width / 2, height / 2)) for p in shape.parts]
    return outlines, height, width


def draw_silhouette(shape: Shape, size: float, margin: int) -> NDArray[np.float32]:
    """Alpha of a shape `size` pixels large with `margin` pixels round it, anti-aliased, shape [h w]."""
    outlines, height, width = place_outlines(shape, size, margin)
    alpha = np.zeros((height, width), np.uint8)
    for outline in outlines:
        cv2.fillPoly(alpha, [outline], 255, cv2.LINE_AA, _FRACTION_BITS)
    return np.asarray(alpha / np.float32(255), np.float32)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Continuous pixels to OpenCV's fixed point, whose integers are pixel centres."""
    return np.asarray(np.rint((points - 0.5) * 2**_FRACTION_BITS), np.int32)


def _paint_parts(
    rng: np.random.Generator,
    parts: tuple[Part, ...],
    outlines: list[NDArray[np.int32]],
    body: NDArray[np.float32],
    palette: Palette,
) -> NDArray[np.float32]:
    """Lay flat paint over the texture where a part is not "body"."""
    if all(part.paint == "body" for part in parts):
        return body
    paints = {
        "accent": palette[int(rng.integers(len(palette)))].tolist(),
        "dark": rng.uniform(5, 60, 3).tolist(),
        "light": rng.uniform(200, 255, 3).tolist(),
    }
    weight = np.zeros(body.shape[:2], np.uint8)
    paint = np.clip(body, 0, 255).astype(np.uint8)
    for part, outline in zip(parts, outlines):
        if part.paint != "body":
            cv2.fillPoly(paint, [outline], paints[part.paint], cv2.LINE_AA, _FRACTION_BITS)
        cv2.fillPoly(weight, [outline], 0 if part.paint == "body" else 255, cv2.LINE_AA, _FRACTION_BITS)
    share = weight.astype(np.float32)[..., None] / 255
    return np.asarray(body * (1 - share) + paint * share, np.float32)


def _outline(
    rng: np.random.Generator, outlines: list[NDArray[np.int32]], rgb: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    canvas = np.clip(rgb, 0, 255).astype(np.uint8)
    ink = rng.uniform(0, 70, 3).tolist()
    thickness = max(1, round(rng.uniform(0.6, 2.2) * unit))
    cv2.polylines(canvas, outlines, True, ink, thickness, cv2.LINE_AA, _FRACTION_BITS)
    return canvas.astype(np.float32)


def _relief(rng: np.random.Generator, coverage: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    """Light on a rounded body: brightness follows the slope of the blurred silhouette."""
    sigma = size * rng.uniform(0.06, 0.2)
    height = cv2.GaussianBlur(coverage, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    angle, strength = rng.uniform(0, 2 * np.pi), sigma * rng.uniform(0.4, 1.8)
    slope = np.cos(angle) * np.gradient(height, axis=1) + np.sin(angle) * np.gradient(height, axis=0)
    return np.asarray(1 + np.clip(slope * strength, -0.6, 0.5), np.float32)


def _words(name: str, look: str, colour: str | None) -> str:
    look = {"cloudy": "", "plain": "", "brick": "bricked"}.get(look, look)
    return " ".join(word for word in (colour, look, name) if word)
