"""Rendering: layers painted from far to near into frames, and the maps of which layer each pixel shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.layer import Layer

Picture = NDArray[np.uint8]


def render_frames(layers: tuple[Layer, ...], num_frames: int, height: int, width: int) -> Picture:
    """Paint all frames; `layers` are ordered from far to near, the first is opaque.

    Returns:
        RGB video, shape [t h w 3].
    """
    frames = np.empty((num_frames, height, width, 4), np.uint8)
    still = _num_still(layers)
    for layer in layers[:still]:
        _paint(frames[:1], layer)
    frames[1:] = frames[0]
    for layer in layers[still:]:
        _paint(frames, layer)
    flat = cv2.cvtColor(frames.reshape(num_frames * height, width, 4), cv2.COLOR_RGBA2RGB)
    return np.asarray(flat, np.uint8).reshape(num_frames, height, width, 3)


def _num_still(layers: tuple[Layer, ...]) -> int:
    """How many of the farthest layers never change and so need painting only once."""
    for count, layer in enumerate(layers):
        if not layer.plane.still:
            return count
    return len(layers)


def _paint(frames: Picture, layer: Layer) -> None:
    """Paint one layer, after the shadow it casts, over what is in `frames` [t h w 4]."""
    height, width = frames.shape[1:3]
    if layer.shadow is not None:
        boxes = layer.boxes(height, width, layer.shadow.offset)
        for index, frame in enumerate(frames):
            left, top, right, bottom = box = tuple(boxes[index].tolist())
            if left < right and top < bottom:
                dark = layer.warp(layer.shadow.alpha, index, box, layer.shadow.offset)
                _dim(frame[top:bottom, left:right], dark)
    boxes = layer.boxes(height, width)
    for index, frame in enumerate(frames):
        left, top, right, bottom = box = tuple(boxes[index].tolist())
        if left < right and top < bottom:
            warped, region = layer.warp(layer.rgba, index, box), frame[top:bottom, left:right]
            if layer.opaque:
                region[:] = warped
            else:
                _dim(region, cv2.extractChannel(warped, 3))
                cv2.add(region, warped, region)


def _dim(region: Picture, alpha: Picture) -> None:
    """Let only 1 - alpha of a region through, in place."""
    clear = cv2.bitwise_not(alpha)
    cv2.multiply(region, cv2.merge((clear, clear, clear, clear)), region, scale=1 / 255)


def layer_maps(layers: tuple[Layer, ...], num_frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """Index of the nearest layer that covers at least half of each pixel, shape [t h w]; 0 is the backdrop."""
    maps = np.zeros((num_frames, height, width), np.uint8)
    for number, layer in enumerate(layers[1:], start=1):
        boxes = layer.boxes(height, width)
        for index in range(num_frames):
            left, top, right, bottom = box = tuple(boxes[index].tolist())
            if left < right and top < bottom:
                maps[index, top:bottom, left:right][layer.warp(layer.alpha, index, box) >= 128] = number
    return maps
