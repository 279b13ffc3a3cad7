"""Scene: a camera among solids, in a room or on open ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from motionstream_camera.depth_training.furniture import Workshop
from motionstream_camera.depth_training.solid import Solid, turned
from motionstream_camera.depth_training.texture import make_texture

_INDOORS_SHARE = 0.75


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What is there, who looks and what shines.

    Attributes:
        solids: All that rays can hit.
        eye: Where the camera is, [3].
        turn: The camera's axes (right, down, forward) as columns, [3 3].
        half_width: Half the width of the picture at depth 1: the tangent of half the field of view.
        light: Direction to the sun, or the place of a lamp, [3].
        lamp: The light is a lamp at a place.
        ambient: Share of light that comes from everywhere.
        fog: How much of a colour is lost each metre.
        sky: Colours at the zenith and at the horizon, [2 3]; the horizon's is the fog's.
    """

    solids: tuple[Solid, ...]
    eye: Float32[np.ndarray, " 3"]
    turn: Float32[np.ndarray, "3 3"]
    half_width: float
    light: Float32[np.ndarray, " 3"]
    lamp: bool
    ambient: float
    fog: float
    sky: Float32[np.ndarray, "2 3"]


def make_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene: most are rooms."""
    return _indoors(rng) if rng.random() < _INDOORS_SHARE else _outdoors(rng)


def _indoors(rng: np.random.Generator) -> Scene:
    size = rng.uniform((2.5, 2.3, 2.5), (8, 3.3, 9))  # width, height, depth
    eye = np.array([rng.uniform(-0.4, 0.4) * size[0], -rng.uniform(0.5, min(2, size[1] - 0.4)), -0.42 * size[2]])
    solids = _room(rng, size)
    for _ in range(int(rng.integers(2, 12))):
        solids += _furnished(rng, size)
    if rng.random() < 0.55:  # something close before the camera, as on a desk
        near = Workshop(rng, eye[0] + rng.uniform(-0.6, 0.6), eye[2] + rng.uniform(0.8, 1.8), rng.uniform(-0.6, 0.6))
        solids += near.table() if rng.random() < 0.7 else near.standing()
    spot = rng.uniform((-0.45, -0.98, -0.45), (0.45, -0.6, 0.45)) * size
    turn = turned(rng.normal(0, 0.5), -abs(rng.normal(0.2, 0.22)) + rng.choice((0, 0.1)), rng.normal(0, 0.04))
    return _scene(rng, solids, eye, turn, spot, lamp=True, fog=0.0)


def _room(rng: np.random.Generator, size: np.ndarray) -> list[Solid]:
    """Walls, and a floor and a ceiling that are painted otherwise."""
    make = Workshop(rng, 0, 0, 0)
    width, height, depth = (float(v) for v in size)
    walls = make.solid("room", (0, height / 2, 0), (width, height, depth), make_texture(rng, (0.25, 0.95)))
    floor = make.solid("box", (0, -0.05, 0), (width, 0.11, depth), make_texture(rng, (0.08, 0.8)))
    ceiling = make.solid("box", (0, height, 0), (width, 0.02, depth), make_texture(rng, (0.6, 1.0)))
    parts = [walls, floor, ceiling]
    for _ in range(int(rng.integers(0, 4))):  # pictures, windows, doors on the far wall and the side walls
        wide, high, up = rng.uniform(0.3, 1.6), rng.uniform(0.3, 1.8), rng.uniform(0.8, 1.8)
        along = rng.uniform(-0.4, 0.4)
        side = int(rng.choice((-1, 0, 1)))
        at = (along * width, up, depth / 2) if side == 0 else (side * width / 2, up, along * depth)
        shape = (wide, high, 0.06) if side == 0 else (0.06, high, wide)
        parts.append(make.solid("box", at, shape, make_texture(rng, (0.05, 1.0))))
    if rng.random() < 0.3:
        parts.append(make.solid("box", (0, 0.006, 0), (width * 0.5, 0.014, depth * 0.4), make_texture(rng)))
    return parts


def _furnished(rng: np.random.Generator, size: np.ndarray) -> list[Solid]:
    """One thing, along a wall or anywhere."""
    width, depth = float(size[0]), float(size[2])
    side = int(rng.choice((-1, 0, 1, 2)))
    if side == 2:
        x, z = rng.uniform(-0.4, 0.4) * width, rng.uniform(-0.2, 0.4) * depth
        return Workshop(rng, x, z, rng.uniform(0, 6.3)).standing()
    if side == 0:
        return Workshop(rng, rng.uniform(-0.45, 0.45) * width, depth / 2 - 0.4, 0).standing()
    return Workshop(rng, side * (width / 2 - 0.4), rng.uniform(-0.2, 0.45) * depth, side * np.pi / 2).standing()


def _outdoors(rng: np.random.Generator) -> Scene:
    ground = Workshop(rng, 0, 0, rng.uniform(0, 6.3))
    solids = [ground.solid("box", (0, -0.5, 0), (4000, 1, 4000), make_texture(rng, (0.1, 0.7)))]
    reach = float(rng.choice((4, 12, 40)))
    for _ in range(int(rng.integers(1, 12))):
        away = rng.uniform(0.25, 1) * reach
        make = Workshop(rng, rng.uniform(-0.7, 0.7) * away, away, rng.uniform(0, 6.3))
        kinds = (make.standing, make.tree, make.lamp) if reach < 10 else (make.tree, make.house, make.lamp)
        solids += kinds[int(rng.integers(3))]()
    eye = np.array([0, -rng.uniform(0.4, 2.2), 0])
    sun = rng.normal(size=3) * (1, 0, 1) + (0, -rng.uniform(0.4, 2), 0)
    turn = turned(rng.normal(0, 0.2), -rng.normal(0.08, 0.12), rng.normal(0, 0.03))
    fog = float(rng.choice((0, 0, 0.01, 0.04)))
    return _scene(rng, solids, eye, turn, sun / np.linalg.norm(sun), lamp=False, fog=fog)


def _scene(
    rng: np.random.Generator,
    solids: list[Solid],
    eye: np.ndarray,
    turn: np.ndarray,
    light: np.ndarray,
    *,
    lamp: bool,
    fog: float,
) -> Scene:
    horizon = np.clip(rng.uniform(0.5, 1) + rng.normal(0, 0.06, 3), 0, 1)
    zenith = np.clip(horizon * rng.uniform((0.3, 0.4, 0.8), (0.9, 0.9, 1.1)), 0, 1)
    return Scene(
        solids=tuple(solids),
        eye=eye.astype(np.float32),
        turn=turn.astype(np.float32),
        half_width=float(np.tan(np.radians(rng.uniform(40, 78)) / 2)),
        light=light.astype(np.float32),
        lamp=lamp,
        ambient=float(rng.uniform(0.3, 0.75)),
        fog=fog,
        sky=np.stack([zenith, horizon]).astype(np.float32),
    )
