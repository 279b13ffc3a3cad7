"""OnlineWindows: pictures one by one -> the windows that CoTracker's online demo feeds its model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class OnlineWindow:
    """One call of the model.

    Attributes:
        frames: The newest pictures, oldest first.
        first: The model only takes in what it is to follow, and answers nothing.
        num_new: Pictures that no call before answered for.
    """

    frames: tuple[Frame, ...]
    first: bool
    num_new: int


class OnlineWindows:
    """Windows of 2 x `step` pictures, a step apart; the first call comes after one step and has but that.

    Args:
        step: Pictures between two calls.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._count = 0
        self._frames: list[Frame] = []

    def add(self, frame: Frame) -> OnlineWindow | None:
        """Take in a picture; the window that it completes."""
        self._count += 1
        self._frames = [*self._frames, frame][-2 * self._step :]
        if self._count % self._step:
            return None
        calls = self._count // self._step
        num_new = {1: 0, 2: 2 * self._step}.get(calls, self._step)
        return OnlineWindow(frames=tuple(self._frames), first=calls == 1, num_new=num_new)
