"""DepthMap: how far away each place of a picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float32, Float64

from motionstream.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthMap:
    """Depth along the optical axis (z, not along the ray).

    Attributes:
        values: float32 [h, w], 0 where it is not known.
        metric: In metres; otherwise in a unit of its own.
    """

    values: Float32[np.ndarray, "h w"]
    metric: bool

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32)
        if values.ndim != 2 or min(values.shape) < 2:
            raise InputError(f"Depth: wanted values [h, w] of at least 2 x 2, got {list(values.shape)}.")
        values[~(np.isfinite(values) & (values > 0))] = 0
        if not values.any():
            raise InputError(
                "Depth: wanted depths above zero, got none. Check the file's unit, or take another source."
            )
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @classmethod
    def of_inverse(cls, inverse: Float32[np.ndarray, "h w"], near: float, far: float) -> Self:
        """Depth of relative inverse depth (large is near): its largest value lies at `near`, its smallest at `far`."""
        finite = np.isfinite(inverse)
        if not finite.any():
            raise InputError("Depth: wanted finite inverse depths, got none. Take another depth model.")
        low, high = float(inverse[finite].min()), float(inverse[finite].max())
        part = (inverse - low) / (high - low) if high > low else np.zeros_like(inverse)
        depth = 1 / (part / near + (1 - part) / far)
        return cls(values=np.where(finite, depth, 0).astype(np.float32), metric=False)

    @property
    def width(self) -> int:
        """Values across."""
        return int(self.values.shape[1])

    @property
    def height(self) -> int:
        """Values down."""
        return int(self.values.shape[0])

    def cropped(self, aspect: float) -> Self:
        """What is left when the picture is cut at its centre to another aspect (height / width)."""
        h, w = self.values.shape
        if abs(h / w / aspect - 1) < 0.01:  # sizes are whole numbers
            return self
        new_h, new_w = (h, max(2, round(h / aspect))) if aspect > h / w else (max(2, round(w * aspect)), w)
        top, left = (h - new_h) // 2, (w - new_w) // 2
        return type(self)(values=self.values[top : top + new_h, left : left + new_w], metric=self.metric)

    def at(self, xy: Float64[np.ndarray, "n 2"], cut_ratio: float) -> Float64[np.ndarray, " n"]:
        """Depth at places of the picture; 0 where it is not known.

        Between four neighbours that belong together the inverse is mixed, which is exact on planes; at the rim of
        a thing the nearest one counts.
        """
        where = xy * (self.width, self.height) - 0.5
        corner = np.clip(np.floor(where).astype(np.int64), 0, (self.width - 2, self.height - 2))
        part = np.clip(where - corner, 0, 1)
        x, y = corner.T
        around = np.stack([self.values[y + j, x + i] for j in (0, 1) for i in (0, 1)]).astype(np.float64)
        px, py = part.T
        weights = np.stack([(1 - px) * (1 - py), px * (1 - py), (1 - px) * py, px * py])
        together = _together(around, cut_ratio)
        mixed = 1 / (weights / np.where(together, around, 1)).sum(axis=0)
        nearest = np.take_along_axis(around, weights.argmax(axis=0)[None], axis=0)[0]
        return np.asarray(np.where(together, mixed, nearest))


def _together(around: Float64[np.ndarray, "4 n"], cut_ratio: float) -> Bool[np.ndarray, " n"]:
    low, high = around.min(axis=0), around.max(axis=0)
    return np.asarray((low > 0) & (high <= (1 + cut_ratio) * low))
