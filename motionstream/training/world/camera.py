"""The camera: pan, zoom, dolly and roll over time, and what they do to a plane at a given depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.path import smooth_walk

Affine = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Camera motion relative to frame 0.

    Attributes:
        pan: Shift of a plane at depth 1 against the view, in pixels, shape [t 2]; a plane at depth d shifts by pan / d.
        zoom: Magnification of everything, shape [t].
        dolly: How far the camera has driven forward, in units of depth, shape [t]; always below 1, the nearest depth.
        roll: Turn about the view axis in radians, shape [t].
        move: What a caption says of it, such as "pans right"; empty when it stands still.
    """

    pan: NDArray[np.float64]
    zoom: NDArray[np.float64]
    dolly: NDArray[np.float64]
    roll: NDArray[np.float64]
    move: str

    def view(self, depth: float, height: int, width: int) -> Affine:
        """Frame-0 pixels of a plane at `depth` (1 or more) to its pixels in every frame, shape [t 2 3]."""
        centre = np.array([width / 2, height / 2])
        scale = self.zoom * depth / (depth - self.dolly)
        cos, sin = np.cos(self.roll) * scale, np.sin(self.roll) * scale
        linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        offset = centre - np.einsum("tij,tj->ti", linear, centre + self.pan / depth)
        return np.concatenate([linear, offset[..., None]], axis=-1)

    def depth_of(self, depth: float) -> NDArray[np.float64]:
        """Distance of a plane from the camera in every frame, shape [t]."""
        return depth - self.dolly


def still_camera(num_frames: int) -> Camera:
    """A camera that does not move at all."""
    zero = np.zeros(num_frames)
    return Camera(pan=np.zeros((num_frames, 2)), zoom=np.ones(num_frames), dolly=zero, roll=zero, move="")


def make_camera(rng: np.random.Generator, num_frames: int, width: int) -> Camera:
    """Draw a camera that pans, zooms, dollies or only shakes a little in the hand."""
    kind = rng.choice(("pan", "zoom", "dolly", "pan and zoom", "shake"), p=(0.42, 0.16, 0.18, 0.12, 0.12))
    progress = _progress(rng, num_frames)
    pan, move = np.zeros((num_frames, 2)), "shakes a little"
    zoom, dolly = np.ones(num_frames), np.zeros(num_frames)
    if kind == "zoom" or kind == "dolly":
        amount = rng.uniform(0.12, 0.4) * rng.choice((-1, 1))
        move = ("zooms " if kind == "zoom" else "moves ") + ("in" if amount > 0 else "out")
        if kind == "dolly":
            dolly = (amount if amount < 0 else min(amount, 0.35)) * progress
            move = "moves " + ("forward" if amount > 0 else "back")
        else:
            zoom = np.exp(amount * progress)
    if "pan" in kind:
        pan, move = _pan(rng, progress, num_frames, width)
        if kind != "pan":
            zoom = np.exp(rng.uniform(-0.3, 0.3) * progress)
    roll = rng.uniform(-0.15, 0.15) * progress if rng.random() < 0.2 else np.zeros(num_frames)
    if kind == "shake" or rng.random() < 0.4:
        pan = pan + smooth_walk(rng, num_frames, 2, rng.uniform(0.002, 0.01) * width, 8)
        roll = roll + smooth_walk(rng, num_frames, 1, rng.uniform(0, 0.008), 10)[:, 0]
    return Camera(pan=pan, zoom=zoom, dolly=dolly, roll=roll, move=move)


def _progress(rng: np.random.Generator, num_frames: int) -> NDArray[np.float64]:
    """Time in units of 33 frames, at constant speed or with a soft start; longer clips go back and forth."""
    phase = 1 - np.abs(np.arange(num_frames) / 32 % 2 - 1)
    if rng.random() < 0.5:
        return phase
    start = rng.uniform(0, 0.4)
    late = np.clip(phase - start, 0, None)
    return np.asarray(np.where(late < 0.3, late**2 / 0.6, late - 0.15))


def _pan(
    rng: np.random.Generator, progress: NDArray[np.float64], num_frames: int, width: int
) -> tuple[NDArray[np.float64], str]:
    distance = min(rng.gamma(2.0, 0.16), 0.8) * width
    angle = rng.choice((0, np.pi)) + rng.normal(0, 0.25) if rng.random() < 0.75 else rng.uniform(0, 2 * np.pi)
    heading = np.array([np.cos(angle), np.sin(angle)])
    sideways = abs(heading[0]) >= abs(heading[1])
    word = ("right" if heading[0] > 0 else "left") if sideways else ("down" if heading[1] > 0 else "up")
    return progress[:, None] * distance * heading, f"pans {word}"
