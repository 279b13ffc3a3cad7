"""Side by side: the true clip, the made one, and the made one with its tracks drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from motionstream.evaluation.measurement import Measured
from motionstream.streaming.enlarge import enlarge
from motionstream.streaming.overlay import draw_tracks
from motionstream.streaming.retracking import Retracked
from motionstream.tracks import Tracks

FOUND = (250, 60, 250)
"""Colour of the crosses where the tracker found a point, RGB; the wanted place is drawn as by `draw_tracks`."""

_MOST_POINTS = 64
_GAP_PX = 4
_ARM_SIDES = 0.01  # half a cross, as a part of the shorter side
_SUBPIXEL_BITS = 4


def side_by_side(measured: Measured, scale: int) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Frames with three panels: true, made, made with tracks.

    In the third one a line leads from each wanted place to the cross where the tracker found the point; lost points
    have none. At most 64 points are drawn.

    Args:
        measured: A clip.
        scale: Whole factor by which the panels are enlarged.
    """
    true, made = enlarge(measured.true_frames, scale), enlarge(measured.frames, scale)
    every = -(-max(1, measured.wanted.num_points) // _MOST_POINTS)
    drawn = np.arange(measured.wanted.num_points) % every == 0
    wanted = measured.wanted.select(drawn)
    found = Retracked(positions_px=measured.found.positions_px[:, drawn], valid=measured.found.valid[:, drawn])
    marked = _crossed(draw_tracks(made, wanted), wanted, found, scale)
    gap = np.full((*made.shape[:2], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate([true, gap, made, gap, marked], axis=2)


def _crossed(
    frames: UInt8[np.ndarray, "t h w 3"], wanted: Tracks, found: Retracked, scale: int
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames, with crosses drawn on them, in place."""
    import cv2

    height, width = frames.shape[1:3]
    unit = 1 << _SUBPIXEL_BITS
    arm = round(max(2.0, _ARM_SIDES * min(height, width)) * unit)
    goals = np.rint((wanted.xy * (width, height) - 0.5) * unit).astype(int)
    places = np.rint((found.positions_px * scale - 0.5) * unit).astype(int)
    for canvas, goal, place, seen in zip(frames, goals, places, wanted.visible & found.valid, strict=True):
        for point in np.flatnonzero(seen):
            x, y = (int(value) for value in place[point])
            lines = [((x - arm, y - arm), (x + arm, y + arm)), ((x - arm, y + arm), (x + arm, y - arm))]
            for start, end in [((x, y), (int(goal[point, 0]), int(goal[point, 1]))), *lines]:
                cv2.line(canvas, start, end, FOUND, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
    return frames
