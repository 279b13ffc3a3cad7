"""Moving least squares: the plane bent so that given points come to given places (Schaefer et al. 2006, rigid form)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_FALLOFF = 3.0  # the paper's alpha: a point pulls with the inverse of its squared distance to this power
_TOUCHING = 1e-6  # squared distance, in squared pixels, below which a point alone decides


def bend(
    places: Float[np.ndarray, "m 2"], before: Float[np.ndarray, "n 2"], after: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "m 2"]:
    """Where places go when points go from one position to another: each is turned and shifted, never scaled.

    Args:
        places: Positions in pixels.
        before: Where the points are, in pixels.
        after: Where they come to; exactly so for places at their positions.

    Returns:
        New positions of the places; the given ones if there are no points.
    """
    if not len(before):
        return places
    v, p, q = _complex(places)[:, None], _complex(before), _complex(after)
    weights = (np.abs(v - p) ** 2 + _TOUCHING) ** -_FALLOFF
    weights /= weights.sum(axis=1, keepdims=True)
    middle_p, middle_q = weights @ p, weights @ q
    turn = (weights * (p - middle_p[:, None]).conj() * (q - middle_q[:, None])).sum(axis=1)
    length = np.abs(turn)
    # Of a single point, or of points in one place, no turn can be read.
    turn = np.divide(turn, length, out=np.ones_like(turn), where=length > 1e-12)
    moved = turn * (v[:, 0] - middle_p) + middle_q
    return np.stack([moved.real, moved.imag], axis=-1)


def _complex(xy: Float[np.ndarray, "n 2"]) -> np.ndarray:
    """Points of the plane as complex numbers: a turn is a product."""
    plane = np.asarray(xy, np.float64)
    return np.asarray(plane[:, 0] + 1j * plane[:, 1])
