"""SpeedLimit: no point of the target moves faster than the model can follow."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


class SpeedLimit:
    """Points that go after their places, each frame no farther than a step.

    In the first frame they are where they start: what a picture shows there is what moves from then on.

    Args:
        start: Where they are [n, 2].
        longest_step: In a video frame.
    """

    def __init__(self, start: Float64[np.ndarray, "n 2"], longest_step: float) -> None:
        self._places, self._longest_step, self._fresh = start, longest_step, True

    def __call__(self, wanted: Float64[np.ndarray, "t n 2"]) -> Float64[np.ndarray, "t n 2"]:
        """The places of the next video frames."""
        reached = []
        for places in wanted:
            way = np.zeros_like(places) if self._fresh else places - self._places
            self._fresh = False
            length = np.linalg.norm(way, axis=-1, keepdims=True)
            self._places = self._places + way * np.minimum(1, self._longest_step / np.maximum(length, 1e-12))
            reached.append(self._places)
        return np.stack(reached)
