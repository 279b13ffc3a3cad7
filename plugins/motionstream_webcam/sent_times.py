"""SentTimes: what a camera picture's time was by its sender's clock, from its time by ours."""

from __future__ import annotations

import math
from collections import OrderedDict

_REMEMBERED = 1024
"""Pictures, some 17 seconds at 60 a second."""


class SentTimes:
    """Remembers both times of the newest pictures.

    Attributes:
        newest: The sender's time of the last one; NaN before the first.
    """

    def __init__(self) -> None:
        self.newest = math.nan
        self._sent: OrderedDict[float, float] = OrderedDict()

    def put(self, here_seconds: float, sent_seconds: float) -> None:
        """A picture came; of several with the same time here the last counts."""
        self.newest = self._sent[here_seconds] = sent_seconds
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def of(self, here_seconds: float) -> float:
        """The sender's time; NaN where it is not remembered."""
        return self._sent.get(here_seconds, math.nan)
