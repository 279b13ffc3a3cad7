"""Drag: the tracks that ask for one thing to move, and which of their points are the thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from motionstream.errors import InputError
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True, eq=False)
class Drag:
    """A demanded motion.

    Attributes:
        tracks: Everything that the model is told.
        dragged: bool [n], the points that are to move; the others are pinned.
    """

    tracks: Tracks
    dragged: Bool[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if self.dragged.shape != (self.tracks.num_points,) or not self.dragged.any():
            raise InputError(
                f"Drag: wanted a mark for each of {self.tracks.num_points} points and at least one dragged, "
                f"got {list(self.dragged.shape)} with {int(self.dragged.sum())}."
            )


def make_drag(
    dragged_xy: Float[np.ndarray, "n 2"],
    vector_widths: tuple[float, float],
    *,
    num_frames: int,
    height: int,
    width: int,
    pinned_xy: Float[np.ndarray, "m 2"] | None = None,
    ease: bool = False,
) -> Drag:
    """Tracks of points that move together along a straight line, and of others that stay.

    Args:
        dragged_xy: Normalised positions of the points to move, in frame 0.
        vector_widths: The whole motion to the right and downwards, in widths of the picture along both axes.
        num_frames: Video frames; the motion fills them all.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        pinned_xy: Normalised positions of points that stay.
        ease: Start and end slowly instead of moving evenly.
    """
    part = np.linspace(0, 1, num_frames)
    if ease:
        part = part * part * (3 - 2 * part)
    pinned = np.zeros((0, 2)) if pinned_xy is None else np.asarray(pinned_xy)
    start = np.concatenate([np.asarray(dragged_xy), pinned])
    dragged = np.arange(len(start)) < len(dragged_xy)
    step = np.array([vector_widths[0], vector_widths[1] * width / height])
    xy = start + part[:, None, None] * np.where(dragged[:, None], step, 0)
    tracks = Tracks(ids=np.arange(len(start)), xy=xy.astype(np.float32), visible=np.ones(xy.shape[:2], bool))
    return Drag(tracks=tracks, dragged=dragged)


def disc_points(
    centre_xy: tuple[float, float], *, height: int, width: int, radius: float = 0.1, spacing: float = 0.04
) -> Float[np.ndarray, "n 2"]:
    """A square lattice of points within a circle; normalised positions, the centre is one of them.

    Args:
        centre_xy: Normalised position of the centre.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        radius: Radius of the circle in widths.
        spacing: Distance of neighbours in widths.
    """
    reach = int(radius / spacing + 1e-9)  # 0.3 / 0.1 is a little less than 3
    steps = np.arange(-reach, reach + 1) * spacing
    lattice = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    inside = lattice[np.hypot(*lattice.T) <= radius * (1 + 1e-9)]
    return np.asarray(centre_xy + inside * (1, width / height))


def background_points(
    way_xy: Float[np.ndarray, "*points 2"], *, height: int, width: int, num_across: int = 8, clearance: float = 0.15
) -> Float[np.ndarray, "m 2"]:
    """A lattice over the picture, without the points near the way of what is dragged; normalised positions.

    Args:
        way_xy: All normalised positions that what is dragged takes.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        num_across: Points along each side.
        clearance: Room that is left around the way, in widths.
    """
    middle = (np.arange(num_across) + 0.5) / num_across
    lattice = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    away = np.linalg.norm((lattice[:, None] - way_xy.reshape(-1, 2)) * (1, height / width), axis=-1)
    return np.asarray(lattice[away.min(axis=1) > clearance])
