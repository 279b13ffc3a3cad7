"""A depth map as a small picture for people to look at."""

from __future__ import annotations

import base64

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import OutputError
from motionstream_camera.depth.depth_map import DepthMap

LONGEST_SIDE_PX = 256


def depth_picture(depth: DepthMap, aspect: float) -> str:
    """Inverse depth in the colours of viridis, near bright and far dark, as the data URL of a PNG.

    Args:
        depth: What to show; where it is not known the picture is transparent.
        aspect: Height divided by width of the picture.

    Raises:
        OutputError: The picture could not be encoded.
    """
    import cv2

    encoded, png = cv2.imencode(".png", _coloured(depth, _size(aspect)))
    if not encoded:
        raise OutputError("Depth picture: could not be encoded as PNG. Check that OpenCV is whole.")
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")


def _size(aspect: float) -> tuple[int, int]:
    """Width and height in pixels."""
    scale = LONGEST_SIDE_PX / max(1.0, aspect)
    return max(1, round(scale)), max(1, round(scale * aspect))


def _coloured(depth: DepthMap, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 4"]:
    import cv2

    values = cv2.resize(depth.values, size, interpolation=cv2.INTER_NEAREST)  # a mean of two things is none
    known = values > 0
    inverse = np.where(known, 1 / np.maximum(values, 1e-9), 0)
    low, high = (inverse[known].min(), inverse[known].max()) if known.any() else (0.0, 0.0)
    part = (inverse - low) / (high - low) if high > low else np.ones_like(inverse)
    colours = cv2.applyColorMap(np.clip(255 * part, 0, 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return np.asarray(np.dstack([colours, np.where(known, 255, 0).astype(np.uint8)]))
