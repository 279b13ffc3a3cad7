"""Lens: the intrinsics of a pinhole camera, in fractions of the picture so that they hold at every size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float

from motionstream.errors import InputError

FILM_DIAGONAL_MM = 43.2666  # of 36 x 24 mm, which "35 mm equivalent" refers to


@dataclass(frozen=True, kw_only=True)
class Lens:
    """Focal lengths and principal point.

    A picture runs from 0 to 1 across and down; the centre of its first pixel lies at (0.5 / width, 0.5 / height).

    Attributes:
        fx: Focal length in widths.
        fy: Focal length in heights.
        cx: Principal point across, 0 left, 1 right.
        cy: Principal point down, 0 top, 1 bottom.
    """

    fx: float
    fy: float
    cx: float = 0.5
    cy: float = 0.5

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not (np.isfinite(values).all() and self.fx > 0 and self.fy > 0):
            raise InputError(f"Lens: wanted finite fx, fy > 0 and cx, cy, got {values}. Check the intrinsics.")

    @classmethod
    def of_field_of_view(cls, degrees: float, aspect: float) -> Self:
        """The lens of a horizontal field of view, with square pixels.

        Args:
            degrees: From the left edge to the right edge.
            aspect: Height of the picture divided by its width.
        """
        fx = 0.5 / np.tan(np.radians(degrees) / 2)
        return cls(fx=float(fx), fy=float(fx / aspect))

    @classmethod
    def of_pixels(
        cls, fx: float, fy: float, cx: float, cy: float, *, width: float, height: float, first_pixel: float = 0.5
    ) -> Self:
        """The lens of intrinsics in pixels.

        Args:
            fx: Focal length in pixels, as fy.
            fy: Vertical focal length.
            cx: Principal point in pixels, as cy.
            cy: Its height.
            width: Of the picture in pixels.
            height: Of the picture in pixels.
            first_pixel: Where the centre of the first pixel lies: 0.5 (COLMAP) or 0 (OpenCV's index coordinates).
        """
        shift = 0.5 - first_pixel
        return cls(fx=fx / width, fy=fy / height, cx=(cx + shift) / width, cy=(cy + shift) / height)

    @classmethod
    def of_exif(cls, path: str | Path) -> Self | None:
        """The lens that a photograph's EXIF data tell, if they tell it: the 35 mm equivalent focal length.

        Raises:
            InputError: The file is not a readable picture.
        """
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as picture:
                details = picture.getexif().get_ifd(0x8769)
                width, height = picture.size
                upright = picture.getexif().get(0x0112, 1) < 5  # 5..8: shown turned by a quarter
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"Photograph {path}: could not be read: {error}. Check the path.") from error
        equivalent_mm = float(details.get(0xA405, 0) or 0)
        if equivalent_mm <= 0:
            return None
        width, height = (width, height) if upright else (height, width)
        focal = equivalent_mm / FILM_DIAGONAL_MM * float(np.hypot(width, height))
        return cls(fx=focal / width, fy=focal / height)

    @property
    def field_of_view(self) -> float:
        """Horizontal field of view in degrees, of a centred principal point."""
        return float(np.degrees(2 * np.arctan(0.5 / self.fx)))

    @property
    def aspect(self) -> float:
        """Height divided by width of the picture for which the pixels are square."""
        return self.fx / self.fy

    def cropped(self, aspect: float) -> Self:
        """The lens after the picture was cut at its centre to another aspect (height / width)."""
        if aspect > self.aspect:  # cut left and right
            part = self.aspect / aspect
            return replace(self, fx=self.fx / part, cx=(self.cx - 0.5) / part + 0.5)
        part = aspect / self.aspect
        return replace(self, fy=self.fy / part, cy=(self.cy - 0.5) / part + 0.5)

    def zoomed(self, factor: float) -> Self:
        """The lens with `factor` times the focal length."""
        return replace(self, fx=self.fx * factor, fy=self.fy * factor)

    def unproject(
        self, xy: Float[np.ndarray, "*b 2"], depth: Float[np.ndarray, "*b"] | float = 1.0
    ) -> Float[np.ndarray, "*b 3"]:
        """Points in camera coordinates; depth is along z, not along the ray."""
        x, y = (xy[..., 0] - self.cx) / self.fx, (xy[..., 1] - self.cy) / self.fy
        return np.asarray(np.stack([x, y, np.ones_like(x)], axis=-1) * np.asarray(depth)[..., None])
