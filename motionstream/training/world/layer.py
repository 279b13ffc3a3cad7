"""Layers: one plane of the scene with its picture, depth and shadow."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.plane import Plane

Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A soft shadow on everything behind: a blurred silhouette in the layer's texels, shifted by `offset` pixels."""

    alpha: NDArray[np.uint8]
    offset: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One plane of the scene.

    Attributes:
        rgba: Premultiplied colour and alpha, shape [h w 4]; 8 bits, because compositing is bound by memory.
        plane: Texture to frame, per video frame.
        depth: Distance from the camera in every frame, shape [t].
        opaque: Hides everything behind it, in every pixel.
        endless: Border texels continue outside (backdrops, ground); otherwise it is transparent there.
        shadow: What it casts on the layers behind, if anything.
        words: What a caption calls it.
        verb: How a caption says it moves.
        path: Position of its middle in world pixels, shape [t 2]; None for a backdrop.
    """

    rgba: NDArray[np.uint8]
    plane: Plane
    depth: NDArray[np.float64]
    opaque: bool = False
    endless: bool = False
    shadow: Shadow | None = None
    words: str = ""
    verb: str = "moves"
    path: NDArray[np.float64] | None = None

    @cached_property
    def alpha(self) -> NDArray[np.uint8]:
        """The silhouette, 0..255, shape [h w]."""
        return np.asarray(cv2.extractChannel(self.rgba, 3), np.uint8)

    @property
    def still(self) -> bool:
        """Whether it looks the same in every frame."""
        return self.plane.still

    def at(self, frame: int) -> "Layer":
        """The layer as it is in one frame, as a clip of one frame."""
        return replace(self, plane=self.plane.at(frame), depth=self.depth[frame : frame + 1])

    def boxes(self, height: int, width: int, shift: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.int64]:
        """Which pixels it can touch in every frame: left, top, right, bottom, shape [t 4]."""
        num_frames = len(self.plane.matrix)
        if self.endless:
            return np.tile((0, 0, width, height), (num_frames, 1))
        rows, columns = self.rgba.shape[:2]
        slack = self.plane.reach
        x = np.array([-slack, columns + slack])
        y = np.array([-slack, rows + slack])
        m = self.plane.matrix
        corner = np.stack(np.meshgrid(x, y), axis=-1).reshape(4, 2)
        pixel = m[:, :, :2] @ corner.T + m[:, :, 2:] + np.reshape(shift, (2, 1))
        low = np.floor(pixel.min(axis=2)).astype(np.int64)
        high = np.ceil(pixel.max(axis=2)).astype(np.int64)
        limit = (width, height)
        return np.concatenate([np.clip(low, 0, limit), np.clip(high, 0, limit)], axis=1)

    def warp(
        self, image: NDArray[np.uint8], frame: int, box: Box, shift: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.uint8]:
        """Resample `image` (the layer's texture or shadow) onto a box of the frame's pixels."""
        left, top, right, bottom = box
        border = cv2.BORDER_REPLICATE if self.endless else cv2.BORDER_CONSTANT
        size = (right - left, bottom - top)
        if self.plane.bends:
            map_x, map_y = self.plane.lookup(frame, left - shift[0], top - shift[1], *size)
            return np.asarray(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=border))
        inverse = self.plane.inverse[frame]
        origin = inverse[:, :2] @ (left + 0.5 - shift[0], top + 0.5 - shift[1]) + inverse[:, 2] - 0.5
        matrix = np.concatenate([inverse[:, :2], origin[:, None]], axis=1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border))

    def cover(self, pixel: NDArray[np.floating]) -> NDArray[np.float32]:
        """How much it covers at each pixel position [t 2 n]: alpha 0..1, shape [t n]."""
        texel = (self.plane.to_texture(pixel) - 0.5).astype(np.float32)
        border = cv2.BORDER_REPLICATE if self.endless else cv2.BORDER_CONSTANT
        x, y = np.ascontiguousarray(texel[:, 0]), np.ascontiguousarray(texel[:, 1])
        return np.asarray(cv2.remap(self.alpha.astype(np.float32) / 255, x, y, cv2.INTER_LINEAR, borderMode=border))


def to_bytes(rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
    """Premultiplied 8-bit RGBA, shape [h w 4], of colour [h w 3] (0..255) and alpha [h w] (0..1; opaque when None)."""
    if alpha is None:
        return np.asarray(cv2.cvtColor(np.rint(np.clip(rgb, 0, 255)).astype(np.uint8), cv2.COLOR_RGB2RGBA), np.uint8)
    wide = np.dstack([np.clip(rgb, 0, 255) * alpha[..., None], alpha * 255])
    return np.asarray(np.rint(np.clip(wide, 0, 255)), np.uint8)
