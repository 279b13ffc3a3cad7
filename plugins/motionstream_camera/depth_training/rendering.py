"""Rendering by ray casting: a picture of a scene and the inverse depth of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from motionstream_camera.depth_training.scene import Scene, make_scene
from motionstream_camera.depth_training.solid import Points, Solid

_CLOSEST = 0.35  # metres: what is closer is a wall before the lens and not a photograph
_MOST_TRIES = 20
_SHADOW_STEP = 3  # pixels of a row that share a shadow ray


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A picture with exact inverse depth.

    Attributes:
        picture: RGB.
        inverse: Inverse depth along the optical axis, in a unit of its own; 0 is endlessly far.
    """

    picture: UInt8[np.ndarray, "h w 3"]
    inverse: Float32[np.ndarray, "h w"]


def drawn_example(rng: np.random.Generator, height: int, width: int) -> Example:
    """Draw scenes until one has nothing right before the lens and some depth, and render it."""
    for _ in range(_MOST_TRIES):
        scene = make_scene(rng)
        rays = _rays(scene, height, width)
        depth, which = _cast(scene, rays, height, width)
        finite = depth[np.isfinite(depth)]
        if len(finite) and finite.min() > _CLOSEST and np.quantile(finite, 0.95) > 1.15 * np.quantile(finite, 0.05):
            break
    colours = _coloured(scene, rays, depth, which, with_shadows=bool(rng.random() < 0.6))
    picture = np.clip(colours, 0, 1) ** (1 / 2.2) * 255
    return Example(
        picture=picture.reshape(height, width, 3).astype(np.uint8),
        inverse=np.asarray(1 / depth, np.float32).reshape(height, width),
    )


def _rays(scene: Scene, height: int, width: int) -> Points:
    """One ray a pixel with a length of 1 along the optical axis, so that its count of lengths is the depth."""
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1) * height / width
    across, down = np.meshgrid(x * scene.half_width, y * scene.half_width)
    own = np.stack([across.ravel(), down.ravel(), np.ones(height * width, np.float32)], axis=1)
    return np.asarray(own @ scene.turn.T, np.float32)


def _cast(scene: Scene, rays: Points, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the nearest hit (infinite: the sky) and which solid it is, both [n]."""
    depth, which = np.full((height, width), np.inf, np.float32), np.zeros((height, width), np.int64)
    grid = rays.reshape(height, width, 3)
    for number, solid in enumerate(scene.solids):
        part = _seen_part(scene, solid, height, width)
        hit = solid.hit(scene.eye, grid[part].reshape(-1, 3)).reshape(grid[part].shape[:2])
        nearer = hit < depth[part]
        depth[part][nearer], which[part][nearer] = hit[nearer], number
    return depth.ravel(), which.ravel()


def _seen_part(scene: Scene, solid: Solid, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns between which the solid lies; all of them where it reaches behind the camera."""
    x, y, z = ((solid.corners() - scene.eye) @ scene.turn).T
    if z.min() < 0.05:
        return slice(0, 0 if z.max() < 0.05 else height), slice(0, width)
    focal = width / 2 / scene.half_width
    column, row = x / z * focal + width / 2, y / z * focal + height / 2
    rows = np.clip((np.floor(row.min()), np.ceil(row.max())), 0, height).astype(int)
    columns = np.clip((np.floor(column.min()), np.ceil(column.max())), 0, width).astype(int)
    return slice(*rows), slice(*columns)


def _coloured(
    scene: Scene, rays: Points, depth: np.ndarray, which: np.ndarray, *, with_shadows: bool
) -> Float32[np.ndarray, "n 3"]:
    up = np.clip(-rays[:, 1:2] / _length(rays)[:, None] * 2, 0, 1)
    colours = scene.sky[0] * up + scene.sky[1] * (1 - up)
    finite = np.isfinite(depth)
    lit = np.zeros(len(rays), np.float32)
    points = scene.eye + rays * np.where(finite, depth, 0)[:, None]
    for number, solid in enumerate(scene.solids):
        rows = np.flatnonzero(finite & (which == number))
        if not len(rows):
            continue
        normal, uv = solid.surface(points[rows])
        footprint = depth[rows] * scene.half_width / 90
        colours[rows] = solid.texture.at(uv, footprint)
        lit[rows] = _light(scene, points[rows], normal, rays[rows], solid.texture.gloss)
    if with_shadows:
        coarse = np.flatnonzero(finite)[::_SHADOW_STEP]
        dark = np.repeat(_shadowed(scene, points[coarse]), _SHADOW_STEP)
        lit[finite] *= 1 - 0.8 * dark[: finite.sum()]
    colours[finite] *= (scene.ambient * _occluded(points[finite]) + (1 - scene.ambient) * lit[finite])[:, None]
    clear = np.exp(-scene.fog * np.where(finite, depth, 0))[:, None]
    return np.asarray(np.where(finite[:, None], colours * clear + scene.sky[1] * (1 - clear), colours), np.float32)


def _light(scene: Scene, points: Points, normal: Points, rays: Points, gloss: float) -> Float32[np.ndarray, " n"]:
    """Lambert's cosine, a highlight, and of a lamp the falloff with distance."""
    way = scene.light - points if scene.lamp else np.broadcast_to(scene.light, points.shape)
    distance = _length(way) + 1e-3
    way = way / distance[:, None]
    lit = np.maximum(_dot(normal, way), 0)
    if gloss:
        mirrored = rays - 2 * _dot(rays, normal)[:, None] * normal
        lit += gloss * np.maximum(_dot(mirrored, way) / _length(rays), 0) ** 20
    return np.asarray(lit * (3 / (1 + 0.5 * distance**2) if scene.lamp else 1.6), np.float32)


def _dot(one: Points, other: Points) -> Float32[np.ndarray, " n"]:
    return np.asarray(np.einsum("ij,ij->i", one, other))


def _length(of: Points) -> Float32[np.ndarray, " n"]:
    return np.asarray(np.sqrt(_dot(of, of)))


def _occluded(points: Points) -> Float32[np.ndarray, " n"]:
    """Less light from everywhere close above the floor."""
    return np.asarray(1 - 0.35 * np.exp(-np.maximum(-points[:, 1], 0) / 0.15), np.float32)


def _shadowed(scene: Scene, points: Points) -> Float32[np.ndarray, " n"]:
    """1 where a solid stands between a point and the light."""
    way = scene.light - points if scene.lamp else np.broadcast_to(scene.light * 60, points.shape)
    start = points + way * np.float32(0.002) - np.array([0, 0.003, 0], np.float32)
    dark = np.zeros(len(points), bool)
    for solid in scene.solids:
        if solid.kind != "room" and solid.half.max() < 100:
            dark |= solid.hit(start, np.asarray(way, np.float32)) < 1
    return dark.astype(np.float32)
