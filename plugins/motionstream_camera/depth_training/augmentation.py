"""Augmentation: crop, flip, light, colour, blur, noise and JPEG, as cameras and people make them."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from motionstream_camera.depth_training.rendering import Example


def augmented(rng: np.random.Generator, example: Example, height: int, width: int) -> Example:
    """A part of an example at this size, as another camera would have taken it."""
    rows, columns = _crop(rng, example.inverse.shape, height / width)
    picture = cv2.resize(example.picture[rows, columns], (width, height), interpolation=cv2.INTER_AREA)
    inverse = cv2.resize(example.inverse[rows, columns], (width, height), interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        picture, inverse = picture[:, ::-1], inverse[:, ::-1]
    return Example(picture=_taken(rng, picture), inverse=np.ascontiguousarray(inverse))


def _crop(rng: np.random.Generator, shape: tuple[int, ...], aspect: float) -> tuple[slice, slice]:
    height, width = shape
    scale = rng.uniform(0.65, 1)
    wide = int(min(width, height / aspect) * scale)
    high = int(min(height, wide * aspect))
    left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
    return slice(top, top + high), slice(left, left + wide)


def _taken(rng: np.random.Generator, picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    light = picture.astype(np.float32) / 255
    if rng.random() < 0.6:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.1))
    light = light ** np.float32(np.exp(rng.normal(0, 0.3))) * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * np.float32(rng.uniform(0, 1.4) if rng.random() < 0.7 else 1)
    light = (light - 0.5) * np.float32(rng.uniform(0.6, 1.4)) + 0.5 + np.float32(rng.normal(0, 0.08))
    light = light + rng.normal(0, rng.uniform(0, 0.03), light.shape).astype(np.float32)
    taken = np.ascontiguousarray(np.clip(light * 255, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])
        taken = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return taken
