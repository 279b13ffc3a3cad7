"""GridShape: how large and dense a grid is to be, by its event and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from motionstream.errors import InputError
from motionstream_drag.event import Brush, Event, Path, Pin, Press
from motionstream_drag.grid import Sketch, Vector, flat_grid, follow_weights
from motionstream_drag.settings import DragSettings


@dataclass(frozen=True, kw_only=True)
class GridShape:
    """A regular grid without a place.

    Attributes:
        radius: In widths.
        spacing: In widths.
        falloff: How much less the rim follows than the middle.
        outline: "disc" leaves out the corners.
    """

    radius: float
    spacing: float
    falloff: float
    outline: Literal["disc", "square"]

    @classmethod
    def of(cls, event: Press | Path | Pin, settings: DragSettings) -> Self:
        """What the event says, and for the rest the settings."""
        falloff, outline = (None, None) if isinstance(event, Pin) else (event.falloff, event.shape)
        return cls(
            radius=settings.radius if event.radius is None else event.radius,
            spacing=settings.spacing if event.spacing is None else event.spacing,
            falloff=settings.falloff if falloff is None else falloff,
            outline=settings.shape if outline is None else outline,
        )

    @property
    def num_across(self) -> int:
        """Points along a side."""
        return 2 * int(self.radius / self.spacing + 1e-9) + 1

    def sketch(self, middle: Vector, *, smoothing_seconds: float = 0.0, pinned: bool = False) -> Sketch:
        """The grid at a place."""
        offsets = flat_grid(self.radius, self.spacing, self.outline)
        return Sketch(
            middle=middle,
            offsets=offsets,
            weights=follow_weights(offsets, self.radius, self.falloff),
            radius=self.radius,
            smoothing_seconds=smoothing_seconds,
            pinned=pinned,
        )


def check_size(event: Event, settings: DragSettings) -> None:
    """Refuse an event whose grid alone has too many points.

    Raises:
        InputError: It has more than the setting max_points.
    """
    across = GridShape.of(event, settings).num_across if isinstance(event, Press | Path | Pin) else 0
    count = len(event.points) if isinstance(event, Brush) else across**2
    if count > settings.max_points:
        size = f"{across} x {across}" if across else str(count)
        raise InputError(
            f"Drag event: {event.type}: a grid of {size} points exceeds max_points {settings.max_points}. "
            "Widen the spacing, shrink the radius or raise max_points."
        )
