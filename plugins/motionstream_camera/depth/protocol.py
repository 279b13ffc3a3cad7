"""What a source of depth is."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from motionstream_camera.depth.depth_map import DepthMap


class DepthEstimator(Protocol):
    """Tells how deep a picture is."""

    @property
    def description(self) -> str:
        """What it is, for the user: one phrase."""

    def estimate(self, image: UInt8[np.ndarray, "h w 3"] | None, aspect: float) -> DepthMap:
        """Depth of a picture; without a picture, of one of this aspect (height / width), where that makes sense.

        Raises:
            InputError: It cannot be told; the message says what is wanted.
        """
