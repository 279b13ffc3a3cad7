"""RealEstate10K and CameraCtrl text: world-to-camera rows with normalised intrinsics.

A line is ``time fx fy cx cy 0 0`` and the 3x4 of world-to-camera, row by row, OpenCV axes; the focal lengths and the
principal point are fractions of width and height. The first line may be the address of the video.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens
from motionstream_camera.pose import inverse

_COLUMNS = 19


def read(path: Path) -> CameraPath:
    """Read a file; the times are left out, as the lines stand for video frames."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines()):
        words = line.split()
        if words and not (number == 0 and len(words) != _COLUMNS):
            rows.append(_row(path, number, words))
    if not rows:
        raise InputError(f"{path}: wanted lines of {_COLUMNS} numbers, got none. Check the file.")
    table = np.array(rows)
    seen_from = np.tile(np.eye(4), (len(table), 1, 1))
    seen_from[:, :3] = table[:, 7:].reshape(-1, 3, 4)
    lenses = tuple(Lens(fx=fx, fy=fy, cx=cx, cy=cy) for fx, fy, cx, cy in table[:, 1:5].tolist())
    return CameraPath(poses=inverse(seen_from), lenses=lenses)


def write(camera: CameraPath, path: Path, fps: float) -> None:
    """Write a file with times in microseconds, as RealEstate10K has them."""
    lenses, _ = camera.sized_lenses("RealEstate10K")
    lines = [""]
    for index, (pose, lens) in enumerate(zip(inverse(camera.poses), lenses, strict=True)):
        numbers = [lens.fx, lens.fy, lens.cx, lens.cy, 0.0, 0.0, *pose[:3].ravel()]
        lines.append(" ".join([str(round(index / fps * 1e6)), *(f"{number:.9f}" for number in numbers)]))
    path.write_text("\n".join(lines) + "\n")


def _row(path: Path, number: int, words: list[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != _COLUMNS:
        raise InputError(f"{path}, line {number + 1}: wanted {_COLUMNS} numbers, got {' '.join(words)[:60]!r}.")
    return values
