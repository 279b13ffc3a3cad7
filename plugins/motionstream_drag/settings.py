"""Settings of the drag provider. Lengths are fractions of the picture's width."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


class DragSettings(BaseModel):
    """What a press picks, how it follows, and what stays behind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    script: Path | None = Field(
        default=None, description="JSON file with events to replay; the settings it holds apply where none are given."
    )
    radius: float = Field(
        default=0.08,
        ge=0,
        le=0.5,
        description="Radius of the grid that a press picks; 0 is one point.",
        json_schema_extra=_unit("widths"),
    )
    spacing: float = Field(
        default=0.04,
        ge=0.005,
        le=0.5,
        description="Distance of neighbouring points of a grid.",
        json_schema_extra=_unit("widths"),
    )
    shape: Literal["disc", "square"] = Field(default="disc", description="Outline of the grid that a press picks.")
    falloff: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How much less the rim of a grid follows than its middle: 0 is rigid, 1 leaves the rim behind.",
    )
    after_release: Literal["hold", "let_go"] = Field(
        default="hold", description="What a grid does after the release: hold its place, or let go once it has arrived."
    )
    max_speed: float = Field(
        default=1.0,
        gt=0,
        le=20,
        description="Fastest motion of a grid; a faster drag is followed late.",
        json_schema_extra=_unit("widths/s"),
    )
    smoothing_seconds: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How far a grid lags behind a steady drag; 0 follows every jerk.",
        json_schema_extra=_unit("s"),
    )
    background_points: int = Field(
        default=0,
        ge=0,
        le=32,
        description="Pin a lattice of this many by this many points to hold the rest of the picture; 0 pins none.",
    )
    background_clearance: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Room around a moving grid in which the lattice says nothing.",
        json_schema_extra=_unit("widths"),
    )
    max_points: int = Field(
        default=2500,
        ge=1,
        le=20_000,
        description="Most points at a time; beyond it the oldest resting grids are let go.",
    )

    @model_validator(mode="after")
    def _one_grid_fits(self) -> Self:
        across = 2 * int(self.radius / self.spacing + 1e-9) + 1
        if across**2 > self.max_points:
            raise ValueError(
                f"a grid of {across} x {across} points exceeds max_points {self.max_points}: "
                "widen spacing, shrink radius or raise max_points"
            )
        return self
