"""Hues that a colour word surely means: what the procedural world paints and what the evaluation looks for."""

from collections.abc import Mapping
from types import MappingProxyType

HUES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "red": (348, 368),
        "orange": (20, 38),
        "yellow": (49, 64),
        "green": (90, 150),
        "teal": (170, 190),
        "blue": (205, 245),
        "purple": (262, 286),
        "pink": (300, 332),
    }
)
"""In degrees; red goes on past 360."""
