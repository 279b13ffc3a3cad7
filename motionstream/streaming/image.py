"""The user's picture fitted to the stream's size, with a sentence saying what was done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from jaxtyping import Float, UInt8

from motionstream.errors import InputError
from motionstream.streaming.image_file import MAX_PIXELS, decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "pad"]

_BARS = (0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class PictureTransform:
    """Where the user's picture lies in the stream: ``stream_px = (picture_px - offset) * scale``, per axis.

    The picture's pixels are counted as it is shown, after EXIF orientation.

    Attributes:
        picture_size: Width and height of the picture in pixels.
        stream_size: Width and height of the stream in pixels.
        offset: Picture position in pixels (x, y) that comes to the stream's upper left corner; negative with bars.
        scale: Stream pixels per picture pixel along x and y; the two differ by rounding only.
    """

    picture_size: tuple[int, int]
    stream_size: tuple[int, int]
    offset: tuple[float, float]
    scale: tuple[float, float]

    def to_stream(self, picture_px: Float[np.ndarray, "*points 2"]) -> Float[np.ndarray, "*points 2"]:
        """Continuous pixel positions in the picture -> normalised stream positions, outside [0, 1) if cropped away."""
        moved = (np.asarray(picture_px, dtype=np.float64) - self.offset) * self.scale
        return moved / np.asarray(self.stream_size, dtype=np.float64)

    def to_picture(self, stream_xy: Float[np.ndarray, "*points 2"]) -> Float[np.ndarray, "*points 2"]:
        """Normalised stream positions -> continuous pixel positions in the picture."""
        stream_px = np.asarray(stream_xy, dtype=np.float64) * self.stream_size
        return stream_px / self.scale + self.offset


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedImage:
    """A picture at the stream's size.

    Attributes:
        pixels: RGB, uint8 [h, w, 3].
        description: What was done to the picture, as a phrase for the user.
        transform: Maps positions in the user's picture to the stream and back.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    description: str
    transform: PictureTransform


def fit_image(
    picture: str | Path | bytes | Image | np.ndarray,
    *,
    height: int,
    width: int,
    fit: Fit = "crop",
    max_pixels: int = MAX_PIXELS,
) -> FittedImage:
    """Bring a picture to the stream's size, without ever stretching it.

    Args:
        picture: A path, the bytes of an image file, a Pillow image, or uint8 [h, w], [h, w, 3] or [h, w, 4].
        height: Stream height in pixels.
        width: Stream width in pixels.
        fit: "crop" keeps the middle and cuts what is too much; "pad" keeps everything and adds black bars.
        max_pixels: Larger pictures are refused before they are decoded.

    Raises:
        InputError: The picture is missing, not an image, damaged, empty or too large, or `fit` is unknown.
    """
    if fit not in get_args(Fit):
        raise InputError(f"Image fit: wanted one of {', '.join(get_args(Fit))}; got {fit!r}. Choose one of them.")
    if height < 1 or width < 1:
        raise InputError(f"Image size: wanted at least 1x1, got {width}x{height}. Give the stream's size in pixels.")
    plain, notes = decode_image(picture, max_pixels=max_pixels)
    pixels, transform, fitted = (_crop if fit == "crop" else _pad)(plain, width, height)
    return FittedImage(pixels=pixels, description=", ".join([*notes, *fitted]), transform=transform)


def _crop(image: Image, width: int, height: int) -> tuple[UInt8[np.ndarray, "h w 3"], PictureTransform, list[str]]:
    scale = max(width / image.width, height / image.height)
    kept = (min(image.width, max(1, round(width / scale))), min(image.height, max(1, round(height / scale))))
    left, top = (image.width - kept[0]) // 2, (image.height - kept[1]) // 2
    pixels = _resized(image, (width, height), (left, top, left + kept[0], top + kept[1]))
    transform = PictureTransform(
        picture_size=image.size,
        stream_size=(width, height),
        offset=(float(left), float(top)),
        scale=(width / kept[0], height / kept[1]),
    )
    if kept == image.size:
        return pixels, transform, [_resize_note(kept, (width, height))]
    notes = [f"cropped {image.width}x{image.height} to {kept[0]}x{kept[1]}"]
    return pixels, transform, [*notes, *([f"resized to {width}x{height}"] if kept != (width, height) else [])]


def _pad(image: Image, width: int, height: int) -> tuple[UInt8[np.ndarray, "h w 3"], PictureTransform, list[str]]:
    scale = min(width / image.width, height / image.height)
    inner = (min(width, max(1, round(image.width * scale))), min(height, max(1, round(image.height * scale))))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    pixels = np.full((height, width, 3), _BARS, np.uint8)
    pixels[top : top + inner[1], left : left + inner[0]] = _resized(image, inner, (0, 0, *image.size))
    scales = (inner[0] / image.width, inner[1] / image.height)
    transform = PictureTransform(
        picture_size=image.size,
        stream_size=(width, height),
        offset=(-left / scales[0], -top / scales[1]),
        scale=scales,
    )
    bars = [f"padded to {width}x{height} with black bars"] if inner != (width, height) else []
    return pixels, transform, [_resize_note(image.size, inner), *bars]


def _resized(image: Image, size: tuple[int, int], box: tuple[int, int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
    from PIL import Image

    return np.array(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _resize_note(before: tuple[int, int], after: tuple[int, int]) -> str:
    if before == after:
        return f"kept {before[0]}x{before[1]} as it is"
    return f"resized {before[0]}x{before[1]} to {after[0]}x{after[1]}"
