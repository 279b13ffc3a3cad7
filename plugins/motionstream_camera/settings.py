"""Settings of the camera provider. Lengths of motion are parts of the scene's median depth, so no unit is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motionstream_camera.presets import PresetName


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


class CameraSettings(BaseModel):
    """Where depth comes from, what is tracked, how the camera moves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: Literal["floor", "depth-anything"] = Field(
        default="floor", description="Source of depth: a floor up to the horizon, or a network from the hub."
    )
    depth_source: Path | None = Field(
        default=None,
        description="In place of `depth`: a depth file (png, tiff, exr, npy), or a depth network's folder or hub id.",
    )
    near: float = Field(
        default=1.0, gt=0, le=1000, description="Nearest depth, where the source knows no unit (floor, inverse depth)."
    )
    far: float = Field(default=8.0, gt=0, le=10_000, description="Farthest depth, where the source knows no unit.")
    horizon: float = Field(
        default=0.45, ge=0, le=0.95, description="Height of the horizon of the floor: 0 top, 1 bottom of the picture."
    )
    depth_unit: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="One step of a depth file; 0 takes millimetres for whole numbers and metres for others.",
        json_schema_extra=_unit("m"),
    )
    depth_inverse: bool = Field(default=False, description="A depth file holds relative inverse depth: large is near.")
    field_of_view: float = Field(
        default=0.0,
        ge=0,
        le=150,
        description="Horizontal field of view of the picture; 0 takes the photograph's EXIF, else the camera path's "
        "intrinsics, else 55.",
        json_schema_extra=_unit("degrees"),
    )
    photograph: Path | None = Field(
        default=None, description="The photograph's file, whose EXIF data tell the field of view."
    )
    points_across: int = Field(
        default=50, ge=2, le=100, description="The grid of tracked points is this many by this many."
    )
    max_points: int = Field(
        default=3600,
        ge=4,
        le=20_000,
        description="Most points at a time; beyond it those that have been out of view longest are let go.",
    )
    seed_points: bool = Field(default=True, description="Add points where the flight uncovers or enlarges the scene.")
    occlusion: bool = Field(default=True, description="Hide points that lie behind something, by a z-test.")
    cut_ratio: float = Field(
        default=0.15,
        ge=0.01,
        le=2,
        description="Neighbouring pixels whose depths differ by more than this part belong to different things.",
    )
    path: PresetName | None = Field(default=None, description="A flight from the first frame on.")
    path_file: Path | None = Field(
        default=None,
        description="In place of `path`: a file with poses (RealEstate10K, transforms.json, poses_bounds.npy, "
        "poses.npy, COLMAP text).",
    )
    path_amount: float = Field(default=1.0, ge=0, le=4, description="Size of a preset's motion; 1 is moderate.")
    path_seconds: float = Field(
        default=6.0, ge=0.5, le=120, description="Time of one round of a preset.", json_schema_extra=_unit("s")
    )
    path_fps: float = Field(
        default=0.0,
        ge=0,
        le=240,
        description="Poses of a file per second; 0 is one for each video frame.",
        json_schema_extra=_unit("fps"),
    )
    path_scale: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="Depth units in one unit of the file's positions; 0 puts its farthest pose `path_extent` away.",
    )
    path_extent: float = Field(
        default=0.3,
        ge=0,
        le=5,
        description="Farthest distance from the start of a file whose scale is not known.",
        json_schema_extra=_unit("median depths"),
    )
    path_lens: Literal["crop", "stretch"] = Field(
        default="crop",
        description="How a file's pictures of another shape became the video's: cut at the centre, or stretched.",
    )
    speed: float = Field(
        default=0.25,
        gt=0,
        le=5,
        description="Speed of the keys and sticks.",
        json_schema_extra=_unit("median depths/s"),
    )
    turn_speed: float = Field(
        default=25.0,
        gt=0,
        le=360,
        description="Turning speed of the arrow keys and the right stick.",
        json_schema_extra=_unit("degrees/s"),
    )
    acceleration_seconds: float = Field(
        default=0.4, ge=0.02, le=5, description="Time to reach full speed and to stop.", json_schema_extra=_unit("s")
    )
    smoothing_seconds: float = Field(
        default=0.15, ge=0, le=2, description="How far the view lags behind the mouse.", json_schema_extra=_unit("s")
    )
    wheel_step: float = Field(
        default=0.04,
        gt=0,
        le=1,
        description="Way of one notch of the wheel.",
        json_schema_extra=_unit("median depths"),
    )
    keep_in_view: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Least part of the picture that has to show the known scene; the camera slows down before it. 0 is "
        "no limit.",
    )
    closest: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="How near the camera may come to things.",
        json_schema_extra=_unit("median depths"),
    )

    @model_validator(mode="after")
    def _fields_go_together(self) -> Self:
        if self.path is not None and self.path_file is not None:
            raise ValueError("path and path_file are two flights: leave one out")
        if self.far <= self.near:
            raise ValueError(f"far {self.far:g} must be beyond near {self.near:g}")
        if self.points_across**2 > self.max_points:
            raise ValueError(
                f"a grid of {self.points_across} x {self.points_across} exceeds max_points {self.max_points}: "
                "lower points_across or raise max_points"
            )
        return self
