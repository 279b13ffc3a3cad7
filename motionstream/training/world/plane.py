"""Planes: how texture coordinates of a layer become pixels of the frame, exactly and both ways.

A plane is first deformed, then an affine map takes it to the frame. Coordinates are continuous: texel or pixel i covers
[i, i + 1).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.deform import Deformation


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Texture to frame for every video frame: `matrix` of shape [t 2 3] after the deformations `bends` in order."""

    matrix: NDArray[np.float64]
    bends: tuple[Deformation, ...] = ()

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """Frame to (deformed) texture, shape [t 2 3]."""
        linear = np.linalg.inv(self.matrix[:, :, :2])
        return np.concatenate([linear, -linear @ self.matrix[:, :, 2:]], axis=-1)

    @cached_property
    def still(self) -> bool:
        """Whether it is the same in every frame."""
        return bool((self.matrix == self.matrix[:1]).all()) and all(bend.still for bend in self.bends)

    @property
    def reach(self) -> float:
        """How far deformations can move a point, in texels."""
        return sum(bend.reach for bend in self.bends)

    def at(self, frame: int) -> "Plane":
        """The plane of one frame, as a clip of one frame."""
        return Plane(matrix=self.matrix[frame : frame + 1], bends=tuple(bend.at(frame) for bend in self.bends))

    def to_frame(self, texel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Follow texture points [2 n] through all frames: pixels [t 2 n]."""
        if not self.bends:
            return self.matrix[:, :, :2] @ texel + self.matrix[:, :, 2:]
        x, y = (np.repeat(row[None], len(self.matrix), 0) for row in texel)
        for bend in self.bends:
            x, y = bend.apply(x, y)
        return np.asarray(self.matrix[:, :, :2] @ np.stack([x, y], axis=1) + self.matrix[:, :, 2:])

    def to_texture(self, pixel: NDArray[np.floating]) -> NDArray[np.floating]:
        """Which texture point each pixel position [t 2 n] shows: texels [t 2 n], in the precision of `pixel`."""
        inverse = self.inverse.astype(pixel.dtype)
        flat = np.asarray(inverse[:, :, :2] @ pixel + inverse[:, :, 2:])
        if not self.bends:
            return flat
        x, y = flat[:, 0], flat[:, 1]
        for bend in reversed(self.bends):
            x, y = bend.undo(x, y)
        return np.stack([x, y], axis=1)

    def lookup(
        self, frame: int, left: float, top: float, width: int, height: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Texture coordinates of the centres of a box of pixels, as maps [height width] for `cv2.remap`.

        They are in OpenCV's convention (texel centres are integers) and float32, which is exact to 1/1000 texel.
        """
        (a, b, c), (d, e, f) = self.inverse[frame]
        column = np.arange(width) + (left + 0.5)
        row = np.arange(height)[:, None] + (top + 0.5)
        x = (a * column + c).astype(np.float32) + (b * row).astype(np.float32)
        y = (d * column + f).astype(np.float32) + (e * row).astype(np.float32)
        x, y = x[None], y[None]
        for bend in reversed(self.bends):
            x, y = bend.at(frame).undo(x, y)
        half = np.float32(0.5)
        return x[0] - half, y[0] - half


def compose(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine maps of shape [t 2 3]: first `inner`, then `outer`."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    offset = outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]
    return np.concatenate([linear, offset], axis=-1)
