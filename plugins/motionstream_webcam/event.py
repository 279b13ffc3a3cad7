"""Events: what a page says to the webcam provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from motionstream.errors import InputError
from motionstream_webcam.jpeg import check_jpeg
from motionstream_webcam.region import Region
from motionstream_webcam.settings import WHOLE

Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class CameraEvent(BaseModel):
    """A camera picture.

    Attributes:
        jpeg: The picture.
        time_seconds: When it was taken, by any steady clock of the sender; None is now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["camera"]
    jpeg: bytes
    time_seconds: Seconds | None = None


class ReferenceEvent(BaseModel):
    """Where the camera's points are now is from now on where they rest.

    Attributes:
        target: The target's points go back to where they rest, or stay where they are.
        time_seconds: Not used: it counts from the next camera picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["reference"]
    target: Literal["rest", "stay"] = "rest"
    time_seconds: Seconds | None = None


class RegionEvent(BaseModel):
    """Another part of the camera picture or of the target; the target's points are new ones after it.

    Attributes:
        on: Of which picture.
        box: left, top, right, bottom from 0 to 1; the whole picture by default.
        brush: Points (x, y) from 0 to 1 along a stroke, in place of a box.
        radius: Of the brush, in widths.
        time_seconds: Not used: it counts from the next camera picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["region"]
    on: Literal["camera", "target"]
    box: tuple[Part, Part, Part, Part] = WHOLE
    brush: tuple[tuple[Part, Part], ...] = Field(default=(), max_length=2000)
    radius: float = Field(default=0.05, ge=0.005, le=0.5)
    time_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _box_is_a_box(self) -> Self:
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise ValueError("box: wanted left < right and top < bottom")
        return self

    def region(self, aspect: float) -> Region:
        """The part of a picture that is `aspect` widths high."""
        if self.brush:
            return Region.of_brush(np.array(self.brush), self.radius, aspect)
        return Region.of_box(self.box, aspect)


Event = CameraEvent | ReferenceEvent | RegionEvent
_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def parse_event(event: Mapping[str, Any]) -> Event:
    """Check an event.

    Raises:
        InputError: It is not an event of this provider; the message names the first problem.
    """
    if event.get("type") == "camera":
        event = {**event, "jpeg": check_jpeg(event.get("jpeg"))}
    try:
        return _EVENTS.validate_python(event)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"])) or "type"
        raise InputError(
            f"Webcam event: {where}: {problem['msg']}. Known are camera, reference and region; see its README."
        ) from error
