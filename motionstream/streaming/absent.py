"""Absent: stands where a provider was whose tracks are in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from motionstream.errors import InputError
from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks


class Absent:
    """A provider that is not there: it may not be installed, and its camera is not to be switched on."""

    settings_type: ClassVar[Any] = None

    def start(self, info: StreamInfo) -> None:
        """Nothing begins."""

    def read(self, window: Window) -> Tracks:
        """The log lacks what was wanted.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"Control log: wanted the tracks of chunk {window.index}, it has none: the stream was not watched so far. "
            "Make fewer chunks."
        )

    def handle(self, event: Mapping[str, Any]) -> None:
        """What was done is in the tracks already."""

    def close(self) -> None:
        """Nothing is held."""
