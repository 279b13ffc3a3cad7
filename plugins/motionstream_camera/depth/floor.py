"""FloorDepth: a guess without a network: a floor up to a horizon, and a backdrop behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from motionstream_camera.depth.depth_map import DepthMap

_ACROSS = 64  # values across: the floor is the same all over a row
_DOWN = 256


@dataclass(frozen=True, kw_only=True)
class FloorDepth:
    """The lower edge of the picture is near, the horizon and all above it far.

    Attributes:
        near: Depth at the lower edge.
        far: Depth of the backdrop, where the floor ends.
        horizon: Its height, 0 at the top, 1 at the bottom.
    """

    near: float
    far: float
    horizon: float

    @property
    def description(self) -> str:
        """What it is, for the user."""
        return f"a floor and a backdrop, guessed without a network ({self.near:g} near, {self.far:g} far)"

    def estimate(self, image: UInt8[np.ndarray, "h w 3"] | None, aspect: float) -> DepthMap:
        """The same for every picture."""
        down = (np.arange(_DOWN) + 0.5) / _DOWN
        below = np.maximum(down - self.horizon, 0) / (1 - self.horizon)  # 1 at the lower edge
        depth = self.near / np.maximum(below, self.near / self.far)  # on a floor the inverse depth is linear in y
        return DepthMap(values=np.repeat(depth[:, None], _ACROSS, axis=1).astype(np.float32), metric=False)
