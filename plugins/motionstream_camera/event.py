"""Events: what the user did to the camera, and when.

Times are seconds of the stream; places run from 0 to 1 over the picture; ways of a pointer are parts of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from motionstream.errors import InputError
from motionstream_camera.presets import PresetName

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Way = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Pace = Annotated[float, Field(ge=0.01, le=10, allow_inf_nan=False)]
Axis = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class TimedEvent(BaseModel):
    """What all events share.

    Attributes:
        time_seconds: When it happened, in stream time; None is as soon as possible.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_seconds: Seconds | None = None


class Keys(TimedEvent):
    """The keys that are held from now on, by their names in a browser: "w", "ArrowLeft", "Shift".

    Attributes:
        keys: All of them; those without a meaning are ignored.
        pace: Multiple of the speeds that the settings say, from now on.
    """

    type: Literal["keys"] = "keys"
    keys: tuple[Annotated[str, Field(max_length=32)], ...] = Field(default=(), max_length=32)
    pace: Pace = 1.0


class Gamepad(TimedEvent):
    """The sticks of a gamepad from now on, as a browser numbers them.

    Attributes:
        axes: Left stick x, y, right stick x, y; what is left out is at rest.
        pace: Multiple of the speeds that the settings say, from now on.
    """

    type: Literal["gamepad"] = "gamepad"
    axes: tuple[Axis, ...] = Field(default=(), max_length=16)
    pace: Pace = 1.0


class Look(TimedEvent):
    """The view is dragged: a drag across the picture turns by the field of view.

    Attributes:
        dx: To the right the camera turns right.
        dy: Downwards the camera turns down.
    """

    type: Literal["look"] = "look"
    dx: Way = 0
    dy: Way = 0


class Orbit(TimedEvent):
    """The camera goes round the thing at a place.

    Attributes:
        x: Of the thing; where it is left out the pivot of before stays, at first the middle of the scene.
        y: Of the thing.
        dx: How far the pointer went; half the picture is a quarter turn.
        dy: How far it went down.
    """

    type: Literal["orbit"] = "orbit"
    x: Way | None = None
    y: Way | None = None
    dx: Way = 0
    dy: Way = 0


class Dolly(TimedEvent):
    """The camera goes forward by notches of a wheel; one is a part (`wheel_step`) of the scene's depth."""

    type: Literal["dolly"] = "dolly"
    amount: Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


class Zoom(TimedEvent):
    """The focal length changes by notches of a wheel; ten of them double it."""

    type: Literal["zoom"] = "zoom"
    amount: Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


class Reset(TimedEvent):
    """The camera goes back to where the photograph was taken."""

    type: Literal["reset"] = "reset"


class Preset(TimedEvent):
    """A flight begins from where the camera is; "none" ends it.

    Attributes:
        name: Which one.
    """

    type: Literal["preset"] = "preset"
    name: PresetName | Literal["none"]


class Keyframe(BaseModel):
    """Where the camera is to be at a time of a key-framed flight.

    Attributes:
        seconds: After its start.
        pose: Camera to world, 4x4 row by row, OpenCV axes, the photograph's camera at the origin.
        zoom: Focal length as a multiple of the photograph's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=3600)]
    pose: tuple[Number, ...] = Field(min_length=16, max_length=16)
    zoom: Annotated[float, Field(ge=0.1, le=10)] = 1.0


class Keyframes(TimedEvent):
    """A flight along a spline through key frames begins from where the camera is; it ends at the last one."""

    type: Literal["keyframes"] = "keyframes"
    frames: tuple[Keyframe, ...] = Field(min_length=1, max_length=256)


class Anchor(TimedEvent):
    """The depth of a later picture of the stream becomes the scene; points in view keep their ids.

    Attributes:
        image: A video frame as a PNG, JPEG or WebP, base64, with or without "data:...,".
        frame: Its number in the stream; by default it is the one of the event's time.
    """

    type: Literal["anchor"] = "anchor"
    image: str = Field(max_length=64_000_000)
    frame: Annotated[int, Field(ge=0, le=10**9)] | None = None


Event = Annotated[
    Keys | Gamepad | Look | Orbit | Dolly | Zoom | Reset | Preset | Keyframes | Anchor, Field(discriminator="type")
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
        got = repr(problem["input"])
        raise InputError(f"Camera event: {where}: {problem['msg']}, got {got[:80]}.") from error
