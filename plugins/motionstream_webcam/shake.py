"""Shake: the camera's own motion, read from what lies around the part that moves the target."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from motionstream_webcam.region import Region
from motionstream_webcam.similarity import Similarity, consensus

Places = Float64[np.ndarray, "n 2"]

NUM_POINTS = 100
_MARGIN = 0.02
_TOLERANCE = 0.004
_FEWEST = 8
_SHARE = 0.5


def background(region: Region, aspect: float) -> Places:
    """Places around a region, evenly spread over the rest of the picture; none where it fills the picture."""
    places = Region.whole(aspect).grid(NUM_POINTS)
    left, top, right, bottom = region.box
    low, high = np.array((left, top)) - _MARGIN, np.array((right, bottom)) + _MARGIN
    outside = ~((places > low) & (places < high)).all(axis=-1)
    return places[outside] if outside.sum() >= _FEWEST else places[:0]


def camera_motion(reference: Places, now: Places, visible: Bool[np.ndarray, " n"]) -> Similarity | None:
    """How the background moved since the reference; None where too little of it is seen, or moves alike."""
    if visible.sum() < _FEWEST:
        return None
    found = consensus(reference[visible], now[visible], _TOLERANCE)
    return found.motion if found.agree.sum() >= max(_FEWEST, _SHARE * visible.sum()) else None
