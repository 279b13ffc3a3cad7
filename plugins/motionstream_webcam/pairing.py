"""Pairing: which place of the camera picture moves which point of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from motionstream_webcam.region import Region
from motionstream_webcam.similarity import Similarity
from motionstream_webcam.thin_plate import ThinPlate

Places = Float64[np.ndarray, "n 2"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairing:
    """Points of the target and their places in the camera picture, both in widths of their picture.

    Attributes:
        target: Where the target's points rest [n, 2].
        camera: Where each has its place in the camera picture [n, 2].
        jacobian: From a short motion there to the motion here [n, 2, 2].
        over: Lays the whole camera picture over the whole target picture.
    """

    target: Places
    camera: Places
    jacobian: Float64[np.ndarray, "n 2 2"]
    over: Similarity


def pair(
    camera: Region,
    target: Region,
    *,
    camera_aspect: float,
    target_aspect: float,
    num_points: int,
    kind: Literal["similarity", "thin_plate"] = "similarity",
) -> Pairing:
    """Spread points over the target's region and find the place of each in the camera's.

    By similarity the target's box is laid into the camera's as large as it fits; by thin plate, outline on outline.
    """
    rest = target.grid(num_points)
    if kind == "similarity":
        scale = min(camera.size[0] / target.size[0], camera.size[1] / target.size[1])
        places = camera.middle + scale * (rest - target.middle)
        jacobian = np.broadcast_to(np.eye(2) / scale, (len(rest), 2, 2))
    else:
        plate = ThinPlate.fit(target.outline(), camera.outline())
        places, jacobian = plate(rest), _inverted(plate.jacobian(rest))
    seen = camera.contains(places)
    if not seen.any():
        seen[:] = True
    return Pairing(
        target=rest[seen],
        camera=places[seen],
        jacobian=jacobian[seen],
        over=_cover(camera_aspect, target_aspect),
    )


def _cover(camera_aspect: float, target_aspect: float) -> Similarity:
    """The whole camera picture, in the middle of the target picture and as small as covers it."""
    scale = max(1.0, target_aspect / camera_aspect)
    shift = np.array([0.5, target_aspect / 2]) - scale * np.array([0.5, camera_aspect / 2])
    return Similarity(turn=scale, shift=complex(*shift))


def _inverted(matrices: Float64[np.ndarray, "n 2 2"]) -> Float64[np.ndarray, "n 2 2"]:
    """Inverses; where a map folds, the plain inverse of its mean growth."""
    determinant = np.linalg.det(matrices)
    usual = float(np.median(np.abs(determinant)))
    folded = determinant < 0.05 * usual
    safe = np.where(folded[:, None, None], np.eye(2) * np.sqrt(max(usual, 1e-12)), matrices)
    return np.asarray(np.linalg.inv(safe))
