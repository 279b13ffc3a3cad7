"""Solid: a box, ball, can or room that rays hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from motionstream_camera.depth_training.texture import Texture

Points = Float32[np.ndarray, "n 3"]
SolidKind = Literal["box", "ball", "can", "room"]
_TINY = np.float32(1e-6)


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """A shape in the world (x right, y down, z forward, metres; the floor is y = 0).

    Attributes:
        kind: A room is a box seen from inside; a can stands along its own y.
        centre: [3].
        half: Half of its sizes along its own axes, [3].
        turn: Its own axes as columns, [3 3].
        texture: What it is painted with.
    """

    kind: SolidKind
    centre: Float32[np.ndarray, " 3"]
    half: Float32[np.ndarray, " 3"]
    turn: Float32[np.ndarray, "3 3"]
    texture: Texture

    def hit(self, origin: Float32[np.ndarray, " ..."], rays: Points) -> Float32[np.ndarray, " n"]:
        """How many lengths of each ray lie before it hits; infinite where it does not.

        Args:
            origin: Where the rays start, [3] or [n 3].
            rays: Directions; their lengths are the unit of the answer.
        """
        into = self.turn.T / self.half[:, None]
        start = into @ np.atleast_2d(origin - self.centre).T
        enter, leave = self._interval(start, into @ rays.T)
        if self.kind == "room":
            return np.asarray(np.where(leave > 0, leave, np.inf), np.float32)
        return np.asarray(np.where((enter < leave) & (enter > 0), enter, np.inf), np.float32)

    def _interval(self, start: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.kind in ("box", "room"):
            return _slabs(start, along)
        if self.kind == "ball":
            return _quadratic(start, along)
        top, side = _slabs(start[1:2], along[1:2]), _quadratic(start[::2], along[::2])
        return np.maximum(top[0], side[0]), np.minimum(top[1], side[1])

    def corners(self) -> Float32[np.ndarray, "8 3"]:
        """Of the box around it."""
        signs = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3), -1).reshape(8, 3)
        return np.asarray(self.centre + (signs * self.half) @ self.turn.T, np.float32)

    def surface(self, points: Points) -> tuple[Points, Float32[np.ndarray, "n 2"]]:
        """Unit normals (outwards; of a room inwards) and places on the surface in metres, at points that lie on it."""
        own = (points - self.centre) @ self.turn / self.half
        normal, uv = self._box_surface(own) if self.kind in ("box", "room") else self._round_surface(own)
        turned = (normal / self.half) @ self.turn.T
        turned /= np.linalg.norm(turned, axis=1, keepdims=True) + _TINY
        return np.asarray(-turned if self.kind == "room" else turned, np.float32), np.asarray(uv, np.float32)

    def _box_surface(self, own: Points) -> tuple[np.ndarray, np.ndarray]:
        axis = np.abs(own).argmax(axis=1)
        rows = np.arange(len(own))
        normal = np.zeros_like(own)
        normal[rows, axis] = np.sign(own[rows, axis])
        metres = own * self.half
        first, second = np.array([2, 0, 0])[axis], np.array([1, 2, 1])[axis]
        shift = axis * np.float32(0.37)  # else all faces would show the same part of the tile
        return normal, np.stack([metres[rows, first] + shift, metres[rows, second]], axis=1)

    def _round_surface(self, own: Points) -> tuple[np.ndarray, np.ndarray]:
        around = np.arctan2(own[:, 0], own[:, 2]) * self.half[0]
        uv = np.stack([around, own[:, 1] * self.half[1]], axis=1)
        if self.kind == "ball":
            return own.copy(), uv
        lid = np.abs(own[:, 1]) > 0.999
        normal = own * np.array([1, 0, 1], np.float32)
        normal[lid] = np.sign(own[lid]) * np.array([0, 1, 0], np.float32)
        uv[lid] = (own * self.half)[lid][:, ::2]
        return normal, uv


def _slabs(start: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays [k n] enter and leave the cube from -1 to 1."""
    slope = 1 / np.where(np.abs(along) < _TINY, _TINY, along)
    middle, reach = -start * slope, np.abs(slope)
    low, high = middle - reach, middle + reach
    return np.maximum.reduce(list(low)), np.minimum.reduce(list(high))


def _quadratic(start: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays [k n] enter and leave the unit ball or circle; nowhere is an empty interval."""
    a = _TINY + sum(x * x for x in along)
    b = sum(x * y for x, y in zip(start, along))
    inside = b * b - a * (sum(x * x for x in start) - 1)
    root = np.sqrt(np.maximum(inside, 0))
    missed = inside <= 0
    return np.where(missed, np.inf, (-b - root) / a), np.where(missed, -np.inf, (-b + root) / a)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Float32[np.ndarray, "3 3"]:
    """Axes turned about y, then x, then z, in radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z, np.float32)
