"""Shapes: outlines of things, as polygons in a box from -1 to 1, with their parts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One polygon of a shape, shape [m 2] in [-1, 1]; `paint` is "body" (textured), "accent", "dark" or "light"."""

    points: Points
    paint: str = "body"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A thing: its name, the verb it moves with, and its parts from back to front."""

    name: str
    parts: tuple[Part, ...]
    verb: str = "moves"


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Points:
    """An ellipse round (x, y)."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    px, py = rx * np.cos(angle), ry * np.sin(angle)
    return np.stack([x + px * np.cos(turn) - py * np.sin(turn), y + px * np.sin(turn) + py * np.cos(turn)], axis=1)


def blob(rng: np.random.Generator) -> Shape:
    """A closed outline of a few random harmonics."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    order = np.arange(2, 6)
    weight = rng.normal(0, 0.35, (4, 2)) / order[:, None]
    radius = 1 + weight[:, :1].T @ np.cos(order[:, None] * angle) + weight[:, 1:].T @ np.sin(order[:, None] * angle)
    radius = np.maximum(radius[0], 0.25)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.5, 1)], axis=1)
    return Shape(name="blob", parts=(Part(points=_fit(points)),))


def polygon(rng: np.random.Generator) -> Shape:
    """A convex-ish polygon of three to seven corners."""
    corners = int(rng.integers(3, 8))
    angle = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners + rng.uniform(0, 6)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.uniform(0.7, 1, (corners, 1))
    names = {3: "triangle", 4: "tile", 5: "pentagon"}
    return Shape(name=names.get(corners, "stone"), parts=(Part(points=_fit(points)),))


def star(rng: np.random.Generator) -> Shape:
    """A star of four to eight tips."""
    tips = int(rng.integers(4, 9))
    angle = np.arange(2 * tips) * np.pi / tips
    radius = np.where(np.arange(2 * tips) % 2 == 0, 1, rng.uniform(0.4, 0.65))
    return Shape(name="star", parts=(Part(points=np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1)),))


def ball(rng: np.random.Generator) -> Shape:
    """A disc or an egg."""
    flat = rng.uniform(0.95, 1) if rng.random() < 0.6 else rng.uniform(0.5, 0.8)
    return Shape(name="ball" if flat > 0.9 else "egg", parts=(Part(points=ellipse(0, 0, 1, flat)),), verb="rolls")


def box(rng: np.random.Generator) -> Shape:
    """A rectangle with slightly cut corners."""
    h, cut = rng.uniform(0.35, 1), rng.uniform(0.02, 0.2)
    x, y = (1, 1, 1 - cut, cut - 1, -1, -1, cut - 1, 1 - cut), (cut - h, h - cut, h, h, h - cut, cut - h, -h, -h)
    return Shape(name="box", parts=(Part(points=np.array([x, y]).T),), verb="slides")


def _fit(points: Points) -> Points:
    """Centre points and scale them into the box from -1 to 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.asarray((points - (low + high) / 2) / ((high - low).max() / 2))
