"""Motion of one thing: where its middle goes, how it turns, grows, squashes and bends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.deform import Bend
from motionstream.training.world.path import make_path, smooth_walk

HAND_PATHS = ("drag", "zigzag")
_FREE_PATHS, _FREE_ODDS = ("linear", "arc", "sinusoid", "drag", "zigzag", "wander"), (0.3, 0.18, 0.14, 0.16, 0.1, 0.12)

_FASTEST = 0.04  # of the width in one video frame


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Motion of a thing about its middle.

    Attributes:
        offset: Way of the middle from frame 0 in fractions of the width, shape [t 2].
        turn: Radians, shape [t]; zero at frame 0.
        stretch: Scale along the thing's own x and y, shape [t 2]; one at frame 0.
        kind: Name of the path, "still" for none.
    """

    offset: NDArray[np.float64]
    turn: NDArray[np.float64]
    stretch: NDArray[np.float64]
    kind: str

    def matrix(self, way: NDArray[np.float64], middle: tuple[float, float]) -> NDArray[np.float64]:
        """Texels to world pixels in every frame, shape [t 2 3]: `middle` (texels) goes along `way` (pixels, [t 2])."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        linear = turn * self.stretch[:, None, :]
        return np.concatenate([linear, (way - linear @ np.array(middle))[..., None]], axis=-1)


def still_motion(num_frames: int) -> Motion:
    """A thing that stays as it is."""
    nowhere, alike = np.zeros((num_frames, 2)), np.ones((num_frames, 2))
    return Motion(offset=nowhere, turn=np.zeros(num_frames), stretch=alike, kind="still")


def dragged_motion(rng: np.random.Generator, num_frames: int) -> Motion:
    """A thing dragged by a hand over up to about half the width, turned and grown seldom and a little."""
    kind = str(rng.choice(HAND_PATHS, p=(0.65, 0.35)))
    offset = make_path(rng, num_frames, kind, 0.01)
    reach = max(float(np.abs(offset).max()), 1e-6)
    fastest = max(float(np.abs(np.diff(offset, axis=0, prepend=0)).max()), 1e-6)
    offset *= min(rng.uniform(0.06, 0.55) / reach, _FASTEST / fastest)
    turn = _turn(rng, num_frames) * 0.5 if rng.random() < 0.3 else np.zeros(num_frames)
    stretch = _stretch(rng, num_frames) if rng.random() < 0.2 else np.ones((num_frames, 2))
    return Motion(offset=offset, turn=turn, stretch=stretch, kind=kind)


def free_motion(rng: np.random.Generator, num_frames: int) -> Motion:
    """A thing on its own way: any path, mostly under 2.5 % of the width a frame, often turning or growing."""
    kind = str(rng.choice(_FREE_PATHS, p=_FREE_ODDS))
    offset = make_path(rng, num_frames, kind, min(rng.gamma(2, 0.006) + 0.001, 0.045))
    turn = _turn(rng, num_frames) if rng.random() < 0.5 else np.zeros(num_frames)
    stretch = _stretch(rng, num_frames) if rng.random() < 0.5 else np.ones((num_frames, 2))
    return Motion(offset=offset, turn=turn, stretch=stretch, kind=kind)


def make_bends(rng: np.random.Generator, num_frames: int, rows: int, columns: int, strength: float) -> tuple[Bend, ...]:
    """One or two smooth waves across a texture, zero at frame 0; `strength` is in parts of its size."""
    size = max(rows, columns)
    first = int(rng.integers(2))
    axes = (first, 1 - first) if rng.random() < 0.5 else (first,)
    bends = []
    for axis in axes:
        amplitude = smooth_walk(rng, num_frames, 1, strength * size * rng.uniform(0.4, 1), rng.uniform(25, 60))[:, 0]
        phase = np.asarray(rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.08) * np.arange(num_frames), np.float64)
        limit = 0.11 * size
        pivot = (rows if axis == 0 else columns) / 2
        rate = 2 * np.pi / (size * rng.uniform(0.9, 3))
        bends.append(Bend(axis=axis, amplitude=np.clip(amplitude, -limit, limit), phase=phase, rate=rate, pivot=pivot))
    return tuple(bends)


def _turn(rng: np.random.Generator, num_frames: int) -> NDArray[np.float64]:
    if rng.random() < 0.5:
        return np.asarray(rng.normal(0, 0.025) * np.arange(num_frames))
    return smooth_walk(rng, num_frames, 1, rng.uniform(0.05, 0.35), 30)[:, 0]


def _stretch(rng: np.random.Generator, num_frames: int) -> NDArray[np.float64]:
    grow = np.arange(num_frames) / 32 * rng.normal(0, 0.25) if rng.random() < 0.6 else np.zeros(num_frames)
    squash = smooth_walk(rng, num_frames, 1, rng.uniform(0, 0.16), 30)[:, 0]
    return np.asarray(np.exp(np.clip(np.stack([grow + squash, grow - squash], axis=1), -0.6, 0.5)))
