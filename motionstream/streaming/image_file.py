"""Any image file or array -> plain RGB.

Every mode that Pillow reads is taken. EXIF orientation is honoured; transparency is flattened on white (what a browser
page or a document would show behind it); of an animation the first frame is used. Colour profiles are not applied.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 80_000_000
"""Largest picture that is decoded, in pixels: above phone cameras' usual 50 megapixels, 240 MB once it is RGB."""

_BACKGROUND = (255, 255, 255)


def decode_image(
    picture: str | Path | bytes | Image | np.ndarray, *, max_pixels: int = MAX_PIXELS
) -> tuple[Image, list[str]]:
    """Any picture -> an RGB Pillow image and notes on what was done to get there.

    Raises:
        InputError: The picture is missing, not an image, damaged, empty or has more than `max_pixels` pixels.
    """
    name = str(picture) if isinstance(picture, str | Path) else "the given image"
    image = _open(picture, name, max_pixels)
    try:
        if image.width * image.height > max_pixels:
            raise _too_large(name, f"{image.width}x{image.height}", max_pixels)
        return _to_rgb(image)
    except InputError:
        raise
    except Exception as error:  # a stranger's file can break Pillow's decoders in many ways; each means "bad file"
        raise InputError(
            f"{name}: wanted a whole image, could not decode it: {error}. Save it again as PNG or JPEG."
        ) from error
    finally:
        if image is not picture:
            image.close()


def _open(picture: Any, name: str, max_pixels: int) -> Image:
    from PIL import Image, UnidentifiedImageError

    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, np.ndarray):
        return Image.fromarray(_checked_array(picture))
    if not isinstance(picture, str | Path | bytes):
        raise InputError(f"Image: wanted a path, bytes, a Pillow image or an array, got {type(picture).__name__}.")
    source = io.BytesIO(picture) if isinstance(picture, bytes) else Path(picture)
    wanted = "wanted an image file such as PNG, JPEG, WebP, GIF, BMP or TIFF"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, "far more", max_pixels) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: {wanted}, got something else. Convert it to PNG or JPEG.") from error
    except OSError as error:
        raise InputError(f"{name}: {wanted}, could not read it: {error.strerror or error}. Check the path.") from error
    except Exception as error:  # headers of damaged files fail inside Pillow in many ways
        raise InputError(f"{name}: {wanted}, its header is damaged: {error}. Save it again.") from error


def _checked_array(array: np.ndarray) -> UInt8[np.ndarray, "*shape"]:
    plain = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not plain or 0 in array.shape:
        raise InputError(
            f"Image: wanted uint8 [h, w], [h, w, 3] or [h, w, 4], got {array.dtype} {list(array.shape)}. "
            "Put the channels last and scale to 0..255."
        )
    return np.ascontiguousarray(array)


def _too_large(name: str, came: str, max_pixels: int) -> InputError:
    return InputError(f"{name}: wanted at most {max_pixels / 1e6:g} megapixels, got {came}. Scale it down first.")


def _to_rgb(image: Image) -> tuple[Image, list[str]]:
    from PIL import Image, ImageOps

    notes = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        image.seek(0)
        notes.append(f"took the first of {frames} frames")
    shown = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) in range(2, 9):  # the EXIF tag "Orientation"; 1 means upright
        notes.append("turned upright by its EXIF orientation")
    if shown.mode.startswith("I") or shown.mode == "F":
        shown, note = _from_deep_grey(shown)
        notes.append(note)
    if shown.has_transparency_data:
        opaque = shown.convert("RGBA")
        shown = Image.alpha_composite(Image.new("RGBA", opaque.size, (*_BACKGROUND, 255)), opaque)
        notes.append("flattened its transparency on white")
    return shown.convert("RGB"), notes


def _from_deep_grey(image: Image) -> tuple[Image, str]:
    """16-bit, 32-bit or float grey -> 8-bit grey. Pillow's own conversion would clip everything above 255 to white."""
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    top = float(values.max())
    full = _full_scale(image.mode, top)
    grey = np.clip(np.rint(values * (255 / full)), 0, 255).astype(np.uint8)
    return Image.fromarray(grey), f"scaled its grey values from 0..{full:g} to 0..255"


def _full_scale(mode: str, top: float) -> float:
    """The value that means white: files do not say it, so the smallest usual range that holds the brightest pixel."""
    ranges = (1.0, 255.0) if mode == "F" else (65535.0,)
    return next((white for white in ranges if top <= white), top)
