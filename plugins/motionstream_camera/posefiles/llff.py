"""LLFF's poses_bounds.npy: camera-to-world whose columns are down, right, back, with size, focal length and bounds.

A row holds a 3x5 [R | t | (height, width, focal)] and the nearest and farthest depth; the principal point is the
centre.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens

COLUMNS = 17
_BOUNDS = (1.0, 100.0)


def read(path: Path) -> CameraPath:
    """Read a file."""
    table = np.load(path, allow_pickle=False).astype(np.float64)
    if table.ndim != 2 or table.shape[1] != COLUMNS:
        raise InputError(f"{path}: wanted [n, {COLUMNS}], got {list(table.shape)}.")
    rows = table[:, :15].reshape(-1, 3, 5)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    down, right, back, position = (rows[:, :, column] for column in range(4))
    poses[:, :3] = np.stack([right, down, -back, position], axis=-1)
    lenses = tuple(Lens.of_pixels(f, f, w / 2, h / 2, width=w, height=h) for h, w, f in rows[:, :, 4].tolist())
    height, width = rows[0, :2, 4]
    return CameraPath(poses=poses, lenses=lenses, size=(round(width), round(height)), bounds=table[:, 15:])


def write(camera: CameraPath, path: Path, fps: float) -> None:
    """Write a file; a principal point off the centre cannot be told in it."""
    lenses, (width, height) = camera.sized_lenses("poses_bounds.npy")
    if any(abs(lens.cx - 0.5) + abs(lens.cy - 0.5) > 1e-3 for lens in lenses):
        raise InputError("poses_bounds.npy: wanted a principal point at the centre. Choose another format.")
    right, down, forward, position = (camera.poses[:, :3, column] for column in range(4))
    sizes = np.array([(height, width, lens.fx * width) for lens in lenses])
    rows = np.stack([down, right, -forward, position, sizes], axis=-1).reshape(-1, 15)
    bounds = np.tile(_BOUNDS, (len(camera), 1)) if camera.bounds is None else camera.bounds
    with path.open("wb") as file:
        np.save(file, np.concatenate([rows, bounds], axis=1))
