"""PointTracker: what follows points from camera picture to camera picture, and how one is found by its name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from motionstream.errors import MotionStreamError, ProviderError

ENTRY_POINT_GROUP = "motionstream.trackers"


@dataclass(frozen=True, kw_only=True)
class TrackerInfo:
    """What people are told of a tracker.

    Attributes:
        name: The name it is asked for by.
        first_after: Pictures, the first one among them, after which it finds anything at all.
        every: It finds something after so many pictures, for all of them at once: so late is the oldest.
        license: Under which code and weights are, where that is not the project's own.
    """

    name: str
    first_after: int = 2
    every: int = 1
    license: str = ""

    @property
    def notice(self) -> str:
        """What is to be known before it is chosen; empty where there is nothing."""
        parts = []
        if self.every > 1:
            parts.append(
                f"{self.name} answers for {self.every} pictures at once, first after {self.first_after} pictures: "
                f"the target is {self.every} camera pictures late and rests until then"
            )
        if self.license:
            parts.append(f"its license is {self.license}")
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sighting:
    """Where the points are in one picture.

    Attributes:
        xy: Continuous pixel positions, pixel i covers [i, i + 1); a guess where a point is not visible [n, 2].
        visible: Which were really found [n].
        confidence: From 0 to 1 [n].
    """

    xy: Float32[np.ndarray, "n 2"]
    visible: Bool[np.ndarray, " n"]
    confidence: Float32[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """What a tracker is made with.

    Attributes:
        weights: File of its weights; None is the tracker's usual source.
        device: Where it runs: "auto", "cpu", "cuda" or "mps".
    """

    weights: Path | None = None
    device: str = "auto"


class PointTracker(Protocol):
    """Follows points; constructed as ``Tracker(options)``, which loads what it needs and may take long.

    It belongs to one thread. Another distribution announces its own in the entry-point group `motionstream.trackers`.
    """

    info: ClassVar[TrackerInfo]

    def start(self, frame: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "n 2"]) -> None:
        """Begin with points of a picture, and forget those before."""

    def track(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[Sighting, ...]:
        """Take in the next picture, of the same size; where the points are in it, and in those before that were open.

        The last sighting is that of this picture, the one before that of the picture before; none while more pictures
        are needed.
        """


def tracker_class(name: str) -> type[PointTracker]:
    """The class of an announced name.

    Raises:
        ProviderError: There is no such tracker, or its module cannot be imported.
    """
    known = {point.name: point for point in reversed(_announced())}
    if name not in known:
        raise ProviderError(
            f"No tracker is called {name!r}; known: {', '.join(sorted(known)) or 'none'}. "
            "Choose one of them, or install its plugin."
        )
    try:
        found: Any = known[name].load()
    except Exception as error:  # a stranger's module may do anything at import
        raise ProviderError(
            f"Tracker {name!r} cannot be used: {type(error).__name__}: {error}. Repair or remove its plugin."
        ) from error
    if not all(hasattr(found, needed) for needed in ("info", "start", "track")):
        raise ProviderError(f"Tracker {name!r}: wanted a class with info, start and track. Tell its authors.")
    tracker: type[PointTracker] = found
    return tracker


def load_tracker(name: str, options: TrackerOptions) -> PointTracker:
    """Make a tracker from its name.

    Raises:
        ProviderError: There is none, or it cannot be used.
        InputError: A package that it needs is not installed.
    """
    made: Any = tracker_class(name)
    try:
        tracker: PointTracker = made(options)
    except MotionStreamError:
        raise
    except Exception as error:
        raise ProviderError(
            f"Tracker {name!r} could not be made: {type(error).__name__}: {error}. Tell its authors."
        ) from error
    return tracker


def _announced() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value))
