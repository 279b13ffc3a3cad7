"""What is left out of training, and why: nothing is dropped silently."""

from typing import NamedTuple


class Skipped(NamedTuple):
    """Something that is not trained on, and why."""

    path: str
    reason: str
