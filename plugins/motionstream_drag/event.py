"""Events: what a user did, when and where. A live event and a line of a script are the same thing.

Times are seconds of the stream; positions are normalised, x and y in [0, 1] over the picture, and may lie outside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from motionstream.errors import InputError

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Radius = Annotated[float, Field(ge=0, le=0.5)]
Spacing = Annotated[float, Field(ge=0.005, le=0.5)]


class TimedEvent(BaseModel):
    """What all events share.

    Attributes:
        time_seconds: When it happened, by the client's clock in stream time; None is as soon as possible.
        arrived_seconds: Stream time from which it was known; None is from the start. Set by the provider for live
            events, so that a recording remembers what came late.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_seconds: Seconds | None = None
    arrived_seconds: Seconds | None = None


class PointerEvent(TimedEvent):
    """Something that one pointer (a mouse, a finger) did at a place."""

    x: Coordinate
    y: Coordinate
    pointer: int = 0


class GridEvent(TimedEvent):
    """Something that picks a grid; what is given here overrules the settings for this grid.

    Attributes:
        radius: In widths; 0 is one point.
        spacing: Distance of neighbouring points, in widths.
        falloff: How much less the rim follows than the middle.
        shape: Outline.
    """

    radius: Radius | None = None
    spacing: Spacing | None = None
    falloff: float | None = Field(default=None, ge=0, le=1)
    shape: Literal["disc", "square"] | None = None


class Press(GridEvent, PointerEvent):
    """A pointer goes down: it takes up the resting grid it touches, or picks a new one."""

    type: Literal["press"] = "press"


class Move(PointerEvent):
    """A pointer moves; without a press before it nothing follows."""

    type: Literal["move"] = "move"


class Release(PointerEvent):
    """A pointer goes up."""

    type: Literal["release"] = "release"


class Pin(TimedEvent):
    """Points that stay: one, or a grid of the given radius and spacing in widths."""

    type: Literal["pin"] = "pin"
    x: Coordinate
    y: Coordinate
    radius: Radius = 0
    spacing: Spacing | None = None


class Brush(TimedEvent):
    """Points of any outline that were painted, as one grid that a press takes up.

    Attributes:
        points: Where they are.
        pinned: They stay.
    """

    type: Literal["brush"] = "brush"
    points: tuple[tuple[Coordinate, Coordinate], ...] = Field(min_length=1, max_length=4096)
    pinned: bool = False


class Path(GridEvent):
    """A grid around the first point that moves along a polyline by itself.

    Attributes:
        points: Corners of the polyline.
        speed: Mean speed in widths per second.
        ease: Start and stop gently instead of at full speed.
    """

    type: Literal["path"] = "path"
    points: tuple[tuple[Coordinate, Coordinate], ...] = Field(min_length=2, max_length=10_000)
    speed: float = Field(gt=0, le=20)
    ease: bool = False


class Remove(TimedEvent):
    """Lets go the grid or pin at a place."""

    type: Literal["remove"] = "remove"
    x: Coordinate
    y: Coordinate


class Clear(TimedEvent):
    """Lets go every grid and pin; the background lattice stays."""

    type: Literal["clear"] = "clear"


class Undo(TimedEvent):
    """Lets go the newest grid, pin or path."""

    type: Literal["undo"] = "undo"


class Redo(TimedEvent):
    """Places what was let go by the last undo where it was, unless something was placed since; a path goes on."""

    type: Literal["redo"] = "redo"


class Pause(TimedEvent):
    """Grids on pre-drawn paths wait; pointers are followed as before."""

    type: Literal["pause"] = "pause"


class Resume(TimedEvent):
    """Grids on pre-drawn paths go on."""

    type: Literal["resume"] = "resume"


Event = Annotated[
    Press | Move | Release | Pin | Brush | Path | Remove | Clear | Undo | Redo | Pause | Resume,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(event: Mapping[str, Any] | TimedEvent) -> Event:
    """Check one event.

    Raises:
        InputError: The type is unknown, a field is missing or unknown, or a number is out of range.
    """
    try:
        return _ADAPTER.validate_python(dict(event) if isinstance(event, Mapping) else event)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "event"
        raise InputError(f"Drag event: {where}: {problem['msg']}, got {problem['input']!r}.") from error
