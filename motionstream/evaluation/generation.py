"""Generate: what is evaluated, seen from outside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.tracks import Tracks

Generate = Callable[[np.ndarray, Tracks, str, int], np.ndarray]
"""generate(image uint8 [h, w, 3], tracks, prompt, seed) -> frames uint8 [t, h, w, 3], t >= tracks.num_frames."""


def generated(
    generate: Generate, image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames a model makes of an image and tracks: as many as the tracks have, at the size of the image.

    Raises:
        InputError: The model gave fewer frames, another size or another type.
    """
    frames = generate(image, tracks, prompt, seed)
    if frames.dtype != np.uint8 or frames.shape[1:] != image.shape or len(frames) < tracks.num_frames:
        raise InputError(
            f"Evaluation: wanted at least {tracks.num_frames} frames uint8 {list(image.shape)}, "
            f"got {frames.dtype} {list(frames.shape)}. Fit the image to the model's size first."
        )
    return frames[: tracks.num_frames]
