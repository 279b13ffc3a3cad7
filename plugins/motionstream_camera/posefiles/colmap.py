"""COLMAP's text model: a folder with cameras.txt and images.txt (world-to-camera quaternions, OpenCV axes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens
from motionstream_camera.pose import inverse, make_pose, quaternion, rotation_of

_ONE_FOCAL = {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "FOV"}
_TWO_FOCALS = {"PINHOLE", "OPENCV", "FULL_OPENCV", "OPENCV_FISHEYE", "THIN_PRISM_FISHEYE"}


def read(folder: Path) -> CameraPath:
    """Read a model, sorted by the pictures' names; lens distortion is left out."""
    try:
        cameras = dict(_camera(words) for words in _lines(folder / "cameras.txt"))
        images = sorted((_image(words) for words in _image_lines(folder / "images.txt")), key=lambda image: image[2])
        lenses = tuple(cameras[camera][0] for _, camera, _ in images)
    except OSError as error:
        raise InputError(f"{folder}: wanted cameras.txt and images.txt: {error.strerror}. Check the folder.") from error
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(f"{folder}: wanted COLMAP's text model, got something else ({error}).") from error
    if not images:
        raise InputError(f"{folder}: wanted pictures in images.txt, got none.")
    poses = np.stack([pose for pose, _, _ in images])
    size = cameras[images[0][1]][1]
    return CameraPath(poses=poses, lenses=lenses, size=size, names=tuple(name for _, _, name in images))


def write(camera: CameraPath, folder: Path, fps: float) -> None:
    """Write cameras.txt, images.txt and an empty points3D.txt; one camera for each lens that occurs."""
    lenses, (width, height) = camera.sized_lenses("COLMAP")
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {lens: index + 1 for index, lens in enumerate(dict.fromkeys(lenses))}
    models = [
        f"{number} PINHOLE {width} {height} "
        f"{lens.fx * width:.12g} {lens.fy * height:.12g} {lens.cx * width:.12g} {lens.cy * height:.12g}"
        for lens, number in numbers.items()
    ]
    names = camera.names or tuple(f"{index:05d}.png" for index in range(len(camera)))
    images = []
    for index, (pose, lens, name) in enumerate(zip(inverse(camera.poses), lenses, names, strict=True)):
        numbers_told = " ".join(f"{value:.12g}" for value in (*quaternion(pose[:3, :3]), *pose[:3, 3]))
        images += [f"{index + 1} {numbers_told} {numbers[lens]} {name}", ""]
    (folder / "cameras.txt").write_text("\n".join(["# id model width height fx fy cx cy", *models]) + "\n")
    (folder / "images.txt").write_text("\n".join(["# id qw qx qy qz tx ty tz camera name", *images]) + "\n")
    (folder / "points3D.txt").write_text("# no points\n")


def _lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def _image_lines(path: Path) -> list[list[str]]:
    """Every other line: the one after an image holds its points and may be empty."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [line.split() for line in lines[::2] if line.strip()]


def _camera(words: list[str]) -> tuple[str, tuple[Lens, tuple[int, int]]]:
    number, model, width, height = words[0], words[1], int(words[2]), int(words[3])
    values = [float(word) for word in words[4:]]
    if model in _ONE_FOCAL:
        values.insert(1, values[0])
    elif model not in _TWO_FOCALS:
        raise ValueError(f"unknown camera model {model}")
    fx, fy, cx, cy = values[:4]
    return number, (Lens.of_pixels(fx, fy, cx, cy, width=width, height=height), (width, height))


def _image(words: list[str]) -> tuple[np.ndarray, str, str]:
    values = np.array([float(word) for word in words[1:8]])
    return inverse(make_pose(rotation_of(values[:4]), values[4:])), words[8], " ".join(words[9:])
