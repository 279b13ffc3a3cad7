"""A provider that swirls points round the centre of the picture."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from motionstream.tracks import Tracks


class OrbitSettings(BaseModel):
    """What the orbit looks like."""

    model_config = ConfigDict(frozen=True)

    num_points: int = Field(default=24, ge=1, le=500, description="Points on the ring.")
    radius: float = Field(default=0.25, ge=0.01, le=1, description="Radius of the ring, in widths of the picture.")
    turns_per_second: float = Field(default=0.1, ge=-2, le=2, description="Speed; below zero the other way round.")


class OrbitProvider:
    """Points on a ring that turns."""

    settings_type = OrbitSettings

    def __init__(self, settings=None):
        self.settings = settings or OrbitSettings()

    def start(self, info):
        """Remember the aspect, so that the ring is round."""
        self.aspect = info.height / info.width

    def read(self, window):
        """The same points in every frame, further on their way: angles [t, n]."""
        ids = np.arange(self.settings.num_points)
        turns = ids / len(ids) + self.settings.turns_per_second * window.frame_times[:, None]
        ring = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns) / self.aspect], axis=-1)
        xy = 0.5 + self.settings.radius * ring
        return Tracks(ids=ids, xy=xy, visible=np.ones(turns.shape, bool))

    def handle(self, event):
        """An orbit takes no events."""

    def close(self):
        """Nothing is held, nothing is given back."""
