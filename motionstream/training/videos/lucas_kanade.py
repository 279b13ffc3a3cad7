"""Lucas-Kanade: the tracker that needs nothing but OpenCV."""

import math

import numpy as np
from jaxtyping import UInt8

from motionstream.streaming.retracking import TrackerConfig, retrack
from motionstream.tracks import Tracks
from motionstream.training.videos.tracker import scattered_points

_SMALL_SIDE_PX = 128
_LARGE_SIDE_PX = 256


def track_lucas_kanade(frames: UInt8[np.ndarray, "t h w 3"]) -> Tracks:
    """Follows a jittered grid of points; visible as long as the way back and the look of frame 0 agree.

    It cannot see a point come back: once lost, a point rests where it was seen last and is never visible again. Flat
    places cannot be followed at all.
    """
    size = np.array([frames.shape[2], frames.shape[1]])
    points = scattered_points(frames[0])
    seen = retrack(frames, points * size, config_for(*frames.shape[1:3]))
    return Tracks(ids=np.arange(len(points)), xy=seen.positions_px / size, visible=seen.valid)


def config_for(height: int, width: int) -> TrackerConfig:
    """Returns how frames of a size are followed: the larger they are, the farther things move between two of them.

    A point may change its look more than where motion is measured: faces turn and lights change in real videos.
    """
    side = min(height, width)
    small = side < _LARGE_SIDE_PX
    octaves = math.log2(side / (_SMALL_SIDE_PX if small else _LARGE_SIDE_PX))
    return TrackerConfig(
        enlargement=2 if small else 1,
        window_px=7 if small else 15,
        levels=2 + max(0, round(octaves)),
        anchor_px=2.0 * max(1.0, side / _SMALL_SIDE_PX),
        lost_difference=40.0,
    )
