"""nerfstudio's and instant-ngp's transforms.json: camera-to-world in OpenGL axes (x right, y up, z back)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.lens import Lens

_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def read(path: Path) -> CameraPath:
    """Read a file; lens distortion is left out, frames are sorted by name."""
    try:
        content = json.loads(path.read_text())
        frames = sorted(content["frames"], key=lambda frame: str(frame.get("file_path", "")))
        poses = np.array([frame["transform_matrix"] for frame in frames], dtype=np.float64) @ _OPENGL
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: wanted a transforms.json with frames that have transform_matrix, got something else ({error})."
        ) from error
    lenses = tuple(_lens(path, {**content, **frame}) for frame in frames)
    size = (int(content["w"]), int(content["h"])) if {"w", "h"} <= content.keys() else None
    names = tuple(str(frame.get("file_path", "")) for frame in frames)
    return CameraPath(poses=poses, lenses=lenses, size=size, names=names)


def write(camera: CameraPath, path: Path, fps: float) -> None:
    """Write a file; each frame has its own intrinsics, as a zoom changes them."""
    lenses, (width, height) = camera.sized_lenses("transforms.json")
    names = camera.names or tuple(f"images/{index:05d}.png" for index in range(len(camera)))
    frames = [
        {"file_path": name, "transform_matrix": (pose @ _OPENGL).tolist(), **_pixels(lens, width, height)}
        for name, pose, lens in zip(names, camera.poses, lenses, strict=True)
    ]
    head = {"camera_model": "OPENCV", "w": width, "h": height, "fps": fps, **_pixels(lenses[0], width, height)}
    path.write_text(json.dumps({**head, "frames": frames}, indent=1))


def _lens(path: Path, said: dict[str, Any]) -> Lens:
    try:
        width, height = float(said["w"]), float(said["h"])
        known = "fl_x" in said
        fx = float(said["fl_x"]) if known else 0.5 * width / np.tan(0.5 * float(said["camera_angle_x"]))
        fy = float(said.get("fl_y", fx))
        cx, cy = float(said.get("cx", width / 2)), float(said.get("cy", height / 2))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: wanted w, h and fl_x or camera_angle_x, got none or no numbers ({error})."
        ) from error
    return Lens.of_pixels(fx, fy, cx, cy, width=width, height=height)


def _pixels(lens: Lens, width: int, height: int) -> dict[str, float]:
    return {"fl_x": lens.fx * width, "fl_y": lens.fy * height, "cx": lens.cx * width, "cy": lens.cy * height}
