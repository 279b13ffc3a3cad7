"""Re-anchoring: the depth of a later picture becomes the scene, in the scale of the scene before."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from motionstream.errors import InputError
from motionstream_camera.depth import DepthEstimator, DepthMap
from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.surface import Surface

_ACROSS = 40  # places across and down at which old and new depth are compared
_LEAST_OVERLAP = 0.1  # part of the picture that has to show the old scene


@dataclass(frozen=True, kw_only=True, eq=False)
class NewAnchor:
    """A scene to go on with.

    Attributes:
        surface: Of the later picture, in the world of the photograph.
        pose: From which the later picture is seen.
        lens: With which it is seen.
    """

    surface: Surface
    pose: Pose
    lens: Lens


def picture_of(image: str) -> UInt8[np.ndarray, "h w 3"]:
    """The picture of a base64 text, with or without "data:...," before it.

    Raises:
        InputError: It is not base64, or not a picture.
    """
    import cv2

    try:
        raw = base64.b64decode(image.partition(",")[2] or image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("Camera event: image: wanted a picture as base64, got something else.") from error
    found = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR) if raw else None
    if found is None:
        raise InputError("Camera event: image: wanted a PNG, JPEG or WebP, got something else.")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB))


def anchored(
    image: UInt8[np.ndarray, "h w 3"],
    estimator: DepthEstimator,
    before: Surface,
    camera: tuple[Pose, Lens],
    *,
    cut_ratio: float,
) -> NewAnchor:
    """The scene of a later picture; takes as long as its depth does.

    Args:
        image: The picture.
        estimator: What tells its depth.
        before: The scene until now, which gives the scale.
        camera: Pose and lens with which the picture is seen.
        cut_ratio: As for the first scene.

    Raises:
        InputError: Too little of the scene before is in view to take its scale.
    """
    pose, lens = camera
    depth = estimator.estimate(image, image.shape[0] / image.shape[1])
    places = _places()
    old, new = before.depths_from(pose, lens, places).astype(np.float64), depth.at(places, cut_ratio)
    both = np.isfinite(old) & (new > 0)
    if both.mean() < _LEAST_OVERLAP:
        raise InputError(
            f"Camera event: anchor: wanted a view of the scene so far, it fills {both.mean():.0%} of the picture. "
            "Fly back a little first."
        )
    return NewAnchor(
        surface=Surface(_scaled(depth, old, new, both), lens, pose, cut_ratio=cut_ratio), pose=pose, lens=lens
    )


def _places() -> Float64[np.ndarray, "n 2"]:
    middle = (np.arange(_ACROSS) + 0.5) / _ACROSS
    return np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)


def _scaled(
    depth: DepthMap, old: Float64[np.ndarray, " n"], new: Float64[np.ndarray, " n"], both: Bool[np.ndarray, " n"]
) -> DepthMap:
    """The new depth in the old unit: by a factor, or for relative depth by a line through the inverses."""
    if depth.metric:
        return DepthMap(values=depth.values * np.float32(np.median(old[both] / new[both])), metric=True)
    slope, shift = _robust_line(1 / new[both], 1 / old[both])
    if slope <= 0:  # the two say the opposite of one another: only the size can be kept
        return DepthMap(values=depth.values * np.float32(np.median(old[both] / new[both])), metric=False)
    nearest, farthest = old[both].min() / 4, old[both].max() * 4
    inverse = np.where(depth.values > 0, slope / np.maximum(depth.values, 1e-9) + shift, np.nan)
    return DepthMap(values=1 / np.clip(inverse, 1 / farthest, 1 / nearest), metric=False)


def _robust_line(x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """Slope and shift by least squares that forgets outliers step by step."""
    weight = np.ones_like(x)
    slope, shift = 1.0, 0.0
    for _ in range(10):
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = np.average((x - mean_x) ** 2, weights=weight)
        if spread < 1e-12:
            return float(mean_y / mean_x), 0.0
        slope = float(np.average((x - mean_x) * (y - mean_y), weights=weight) / spread)
        shift = float(mean_y - slope * mean_x)
        miss = np.abs(slope * x + shift - y)
        weight = 1 / np.maximum(miss, np.median(miss) + 1e-9)
    return slope, shift
