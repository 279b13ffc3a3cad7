"""Texture: what a surface is painted with, as a tile that repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

_SIDE = 96  # pixels of a tile
_NUM_NOISES = 24
_NUM_TILES = 512

Colours = Float32[np.ndarray, "n 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Texture:
    """A tile of colours that repeats over a surface.

    Attributes:
        tile: float32 [s s 3], about 0 to 1.
        metres: Length of its side.
        gloss: How much of a highlight the surface shows, 0 to 1.
    """

    tile: Float32[np.ndarray, "s s 3"]
    metres: float
    gloss: float

    def at(self, uv: Float32[np.ndarray, "n 2"], footprint: Float32[np.ndarray, " n"]) -> Colours:
        """Colours at places in metres; detail finer than a pixel's footprint (in metres) fades to the mean."""
        places = np.mod(uv / self.metres, 1).astype(np.float32) * (_SIDE - 1)
        colours = _sampled(self.tile, places)
        detail = 1 / (1 + (footprint / self.metres * 10) ** 2)[:, None]
        return np.asarray(self.tile.mean((0, 1)) * (1 - detail) + colours * detail, np.float32)


def make_texture(rng: np.random.Generator, brightness: tuple[float, float] = (0.1, 0.9)) -> Texture:
    """Draw a texture of this mean brightness: one of a store of tiles in a tint and a size of its own."""
    grey, tint = rng.uniform(*brightness), rng.normal(0, rng.choice((0.02, 0.08, 0.2)), 3)
    colour = np.clip(grey * (1 + tint - tint.mean()), 0.02, 1).astype(np.float32)
    metres = float(np.exp(rng.uniform(np.log(0.25), np.log(3))))
    contrast = np.float32(rng.choice((0.1, 0.35, 1.0)))
    tile = np.clip((1 + contrast * (_tile(int(rng.integers(_NUM_TILES))) - 1)) * colour, 0, 1)
    return Texture(tile=tile, metres=metres, gloss=float(rng.choice((0, 0, 0.15, 0.5))))


@lru_cache(maxsize=_NUM_TILES)
def _tile(number: int) -> NDArray[np.float32]:
    """A tile of mean 1: noise of some scale, and at times joints, planks, checks, blots or patches."""
    rng = np.random.default_rng((78, number))
    kind = rng.choice(("plain", "lines", "planks", "checks", "blots", "patches"), p=(0.36, 0.16, 0.12, 0.1, 0.16, 0.1))
    other = np.clip(1 + rng.normal(0, 0.5) + rng.normal(0, 0.2, 3), 0.05, 3)
    tile = 1 + _pattern(rng, str(kind))[..., None] * (other - 1)
    tile = tile * (1 + rng.choice((0.0, 0.06, 0.15, 0.35)) * _noise(int(rng.integers(_NUM_NOISES)))[..., None])
    return np.asarray(tile / tile.mean(), np.float32)


def _pattern(rng: np.random.Generator, kind: str) -> NDArray[np.float32]:
    """How much of the other colour each pixel of the tile has."""
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32) / _SIDE
    num = int(rng.integers(1, 7))
    if kind == "lines":  # tiles with joints, or wires
        width = rng.uniform(0.02, 0.12)
        down, across = (np.mod(y * num, 1) < width * num / 2), (np.mod(x * num, 1) < width * num / 2)
        return np.asarray(down | across if rng.random() < 0.6 else down, np.float32)
    if kind == "planks":
        row = np.floor(y * num * 2)
        shade = np.mod(np.sin((row + np.floor(x * 2 + 0.37 * row)) * 12.9898) * 43758.5, 1)
        return np.asarray(shade * 0.7, np.float32)
    if kind == "checks":
        return np.asarray(np.mod(np.floor(x * 2 * num) + np.floor(y * 2 * num), 2), np.float32)
    if kind == "blots":
        return np.asarray(_noise(int(rng.integers(_NUM_NOISES))) > rng.uniform(-0.5, 1.2), np.float32)
    if kind == "patches":  # like books or packages: a few rectangles
        mask = np.zeros((_SIDE, _SIDE), np.float32)
        for _ in range(num * 3):
            left, top = rng.integers(0, _SIDE, 2)
            wide, high = rng.integers(4, _SIDE // 2, 2)
            mask[top : top + high, left : left + wide] = rng.random()
        return mask
    return np.zeros((_SIDE, _SIDE), np.float32)


@lru_cache(maxsize=_NUM_NOISES)
def _noise(number: int) -> NDArray[np.float32]:
    """Noise that repeats, mean 0 and deviation 1; the larger its number the smoother it is."""
    rng = np.random.default_rng((77, number))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None] * rng.choice((1, 1, 4)), np.fft.fftfreq(_SIDE)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.normal(size=(_SIDE, _SIDE))) * frequency ** -(0.4 + 1.6 * number / _NUM_NOISES)
    field = np.fft.ifft2(spectrum).real
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _sampled(tile: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear colours [n 3] at places (x, y) in pixels."""
    rows = -(-len(places) // 1024)
    padded = np.zeros((rows * 1024, 2), np.float32)
    padded[: len(places)] = places
    grid = padded.reshape(rows, 1024, 2)
    taken = cv2.remap(tile, grid[..., 0].copy(), grid[..., 1].copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(taken, np.float32).reshape(-1, 3)[: len(places)]
