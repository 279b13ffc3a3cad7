"""UploadedPicture: a picture file of a client, shown to be one by decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from motionstream.config import StreamConfig
from motionstream.streaming.image import Fit, FittedImage, fit_image


@dataclass(frozen=True, kw_only=True, eq=False)
class UploadedPicture:
    """A picture at the stream's size, in the two ways to fit it; small, whatever was sent.

    Attributes:
        cropped: Its middle.
        padded: All of it, with bars.
    """

    cropped: FittedImage
    padded: FittedImage

    @classmethod
    def decode(cls, file: bytes, config: StreamConfig, max_pixels: int) -> Self:
        """Read a picture file; takes long for large ones, so not on the event loop.

        Raises:
            InputError: It is no picture, damaged, or larger than `max_pixels`.
        """
        size = {"height": config.height, "width": config.width, "max_pixels": max_pixels}
        cropped = fit_image(file, fit="crop", **size)
        if cropped.transform.picture_size == (config.width, config.height):
            return cls(cropped=cropped, padded=cropped)
        return cls(cropped=cropped, padded=fit_image(file, fit="pad", **size))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what was sent, upright."""
        return self.cropped.transform.picture_size

    def fitted(self, fit: Fit) -> FittedImage:
        """The picture at the stream's size."""
        return self.cropped if fit == "crop" else self.padded
