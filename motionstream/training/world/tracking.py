"""Tracking: exact positions and visibility of points, from the transforms the renderer used."""

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.layer import Layer


def grid_points(rng: np.random.Generator, grid: int, height: int, width: int) -> NDArray[np.float64]:
    """One point at a random place in each of grid x grid cells of the frame, row by row, in pixels, shape [2 n]."""
    cell = np.stack(np.meshgrid(np.arange(grid), np.arange(grid))).reshape(2, -1)
    return np.asarray((cell + rng.uniform(0.02, 0.98, cell.shape)) * ((width / grid,), (height / grid,)))


def topmost(layers: tuple[Layer, ...], pixel: NDArray[np.float64], frame: int = 0) -> NDArray[np.int64]:
    """Index of the nearest layer covering at least half at each pixel position [2 n] of one frame, shape [n]."""
    found = np.zeros(pixel.shape[1], np.int64)
    for number, layer in enumerate(layers[1:], start=1):
        found[layer.at(frame).cover(pixel[None])[0] >= 0.5] = number
    return found


def track_points(
    layers: tuple[Layer, ...],
    pixel: NDArray[np.float64],
    owner: NDArray[np.int64],
    height: int,
    width: int,
    frame: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Follow points of one frame, each on the layer `owner` names, through the clip.

    Returns:
        Positions in pixels, shape [t 2 n], and where each is inside the frame and less than half covered, shape [t n].
    """
    num_frames = len(layers[0].plane.matrix)
    position = np.empty((num_frames, 2, pixel.shape[1]))
    through = np.ones((num_frames, pixel.shape[1]), np.float32)
    for number, layer in enumerate(layers):
        mine = np.flatnonzero(owner == number)
        if len(mine):
            texel = layer.at(frame).plane.to_texture(pixel[None, :, mine])[0]
            position[:, :, mine] = layer.plane.to_frame(texel)
    rounded = position.astype(np.float32)
    for number, layer in enumerate(layers[1:], start=1):
        behind = np.flatnonzero(owner < number)
        if len(behind):
            through[:, behind] *= 1 - layer.cover(rounded[:, :, behind])
    inside = ((position >= 0) & (position < ((width,), (height,)))).all(axis=1)
    return position, inside & (through > 0.5)
