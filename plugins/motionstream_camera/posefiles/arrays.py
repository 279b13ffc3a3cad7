"""poses.npy (camera-to-world [t, 4, 4], OpenCV axes) with intrinsics.npy (fx, fy, cx, cy in pixels) beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import DEFAULT_SIZE, CameraPath
from motionstream_camera.lens import Lens

_INTRINSICS = "intrinsics.npy"


def read(path: Path, size: tuple[int, int] = DEFAULT_SIZE) -> CameraPath:
    """Read a file and the intrinsics beside it, if there are any.

    Args:
        path: Of the poses.
        size: Width and height in pixels to which the intrinsics refer, which the files do not tell.
    """
    poses = np.load(path, allow_pickle=False)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4):
        raise InputError(f"{path}: wanted poses [t, 4, 4] or LLFF's [t, 17], got {list(poses.shape)}.")
    beside = path.with_name(_INTRINSICS)
    lenses = _lenses(beside, len(poses), size) if beside.is_file() else None
    return CameraPath(poses=poses.astype(np.float64), lenses=lenses, size=size if lenses else None)


def write(camera: CameraPath, path: Path, fps: float) -> None:
    """Write both files."""
    with path.open("wb") as file:
        np.save(file, camera.poses)
    if camera.lenses is None:
        return
    lenses, (width, height) = camera.sized_lenses(_INTRINSICS)
    rows = [(lens.fx * width, lens.fy * height, lens.cx * width, lens.cy * height) for lens in lenses]
    with path.with_name(_INTRINSICS).open("wb") as file:
        np.save(file, np.array(rows))


def _lenses(path: Path, num_poses: int, size: tuple[int, int]) -> tuple[Lens, ...]:
    rows = np.load(path, allow_pickle=False)
    if rows.shape == (4,):
        rows = np.tile(rows, (num_poses, 1))
    if rows.shape != (num_poses, 4):
        raise InputError(f"{path}: wanted fx, fy, cx, cy for {num_poses} poses, got {list(rows.shape)}.")
    return tuple(Lens.of_pixels(*row, width=size[0], height=size[1]) for row in rows.tolist())
