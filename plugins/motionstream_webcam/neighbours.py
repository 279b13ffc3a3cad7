"""What neighbours do: the motion of points that were not seen, from those around them that were."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

_COUNT = 8


def with_neighbours_motion(
    before: Float[np.ndarray, "n 2"], after: Float[np.ndarray, "n 2"], seen: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "n 2"]:
    """`after`, in which points that were not seen move by the median of their nearest neighbours' motion.

    Where nothing was seen, nothing moves.
    """
    lost = np.flatnonzero(~seen)
    if len(lost) == 0:
        return after
    moved = np.where(seen[:, None], after, before)
    known = np.flatnonzero(seen)
    if len(known) == 0:
        return moved
    squares = ((before[lost][:, None] - before[known][None]) ** 2).sum(axis=-1)
    if len(known) > _COUNT:
        near = known[np.argpartition(squares, _COUNT, axis=1)[:, :_COUNT]]
    else:
        near = np.broadcast_to(known, squares.shape)
    moved[lost] = before[lost] + np.median((after - before)[near], axis=1)
    return moved
