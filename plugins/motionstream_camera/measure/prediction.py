"""Predicted tracks: where a depth and the camera's poses say that points of frame 0 go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from motionstream_camera.depth import DepthMap
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.library import follow
from motionstream_camera.projection import project
from motionstream_camera.settings import CameraSettings

_CUT_RATIO: float = CameraSettings().cut_ratio
_SCALES = np.concatenate([[0.0], np.logspace(-3, 1, 81)])  # of the whole way, in median depths
_ROUNDS, _STEPS = 3, 21


@dataclass(frozen=True, kw_only=True, eq=False)
class RealTracks:
    """Where a tracker found points of frame 0 in the real video.

    Attributes:
        start: Normalised places in frame 0.
        xy: Normalised places in each frame.
        valid: Which of them were found.
        size: Width and height of the frames in pixels, in which errors are stated.
    """

    start: Float64[np.ndarray, "n 2"]
    xy: Float64[np.ndarray, "t n 2"]
    valid: Bool[np.ndarray, "t n"]
    size: tuple[int, int]

    def errors_px(
        self, places: Float[np.ndarray, "#t n 2"], counted: Bool[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " m"]:
        """Distances of predicted places from these, over the counted points that were found after frame 0."""
        away = np.linalg.norm((np.broadcast_to(places, self.xy.shape) - self.xy) * self.size, axis=-1)
        return np.asarray(away[1:][self.valid[1:] & counted])


def real_tracks(clip: Clip, across: int) -> RealTracks:
    """Follow a grid through the clip, so many points across and as many down as make squares."""
    height, width = clip.frames.shape[1:3]
    down = max(2, round(across * clip.aspect))
    x, y = np.meshgrid((np.arange(across) + 0.5) / across, (np.arange(down) + 0.5) / down)
    start = np.stack([x, y], axis=-1).reshape(-1, 2)
    found = follow(clip.frames, start * (width, height))
    xy = found.positions_px.astype(np.float64) / (width, height)
    return RealTracks(start=start, xy=xy, valid=found.valid, size=(width, height))


def known(depth: DepthMap, xy: Float64[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
    """At which places of frame 0 the depth is known."""
    return np.asarray(depth.at(xy, _CUT_RATIO) > 0)


def predicted(
    clip: Clip, depth: DepthMap, xy: Float64[np.ndarray, "n 2"], scale: float
) -> tuple[Float64[np.ndarray, "t n 2"], Float64[np.ndarray, "t n"]]:
    """Where places of frame 0 appear in each frame, and how deep.

    Args:
        clip: Whose poses and lenses are taken.
        depth: Of frame 0.
        xy: Places in it.
        scale: Depth units in one unit of the positions; 0 is rotation alone.
    """
    poses = clip.path.relative.copy()
    poses[:, :3, 3] *= scale
    return project(clip.lenses[0].unproject(xy, depth.at(xy, _CUT_RATIO)), poses, clip.lenses)


def fitted_scale(clip: Clip, depth: DepthMap, real: RealTracks) -> float:
    """The scale of the positions for which the median error of the predicted tracks is least."""
    extent, counted = clip.path.extent, known(depth, real.start)
    if extent == 0 or not (real.valid[1:] & counted).any():
        return 0.0
    scales = _SCALES * float(np.median(depth.values[depth.values > 0])) / extent
    for _ in range(_ROUNDS):
        medians = [
            float(np.median(real.errors_px(predicted(clip, depth, real.start, scale)[0], counted))) for scale in scales
        ]
        best = int(np.argmin(medians))
        around = scales[max(best - 1, 0)], scales[min(best + 1, len(scales) - 1)]
        least, scales = scales[best], np.linspace(*around, _STEPS)
    return float(least)
