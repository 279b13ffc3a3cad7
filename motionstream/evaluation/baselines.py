"""Baselines: what a model must be better than. Both keep to `Generate` and learn nothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from motionstream.evaluation.moving_least_squares import bend
from motionstream.tracks import Tracks

_NODES = 33  # along the shorter side
_FEWEST_SOURCE_PX = 1 / 3  # of the picture per pixel made, along the most stretched direction
_INPAINT_RADIUS_PX = 3.0


def still(image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int) -> UInt8[np.ndarray, "t h w 3"]:
    """The first frame repeated."""
    return np.repeat(image[None], tracks.num_frames, axis=0)


def warp(image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int) -> UInt8[np.ndarray, "t h w 3"]:
    """The first frame bent along the tracks, by moving least squares.

    A frame is bent by the points visible in it and in frame 0. Pixels whose place in frame 0 lies outside of it, where
    the bending folds, or where it stretches the picture more than threefold (something moved away and uncovered what
    frame 0 does not show), are filled from around them (Telea 2004).
    """
    size = np.array([image.shape[1], image.shape[0]])
    frames = [image]
    for index in range(1, tracks.num_frames):
        seen = tracks.visible[0] & tracks.visible[index]
        start, now = tracks.xy[0, seen] * size, tracks.xy[index, seen] * size
        frames.append(_bent(image, start, now) if seen.any() else image)
    return np.stack(frames)


def _bent(
    image: UInt8[np.ndarray, "h w 3"], start: Float[np.ndarray, "n 2"], now: Float[np.ndarray, "n 2"]
) -> UInt8[np.ndarray, "h w 3"]:
    import cv2

    source = _source(image.shape[0], image.shape[1], start, now)
    x, y = source[..., 0] - 0.5, source[..., 1] - 0.5  # cv2 counts from pixel centres
    moved = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    holes = _holes(source)
    if not holes.any() or holes.all():
        return np.asarray(moved)
    return np.asarray(cv2.inpaint(moved, holes.astype(np.uint8), _INPAINT_RADIUS_PX, cv2.INPAINT_TELEA))


def _source(
    height: int, width: int, start: Float[np.ndarray, "n 2"], now: Float[np.ndarray, "n 2"]
) -> Float32[np.ndarray, "h w 2"]:
    """Where in frame 0 each pixel comes from: bent at the nodes of a coarse grid, linear between them."""
    import torch
    from torch.nn.functional import interpolate

    spacing = (min(height, width) - 1) / (_NODES - 1)
    columns, rows = (max(2, 1 + round((side - 1) / spacing)) for side in (width, height))
    x, y = np.meshgrid(np.linspace(0.5, width - 0.5, columns), np.linspace(0.5, height - 0.5, rows))
    nodes = np.stack([x.ravel(), y.ravel()], axis=-1)
    way = torch.from_numpy((bend(nodes, now, start) - nodes).reshape(1, rows, columns, 2)).permute(0, 3, 1, 2)
    dense = interpolate(way, (height, width), mode="bilinear", align_corners=True)[0].permute(1, 2, 0).numpy()
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.asarray(dense + np.stack([x, y], axis=-1), np.float32)


def _holes(source: Float32[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that frame 0 shows nothing for."""
    height, width = source.shape[:2]
    outside = ((source < 0) | (source >= (width, height))).any(axis=-1)
    down, right = np.gradient(source, axis=(0, 1))
    turned = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]  # the determinant; below 0 it is folded
    total = np.square(right).sum(axis=-1) + np.square(down).sum(axis=-1)
    smallest = (np.sqrt(np.maximum(total + 2 * turned, 0)) - np.sqrt(np.maximum(total - 2 * turned, 0))) / 2
    return np.asarray(outside | (smallest < _FEWEST_SOURCE_PX))
