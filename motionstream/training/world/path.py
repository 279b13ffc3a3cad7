"""Paths: smooth ways through the frame, and ways as a hand drags a thing (start, stop, zigzag).

A path is an offset from its first position in fractions of the frame's width, shape [t 2], and starts at zero.
A speed is a fraction of the width per video frame.
"""

import numpy as np
from numpy.typing import NDArray

_SWEEP = 0.032  # of the width in one video frame, on average


def make_path(rng: np.random.Generator, num_frames: int, name: str, speed: float) -> NDArray[np.float64]:
    """Draw a "linear", "arc", "sinusoid", "drag", "zigzag" or "wander" path with `speed` as its typical speed.

    Returns:
        Offsets in fractions of the width, shape [num_frames 2]; the first is zero.
    """
    frame = np.arange(num_frames, dtype=np.float64)
    heading = _heading(rng)
    if name == "linear":
        return speed * frame[:, None] * heading
    if name == "arc":
        return _arc(rng, frame, heading, speed)
    if name == "sinusoid":
        wave = rng.uniform(0.02, 0.1) * np.sin(2 * np.pi * frame / rng.uniform(14, 40))
        return np.asarray(speed * frame[:, None] * heading + wave[:, None] * (-heading[1], heading[0]))
    if name == "wander":
        return smooth_walk(rng, num_frames, 2, speed * 12, 12)
    return _hand(rng, num_frames, heading, speed, zigzag=name == "zigzag")


def path_to(rng: np.random.Generator, num_frames: int, end: NDArray[np.float64]) -> NDArray[np.float64]:
    """A path in one slightly bowed sweep that ends at `end` [2] and rests there, at a hand's speed if time allows."""
    last, distance = num_frames - 1, float(np.linalg.norm(end))
    length = min(max(rng.uniform(0.5, 0.95) * min(last, 48), distance / _SWEEP), last)
    start = rng.uniform(0, min(last - length, 12))
    phase = np.clip((np.arange(num_frames) - start) / length, 0, 1)
    bow = np.sin(np.pi * phase)[:, None] * rng.normal(0, 0.1) * np.array((-end[1], end[0]))
    return np.asarray(_ease(phase, rng.uniform(0.2, 1))[:, None] * end + bow)


def smooth_walk(
    rng: np.random.Generator, num_frames: int, channels: int, amplitude: float, period: float
) -> NDArray[np.float64]:
    """A smooth random signal made of three sinusoids, zero at the first frame, shape [num_frames channels]."""
    frame = np.arange(num_frames)[:, None, None]
    rate = 2 * np.pi / (period * rng.uniform(0.8, 4, (3, channels)))
    phase = rng.uniform(0, 2 * np.pi, (3, channels))
    weight = rng.normal(0, amplitude, (3, channels)) / 3**0.5
    return np.asarray((weight * (np.sin(rate * frame + phase) - np.sin(phase))).sum(axis=1))


def _heading(rng: np.random.Generator) -> NDArray[np.float64]:
    """A direction; sideways is likelier than up or down, as in most videos."""
    angle = rng.uniform(0, 2 * np.pi)
    vector = np.array([np.cos(angle), np.sin(angle) * rng.uniform(0.3, 1)])
    return np.asarray(vector / np.linalg.norm(vector))


def _arc(
    rng: np.random.Generator, frame: NDArray[np.float64], heading: NDArray[np.float64], speed: float
) -> NDArray[np.float64]:
    turn = rng.choice((-1, 1)) * rng.uniform(0.03, 0.22)
    angle = np.arctan2(heading[1], heading[0]) + turn * frame
    start = angle[0]
    return np.asarray(speed / turn * np.stack([np.sin(angle) - np.sin(start), np.cos(start) - np.cos(angle)], axis=1))


def _hand(
    rng: np.random.Generator, num_frames: int, heading: NDArray[np.float64], speed: float, *, zigzag: bool
) -> NDArray[np.float64]:
    """Straight legs with rests between them; every leg starts and stops softly."""
    path = np.zeros((num_frames, 2))
    start, here = int(rng.integers(0, 5)), np.zeros(2)
    while start < num_frames - 1:
        length = int(rng.integers(5, 11) if zigzag else rng.integers(10, 31))
        leg = heading * speed * length * rng.uniform(0.7, 1.1)
        phase = np.clip((np.arange(num_frames - start)) / length, 0, 1)
        path[start:] = here + _ease(phase, rng.uniform(0.2, 1))[:, None] * leg
        if not zigzag:
            path[start:] += np.sin(np.pi * phase)[:, None] * rng.normal(0, 0.12) * np.array((-leg[1], leg[0]))
        here = here + leg
        start += length + int(rng.integers(0, 2) if zigzag else rng.integers(2, 14))
        heading = _turn(rng, heading, zigzag)
    return path


def _ease(phase: NDArray[np.float64], softness: float) -> NDArray[np.float64]:
    smooth = phase * phase * (3 - 2 * phase)
    return softness * smooth + (1 - softness) * phase


def _turn(rng: np.random.Generator, heading: NDArray[np.float64], zigzag: bool) -> NDArray[np.float64]:
    """Zigzags turn nearly back; other drags turn anywhere."""
    angle = rng.choice((-1, 1)) * rng.uniform(1.9, 3.0) if zigzag else rng.uniform(-np.pi, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * heading[0] - sin * heading[1], sin * heading[0] + cos * heading[1]])
