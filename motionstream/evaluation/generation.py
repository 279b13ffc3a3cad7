"""Generate: what is evaluated, seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.tracks import Tracks

Generate = Callable[[np.ndarray, Tracks, str, int], np.ndarray]
"""generate(image uint8 [h, w, 3], tracks, prompt, seed) -> frames uint8 [t, h, w, 3], t >= tracks.num_frames."""

_STRETCH = 0.02


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


@dataclass(frozen=True, kw_only=True, eq=False)
class AtSize:
    """A model that works at another size than it is measured at: called, it scales the picture and the frames.

    Attributes:
        generate: The model.
        height: Height in pixels that it works at.
        width: Width in pixels that it works at.
    """

    generate: Generate
    height: int
    width: int

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """Make a clip at the model's size and bring it to the picture's.

        Raises:
            InputError: The picture has another shape than the model's: it would have to be stretched.
        """
        height, width = image.shape[:2]
        if abs(height * self.width / (width * self.height) - 1) > _STRETCH:
            raise InputError(
                f"Evaluation: wanted to measure at the shape of the model's {self.width}x{self.height}, "
                f"got {width}x{height}. Choose a size of that shape."
            )
        frames = self.generate(_resized(image, self.height, self.width), tracks, prompt, seed)
        return np.stack([_resized(frame, height, width) for frame in frames])


def _resized(image: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    import cv2

    smaller = height < image.shape[0]
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))
