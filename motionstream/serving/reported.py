"""Reported: what a provider has shown of itself, so that only what is new of it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SECONDS = 1 / 12


class Reported:
    """All values since the generation began.

    Attributes:
        values: By name; the newest of each.
    """

    def __init__(self) -> None:
        self.values = dict[str, Any]()
        self._asked_at = 0.0

    def clear(self) -> None:
        """Another generation begins."""
        self.values = {}

    def news(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take in values, and give those that changed."""
        known = self.values
        news = {name: value for name, value in values.items() if name not in known or known[name] != value}
        self.values = {**known, **news}
        return news

    def due(self, now_seconds: float) -> bool:
        """Whether to ask for a report besides those after each chunk; true at most twelve times a second."""
        due = now_seconds - self._asked_at >= _SECONDS
        self._asked_at = now_seconds if due else self._asked_at
        return due
