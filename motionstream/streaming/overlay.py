"""Tracks drawn on video frames, so that one sees what the motion was asked to be.

Green: live points with a short tail. Red: static points. Grey rings: points that are hidden but specified.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from motionstream.errors import InputError
from motionstream.tracks import Tracks

LIVE, STATIC, HIDDEN = (40, 230, 70), (240, 40, 40), (150, 150, 150)
"""Colours of the points, RGB."""

_OUTLINE = (0, 0, 0)
_STILL_WIDTHS = 0.0025  # a third of a pixel at 128: less motion than one can see
_RADIUS_SIDES = 0.008  # point radius as a part of the shorter side
_SUBPIXEL_BITS = 4  # cv2 draws at sixteenths of a pixel


def draw_tracks(
    frames: UInt8[np.ndarray, "t h w 3"],
    tracks: Tracks,
    *,
    tail_frames: int = 8,
    static: Bool[np.ndarray, " n"] | None = None,
) -> UInt8[np.ndarray, "t h w 3"]:
    """New frames with the tracks on them; the given frames are left alone.

    The frames belong to the *last* t frames of the tracks: earlier ones only lengthen the tails, so a stream can be
    drawn chunk by chunk. For small frames, `enlarge` first and draw afterwards: everything scales with the frame.

    Args:
        frames: RGB video frames of any size.
        tracks: At least t frames of tracks.
        tail_frames: How many video frames back the tail of a live point reaches.
        static: Which points are static; by default those that move nowhere in `tracks`.

    Raises:
        InputError: There are fewer frames of tracks than video frames, or `static` does not fit the points.
    """
    earlier = tracks.num_frames - len(frames)
    if earlier < 0:
        raise InputError(f"Overlay: wanted tracks for {len(frames)} video frames, got {tracks.num_frames}.")
    if static is None:
        static = static_points(tracks)
    elif static.shape != (tracks.num_points,):
        raise InputError(f"Overlay: wanted one static mark for each of {tracks.num_points} points, got {static.shape}.")
    height, width = frames.shape[1:3]
    places = _cv2_places(tracks.xy, width, height)
    drawn = frames.copy()
    for index, canvas in enumerate(drawn):
        now = earlier + index
        _draw_frame(canvas, places[max(0, now - tail_frames) : now + 1], tracks.visible[: now + 1], static)
    return drawn


def static_points(tracks: Tracks) -> Bool[np.ndarray, " n"]:
    """Which points stay, within what one can see, where they are in the first frame."""
    away = np.linalg.norm(tracks.xy - tracks.xy[:1], axis=-1)
    return np.asarray((away < _STILL_WIDTHS).all(axis=0))


def _cv2_places(xy: Float[np.ndarray, "t n 2"], width: int, height: int) -> Int32[np.ndarray, "t n 2"]:
    """Normalised positions -> cv2's fixed-point pixels, whose integers are pixel centres."""
    near = np.clip(xy, -2, 3)  # far outside nothing is drawn, and integers must not overflow
    pixels = near * (width, height) - 0.5
    places: np.ndarray = np.rint(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    return places


def _draw_frame(
    canvas: UInt8[np.ndarray, "h w 3"],
    tail: Int32[np.ndarray, "k n 2"],
    visible: Bool[np.ndarray, "s n"],
    static: Bool[np.ndarray, " n"],
) -> None:
    """Draw one frame in place: hidden points below, then static, then live ones."""
    seen = visible[-1]
    seen_tail = visible[-len(tail) :]
    radius = max(1.0, _RADIUS_SIDES * min(canvas.shape[:2]))
    for point in np.flatnonzero(~seen):
        _ring(canvas, tail[-1, point], radius)
    for point in np.flatnonzero(seen & static):
        _dot(canvas, tail[-1, point], radius, STATIC)
    for point in np.flatnonzero(seen & ~static):
        _tail(canvas, tail[:, point], seen_tail[:, point], radius)
        _dot(canvas, tail[-1, point], radius, LIVE)


def _tail(
    canvas: UInt8[np.ndarray, "h w 3"],
    places: Int32[np.ndarray, "k 2"],
    seen: Bool[np.ndarray, " k"],
    radius: float,
) -> None:
    import cv2

    hidden = np.flatnonzero(~seen)
    start = int(hidden[-1]) + 1 if hidden.size else 0  # no line across the frames in which the point was hidden
    line = places[start:, None]
    cv2.polylines(canvas, [line], False, LIVE, max(1, round(radius / 2)), cv2.LINE_AA, _SUBPIXEL_BITS)


def _dot(
    canvas: UInt8[np.ndarray, "h w 3"], place: Int32[np.ndarray, " 2"], radius: float, colour: tuple[int, int, int]
) -> None:
    import cv2

    centre = (int(place[0]), int(place[1]))
    unit = 1 << _SUBPIXEL_BITS
    if radius >= 2:  # on small frames an outline would hide the picture
        cv2.circle(canvas, centre, round((radius + 1) * unit), _OUTLINE, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    cv2.circle(canvas, centre, round(radius * unit), colour, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _ring(canvas: UInt8[np.ndarray, "h w 3"], place: Int32[np.ndarray, " 2"], radius: float) -> None:
    import cv2

    centre = (int(place[0]), int(place[1]))
    thickness = max(1, round(radius / 3))
    cv2.circle(canvas, centre, round(radius * (1 << _SUBPIXEL_BITS)), HIDDEN, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
