"""A picture to measure with: smooth and rough at all scales, as photographs are, so that frames weigh what they do."""

import numpy as np
from jaxtyping import UInt8


def measuring_picture(width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """Noise whose strength falls with its frequency; always the same."""
    import cv2

    draw, total = np.random.default_rng(0), np.zeros((height, width, 3), np.float32)
    cells, strength = 2, 90.0
    while cells < width:
        coarse = draw.normal(0, strength, (max(1, cells * height // width), cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, strength = 2 * cells, strength * 0.55
    return np.clip(128 + total, 0, 255).astype(np.uint8)
