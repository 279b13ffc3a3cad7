"""Measuring: how far told depth is from measured depth once scale and shift are taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from motionstream.errors import InputError
from motionstream_camera.depth import DepthEstimator, DepthMap

_MOTORCYCLE = (994.978, 0.193001, 31.086)  # focal length in pixels, baseline in metres, shift of the disparity
_NO_READING = 65535


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredPicture:
    """A photograph and the depth that a sensor saw.

    Attributes:
        set_name: The set it is from.
        picture: RGB.
        depth: In metres, 0 where the sensor saw nothing.
    """

    set_name: str
    picture: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class DepthScore:
    """How near told depth comes, over pixels that are known.

    Attributes:
        abs_rel: Mean of |told - true| / true.
        within: Share of pixels whose depths differ by less than a factor of 1.25.
    """

    abs_rel: float
    within: float


def score(told: DepthMap, true: Float32[np.ndarray, "h w"]) -> DepthScore:
    """Compare depths; the told inverse depth is first fitted to the true one by least squares, scale and shift.

    A scale below zero is not allowed: near and far the wrong way round score as a constant.
    """
    known = true > 0
    size = (true.shape[1], true.shape[0])
    inverse = 1 / np.maximum(told.values, 1e-6)
    x = cv2.resize(inverse, size, interpolation=cv2.INTER_LINEAR)[known].astype(np.float64)
    depth = true[known].astype(np.float64)
    wanted = 1 / depth
    spread = x.var()
    slope = max(0.0, float(((x - x.mean()) * (wanted - wanted.mean())).mean() / spread)) if spread > 0 else 0.0
    fitted = 1 / np.maximum(slope * (x - x.mean()) + wanted.mean(), wanted.min())  # no farther than the farthest
    ratio = np.maximum(fitted / depth, depth / fitted)
    return DepthScore(abs_rel=float((np.abs(fitted - depth) / depth).mean()), within=float((ratio < 1.25).mean()))


def mean_scores(estimator: DepthEstimator, pictures: Iterator[MeasuredPicture]) -> dict[str, DepthScore]:
    """The mean score of each set."""
    found: dict[str, list[DepthScore]] = {}
    for measured in pictures:
        height, width = measured.depth.shape
        told = estimator.estimate(measured.picture, height / width)
        found.setdefault(measured.set_name, []).append(score(told, measured.depth))
    return {
        name: DepthScore(
            abs_rel=float(np.mean([s.abs_rel for s in scores])), within=float(np.mean([s.within for s in scores]))
        )
        for name, scores in found.items()
    }


def real_pictures(folder: Path) -> Iterator[MeasuredPicture]:
    """All pictures with registered depth of the five sets in a folder.

    Raises:
        InputError: None of the sets is there.
    """
    pairs = [
        ("redwood", sorted(folder.glob("redwood_livingroom/color/*.jpg")), "../depth/{}.png", 0.001),
        ("red kitchen", sorted(folder.glob("sevenscenes_redkitchen/*.color.jpg")), "depth_registered/{}.png", 0.001),
        ("study room", sorted(folder.glob("sun3d_studyroom/*.color.png")), "{}.depth.png", 0.001),
        ("TUM", sorted(folder.glob("tum_single/color.png")), "depth.png", 1 / 5000),
    ]
    motorcycle = folder / "stereo_motorcycle"
    if not motorcycle.is_dir() and not any(files for _, files, _, _ in pairs):
        raise InputError(f"{folder}: wanted folders of RGB-D sets (redwood_livingroom and others), found none.")
    for name, files, where, unit in pairs:
        for file in files:
            depth = file.parent / where.format(file.name.split(".")[0])
            if depth.is_file():
                yield MeasuredPicture(set_name=name, picture=_picture(file), depth=_sensor_depth(depth, unit))
    if motorcycle.is_dir():
        yield _motorcycle(motorcycle)


def _picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None:
        raise InputError(f"{path}: could not be read as a picture. Check the file.")
    return np.ascontiguousarray(read[..., ::-1], np.uint8)


def _sensor_depth(path: Path, unit: float) -> Float32[np.ndarray, "h w"]:
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise InputError(f"{path}: could not be read as a depth picture. Check the file.")
    return np.asarray(np.where(raw == _NO_READING, 0, raw), np.float32) * np.float32(unit)


def _motorcycle(folder: Path) -> MeasuredPicture:
    focal, baseline, shift = _MOTORCYCLE
    with np.load(folder / "motorcycle_disp.npz") as file:
        disparity = file["arr_0"]
    depth = np.where(np.isfinite(disparity), focal * baseline / (disparity + shift), 0).astype(np.float32)
    return MeasuredPicture(set_name="motorcycle", picture=_picture(folder / "motorcycle_left.png"), depth=depth)
