"""Which format a file is in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from motionstream.errors import InputError, OutputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.posefiles import arrays, colmap, llff, nerfstudio, realestate

_Writer = Callable[[CameraPath, Path, float], None]

FORMATS: dict[str, _Writer] = {
    "realestate10k": realestate.write,
    "nerfstudio": nerfstudio.write,
    "llff": llff.write,
    "poses": arrays.write,
    "colmap": colmap.write,
}
"""Writers by name."""


def read_camera_path(path: str | Path) -> CameraPath:
    """Read a camera path of any format, told by its content.

    Raises:
        InputError: There is no such file, or it is none of the formats.
    """
    file = Path(path)
    if not file.exists():
        raise InputError(f"Camera path {file}: there is no such file. Check the path.")
    try:
        return _read(file)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise InputError(f"Camera path {file}: could not be read: {error}. Check the file.") from error
    except ValueError as error:  # numpy's word for an array it does not load
        raise InputError(f"Camera path {file}: wanted plain numbers: {error}. Check the file.") from error


def write_camera_path(camera: CameraPath, path: str | Path, format_name: str | None = None, *, fps: float = 16) -> None:
    """Write a camera path.

    Args:
        camera: What to write.
        path: A file, or for COLMAP a folder.
        format_name: One of `FORMATS`; by default told by the name of the file.
        fps: Video frames per second, where the format has times.

    Raises:
        OutputError: The file cannot be written.
        InputError: The format cannot hold the path, or is not known.
    """
    file = Path(path)
    name = format_name or _format_of(file)
    if name not in FORMATS:
        raise InputError(f"Camera path: wanted a format among {', '.join(FORMATS)}, got {name!r}.")
    try:
        FORMATS[name](camera, file, fps)
    except OSError as error:
        raise OutputError(
            f"Camera path could not be written to {file}: {error.strerror}. Choose another path."
        ) from error


def _read(file: Path) -> CameraPath:
    if file.is_dir():
        return colmap.read(file)
    if file.name in ("images.txt", "cameras.txt"):
        return colmap.read(file.parent)
    if file.suffix == ".json":
        return nerfstudio.read(file)
    if file.suffix == ".npy":
        table = np.load(file, mmap_mode="r", allow_pickle=False)
        return llff.read(file) if table.ndim == 2 else arrays.read(file)
    if file.suffix == ".txt":
        return realestate.read(file)
    raise InputError(
        f"Camera path {file}: wanted RealEstate10K's .txt, nerfstudio's .json, LLFF's or poses' .npy, or a folder of "
        f"COLMAP's text, got {file.suffix or 'no suffix'!r}."
    )


def _format_of(file: Path) -> str:
    if file.suffix == ".npy":
        return "llff" if file.name == "poses_bounds.npy" else "poses"
    return {".txt": "realestate10k", ".json": "nerfstudio", "": "colmap"}.get(file.suffix, file.suffix)
