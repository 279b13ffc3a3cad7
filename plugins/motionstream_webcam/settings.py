"""Settings of the webcam provider. Lengths are fractions of the picture's width."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


class WebcamSettings(BaseModel):
    """Where the camera pictures come from, how they are followed, and how their motion moves the target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Path = Field(
        default=Path("client"),
        description="A video file, camera:N for this machine's N-th camera, or client for pictures that a page sends.",
    )
    pace: Literal["stream", "live"] = Field(
        default="stream",
        description="How a video file is read: at the stream's own frame times, the same every time, or as a camera "
        "would show it, where what comes too late is left out.",
    )
    mirror: bool = Field(default=False, description="Swap left and right, as a mirror does.")
    camera_px: int = Field(
        default=480,
        ge=64,
        le=1080,
        description="Shorter side of the pictures that are followed; larger ones are made smaller.",
        json_schema_extra=_unit("px"),
    )
    tracker: str = Field(
        default="lucas-kanade",
        description="What follows the points: lucas-kanade, cotracker3, or another by its name.",
    )
    weights: Path | None = Field(default=None, description="Weights file of the tracker, where it needs one.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="Where a tracker that is a network runs."
    )
    num_points: int = Field(default=400, ge=1, le=5000, description="Points on the target.")
    camera_box: Box = Field(
        default=WHOLE,
        description="Part of the camera picture that moves it: left, top, right, bottom from 0 to 1.",
    )
    target_box: Box = Field(
        default=WHOLE, description="Part of the target picture that is moved: left, top, right, bottom from 0 to 1."
    )
    pairing: Literal["similarity", "thin_plate"] = Field(
        default="similarity",
        description="How the camera's part is laid over the target's: shifted and scaled, or bent to its outline.",
    )
    mode: Literal["relative", "absolute"] = Field(
        default="relative",
        description="The target moves as the camera's points move from the reference, or goes where they are.",
    )
    shape: Literal["free", "rigid"] = Field(
        default="free", description="Every point moves by itself, or all move, turn and grow as one."
    )
    gain: float = Field(
        default=1.0, ge=0, le=5, description="How much farther the target moves; turning and growing are kept."
    )
    follow_rotation: bool = Field(default=True, description="Turn the target as the camera's part turns.")
    follow_scale: bool = Field(default=True, description="Grow the target as the camera's part grows.")
    reference_seconds: float = Field(
        default=0.0,
        ge=0,
        le=600,
        description="Camera time at which the reference is taken; nothing moves before.",
        json_schema_extra=_unit("s"),
    )
    remove_shake: bool = Field(
        default=True,
        description="Take away the motion of what lies around the camera's part, where one was chosen.",
    )
    smoothing_cutoff: float = Field(
        default=2.0,
        ge=0.05,
        le=60,
        description="One-Euro filter: frequency kept of slow motion; lower is calmer and later.",
        json_schema_extra=_unit("Hz"),
    )
    smoothing_beta: float = Field(
        default=20.0, ge=0, le=1000, description="One-Euro filter: how much of the smoothing a fast motion takes away."
    )
    dead_zone: float = Field(
        default=0.002,
        ge=0,
        le=0.1,
        description="A motion shorter than this is taken for the sensor's noise.",
        json_schema_extra=_unit("widths"),
    )
    outlier_speed: float = Field(
        default=1.5,
        gt=0,
        le=50,
        description="A point that leaves the motion of most points faster than this is not believed.",
        json_schema_extra=_unit("widths/s"),
    )
    hide_lost: bool = Field(
        default=False, description="Hide points that the tracker lost; else they go on as their neighbours do."
    )
    max_speed: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="Fastest motion of a point of the target; a faster one is followed late.",
        json_schema_extra=_unit("widths/s"),
    )
    max_age_seconds: float = Field(
        default=0.5,
        gt=0,
        le=10,
        description="Camera pictures older than this are left out; when no newer track is there, the camera is stale.",
        json_schema_extra=_unit("s"),
    )

    @model_validator(mode="after")
    def _boxes_are_boxes(self) -> Self:
        for name in ("camera_box", "target_box"):
            left, top, right, bottom = getattr(self, name)
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise ValueError(f"{name}: wanted 0 <= left < right <= 1 and 0 <= top < bottom <= 1")
        return self
