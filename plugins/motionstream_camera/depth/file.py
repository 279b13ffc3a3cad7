"""FileDepth: depth that somebody measured or computed, from a picture file or an array."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from motionstream.errors import InputError
from motionstream_camera.depth.depth_map import DepthMap

SUFFIXES = (".png", ".tif", ".tiff", ".exr", ".npy", ".npz")
MILLIMETRE = 0.001
_NO_READING = 65535  # what sensors write into 16 bits where they saw nothing


@dataclass(frozen=True, kw_only=True)
class FileDepth:
    """Depth from a file.

    Attributes:
        path: A 16-bit PNG, a TIFF or EXR, an .npy [h, w] or an .npz with one array [h, w].
        unit: What one step of the file is, in metres; 0 takes millimetres for whole numbers and metres for others.
        inverse: The values are relative inverse depths (larger is nearer).
        near: Depth of the largest inverse depth.
        far: Depth of the smallest one.
    """

    path: Path
    unit: float = 0.0
    inverse: bool = False
    near: float = 1.0
    far: float = 10.0

    @property
    def description(self) -> str:
        """What it is, for the user."""
        return f"the file {self.path}"

    def estimate(self, image: UInt8[np.ndarray, "h w 3"] | None, aspect: float) -> DepthMap:
        """The file's depth, cut at its centre to the picture's aspect as the picture was."""
        raw = self._read()
        if raw.ndim != 2:
            raise InputError(f"Depth file {self.path}: wanted one value a pixel [h, w], got {list(raw.shape)}.")
        values = raw.astype(np.float32)
        if raw.dtype == np.uint16:
            values[raw == _NO_READING] = 0
        if self.inverse:
            return DepthMap.of_inverse(_unknown_is_nan(values), self.near, self.far).cropped(aspect)
        unit = self.unit or (MILLIMETRE if raw.dtype.kind in "ui" else 1.0)
        return DepthMap(values=values * np.float32(unit), metric=True).cropped(aspect)

    def _read(self) -> np.ndarray:
        suffix = self.path.suffix.lower()
        if not self.path.is_file():
            raise InputError(f"Depth file {self.path}: there is no such file. Check the path.")
        if suffix in (".npy", ".npz"):
            return _read_array(self.path)
        if suffix in (".png", ".tif", ".tiff", ".exr"):
            return _read_picture(self.path)
        raise InputError(f"Depth file {self.path}: wanted {', '.join(SUFFIXES)}, got {suffix!r}. Convert the file.")


def _unknown_is_nan(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    return np.asarray(np.where(values > 0, values, np.float32(np.nan)))


def _read_array(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content
            arrays = [content[name] for name in content.files]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"Depth file {path}: wanted a plain array, could not read it: {error}.") from error
    if len(arrays) != 1:
        raise InputError(f"Depth file {path}: wanted one array, got {len(arrays)}. Save the depth alone.")
    return np.asarray(arrays[0])


def _read_picture(path: Path) -> np.ndarray:
    import os

    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # read when OpenCV first decodes an EXR
    import cv2

    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        hint = "This OpenCV reads no EXR: convert to .npy." if path.suffix.lower() == ".exr" else "Check the file."
        raise InputError(f"Depth file {path}: could not be read as a picture. {hint}")
    if picture.dtype == np.uint8:
        raise InputError(
            f"Depth file {path}: wanted 16-bit or floating-point values, got 8 bits: a picture of depth is no "
            "depth. Save 16-bit millimetres."
        )
    whole: np.ndarray = np.asarray(picture)
    return whole[..., 0] if whole.ndim == 3 and (whole == whole[..., :1]).all() else whole
