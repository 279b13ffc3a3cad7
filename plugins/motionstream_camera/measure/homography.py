"""The best homography of each frame: what a flat scene, or a camera that only turns, could explain."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from motionstream_camera.measure.prediction import RealTracks

_LEAST_POINTS = 8
_INLIER_PX = 2.0


def best_homographies(real: RealTracks) -> Float64[np.ndarray, "t n 2"]:
    """Places by eight numbers for each frame, fitted to the very tracks that they are held against."""
    import cv2

    places = np.repeat(real.start[None], len(real.xy), axis=0)
    start_px = real.start * real.size
    for frame in range(1, len(places)):
        found = real.valid[frame]
        if found.sum() < _LEAST_POINTS:
            continue
        matrix, _ = cv2.findHomography(start_px[found], (real.xy[frame] * real.size)[found], cv2.RANSAC, _INLIER_PX)
        if matrix is not None:
            places[frame] = cv2.perspectiveTransform(start_px[:, None], matrix)[:, 0] / real.size
    return places
