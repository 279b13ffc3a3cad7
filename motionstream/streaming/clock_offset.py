"""ClockOffset: what a sender's clock shows, told from the arrival of its messages."""

from __future__ import annotations

from collections import deque

_NUM_MESSAGES = 300


class ClockOffset:
    """The difference of two clocks, by the message of the last few hundred that was delayed least.

    A message cannot arrive before it was sent, so the smallest difference is nearest to the truth; the sliding window
    follows clocks that drift apart. Memory is bounded by the window.
    """

    def __init__(self) -> None:
        self._num_seen = 0
        self._rising: deque[tuple[int, float]] = deque()  # candidates for the minimum: later ones are larger

    def see(self, sent_seconds: float, received_seconds: float) -> None:
        """Take in a message: when it was sent and received, each by its own clock."""
        difference = received_seconds - sent_seconds
        while self._rising and self._rising[-1][1] >= difference:
            self._rising.pop()
        self._rising.append((self._num_seen, difference))
        self._num_seen += 1
        while self._rising[0][0] <= self._num_seen - 1 - _NUM_MESSAGES:
            self._rising.popleft()

    def at_receiver(self, sent_seconds: float) -> float:
        """A time of the sender by the receiver's clock; needs a message that was seen."""
        return sent_seconds + self._rising[0][1]
