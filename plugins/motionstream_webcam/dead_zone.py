"""DeadZone: what moves less than a length does not move at all."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Places = Float64[np.ndarray, "n 2"]


class DeadZone:
    """Each value is pulled as by a slack string: it stays until the string is taut, then follows its end.

    Args:
        length: Of the string.
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._held: Places | None = None

    def __call__(self, places: Places) -> Places:
        """Where the values are pulled to; the first ones are where they are."""
        if self._held is None or self._length == 0:
            self._held = places
            return places
        pull = places - self._held
        far = np.linalg.norm(pull, axis=-1, keepdims=True)
        taut = np.maximum(far - self._length, 0) / np.maximum(far, 1e-12)
        self._held = self._held + taut * pull
        return self._held
