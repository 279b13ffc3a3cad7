"""ThinPlate: the map of the plane that bends least while it takes given places to given places (Bookstein 1989)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Places = Float64[np.ndarray, "n 2"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ThinPlate:
    """x -> affine part + sum of weights_k U(|x - centre_k|), with U(r) = r^2 log r^2.

    Attributes:
        centres: Places that were given [k, 2].
        weights: Of the bends [k, 2].
        affine: Shift and linear part [3, 2]: rows 1, x, y.
    """

    centres: Places
    weights: Places
    affine: Float64[np.ndarray, "3 2"]

    @classmethod
    def fit(cls, before: Places, after: Places) -> ThinPlate:
        """The map that takes each of `before` to its `after`; at least three of them, not on one line."""
        count = len(before)
        plane = np.concatenate([np.ones((count, 1)), before], axis=1)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _bend(_squares(before, before))
        system[:count, count:], system[count:, :count] = plane, plane.T
        wanted = np.concatenate([after, np.zeros((3, 2))])
        solved = np.linalg.lstsq(system, wanted, rcond=None)[0]
        return cls(centres=np.array(before), weights=solved[:count], affine=solved[count:])

    def __call__(self, places: Places) -> Places:
        """Where places go."""
        bent: Places = _bend(_squares(places, self.centres)) @ self.weights
        return np.asarray(self.affine[0] + places @ self.affine[1:] + bent)

    def jacobian(self, places: Places) -> Float64[np.ndarray, "n 2 2"]:
        """Derivative at places: rows are the output's x and y, columns the input's."""
        offset = places[:, None] - self.centres[None]
        squares = (offset**2).sum(axis=-1)
        slope = np.where(squares > 0, 2 * (np.log(np.where(squares > 0, squares, 1)) + 1), 0)
        bends = np.einsum("nk,nkj,ki->nij", slope, offset, self.weights)
        return np.asarray(self.affine[1:].T[None] + bends)


def _squares(a: Places, b: Places) -> Float64[np.ndarray, "n k"]:
    return np.asarray(((a[:, None] - b[None]) ** 2).sum(axis=-1))


def _bend(squares: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    return np.asarray(squares * np.log(np.where(squares > 0, squares, 1)))
