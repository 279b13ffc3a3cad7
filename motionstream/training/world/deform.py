"""Deformations of a texture plane: smooth and invertible, so that pictures (inverse) and tracks (forward) agree."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]


class Deformation(Protocol):
    """Moves the points of a plane, differently in every frame; coordinates are texels."""

    @property
    def still(self) -> bool:
        """Whether it is the same in every frame."""
        ...

    @property
    def reach(self) -> float:
        """How far it can move a point, in texels."""
        ...

    def at(self, frame: int) -> Self:
        """The deformation of one frame, as a clip of one frame."""
        ...

    def apply(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Where texture points go; x and y are [t n]."""
        ...

    def undo(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Which texture points arrive at x and y, both [t ...]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bend:
    """A sine shear: `axis` moves by amplitude * (sin(rate * other + phase) - sin(rate * pivot + phase)).

    A shear leaves the other coordinate alone, so that it is undone in closed form.

    Attributes:
        axis: 0 shears x by y, 1 shears y by x.
        amplitude: Texels, shape [t]; zero at frame 0 keeps the drawn shape there.
        phase: Radians, shape [t].
        rate: Radians a texel.
        pivot: Where the other coordinate is not moved, in texels.
    """

    axis: int
    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]
    rate: float
    pivot: float

    @property
    def still(self) -> bool:
        """Whether it is the same in every frame."""
        return bool((self.amplitude == self.amplitude[0]).all() and (self.phase == self.phase[0]).all())

    @property
    def reach(self) -> float:
        """How far it can move a point, in texels."""
        return 2 * float(np.abs(self.amplitude).max())

    def at(self, frame: int) -> Self:
        """The deformation of one frame, as a clip of one frame."""
        return replace(self, amplitude=self.amplitude[frame : frame + 1], phase=self.phase[frame : frame + 1])

    def apply(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Where texture points go; x and y are [t n]."""
        return (x + self._shift(y), y) if self.axis == 0 else (x, y + self._shift(x))

    def undo(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Which texture points arrive at x and y, both [t ...]."""
        return (x - self._shift(y), y) if self.axis == 0 else (x, y - self._shift(x))

    def _shift(self, other: Field) -> Field:
        amplitude, phase = _column(self.amplitude, other), _column(self.phase, other)
        rate = other.dtype.type(self.rate)
        still = np.sin(rate * other.dtype.type(self.pivot) + phase)
        return np.asarray((np.sin(rate * other + phase) - still) * amplitude)


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A soft pull, as on cloth: `centre` goes by `shift`, others less by a Gaussian of their distance from where it is.

    The inverse is closed; the forward direction solves one monotone scalar equation a point. One-to-one while
    |shift| < 1.6 * sigma.

    Attributes:
        centre: What is held, in texels.
        shift: How far it is pulled, in texels, shape [t 2].
        sigma: Width of the Gaussian in texels.
    """

    centre: tuple[float, float]
    shift: NDArray[np.float64]
    sigma: float

    @cached_property
    def still(self) -> bool:
        """Whether it is the same in every frame."""
        return bool((self.shift == self.shift[:1]).all())

    @property
    def reach(self) -> float:
        """How far it can move a point, in texels."""
        return float(np.abs(self.shift).max())

    def at(self, frame: int) -> Self:
        """The deformation of one frame, as a clip of one frame."""
        return replace(self, shift=self.shift[frame : frame + 1])

    def apply(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Where texture points go; x and y are [t n]."""
        dx, dy = _column(self.shift[:, 0], x), _column(self.shift[:, 1], x)
        share = self._share(x, y)
        for _ in range(8):  # Newton on share = gauss(point + share * shift), whose slope stays positive
            px, py = x + (share - 1) * dx - self.centre[0], y + (share - 1) * dy - self.centre[1]
            gauss = np.exp(-(px * px + py * py) / (2 * self.sigma**2))
            slope = 1 + gauss * (px * dx + py * dy) / self.sigma**2
            share = np.clip(share - (share - gauss) / slope, 0, 1)
        return x + share * dx, y + share * dy

    def undo(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Which texture points arrive at x and y, both [t ...]."""
        dx, dy = _column(self.shift[:, 0], x), _column(self.shift[:, 1], x)
        share = self._share(x - dx, y - dy)
        return x - share * dx, y - share * dy

    def _share(self, x: Field, y: Field) -> Field:
        square = (x - x.dtype.type(self.centre[0])) ** 2 + (y - y.dtype.type(self.centre[1])) ** 2
        return np.asarray(np.exp(square * x.dtype.type(-0.5 / self.sigma**2)))


def _column(value: NDArray[np.float64], like: Field) -> Field:
    """A value per frame, shaped and typed to combine with a field [t ...]."""
    return value.astype(like.dtype).reshape((-1,) + (1,) * (like.ndim - 1))
