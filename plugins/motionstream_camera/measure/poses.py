"""`poses`: how far the camera's tracks are from those of the real video, given its poses and the depth of a prior."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float64

from motionstream_camera.depth import DepthEstimator, DepthMap, estimator_called
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.epipolar import epipolar_px
from motionstream_camera.measure.homography import best_homographies
from motionstream_camera.measure.posed_videos import find_clips
from motionstream_camera.measure.prediction import fitted_scale, known, predicted, real_tracks
from motionstream_camera.measure.table import markdown, write_json
from motionstream_camera.settings import CameraSettings


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Errors in pixels."""

    median_px: float
    p90_px: float

    @classmethod
    def of(cls, errors: Float64[np.ndarray, " m"]) -> Self:
        """Of single errors; NaN where there is none."""
        if not len(errors):
            return cls(median_px=float("nan"), p90_px=float("nan"))
        return cls(median_px=float(np.median(errors)), p90_px=float(np.quantile(errors, 0.9)))

    def __str__(self) -> str:
        return f"{self.median_px:.2f} / {self.p90_px:.2f}"


@dataclass(frozen=True, kw_only=True)
class PoseErrors:
    """What was measured of one clip; every prediction is held against the same points of the same frames.

    Attributes:
        clip: Its name.
        size: Width and height, in whose pixels errors are.
        frames: Frames after the first.
        points: Points found in a frame, on average.
        scale: Fitted depth units in one unit of the positions.
        predicted: By the depth and the poses.
        constant: By one depth everywhere and the poses, with a scale fitted as well.
        rotation: By the rotations alone, which needs no depth.
        homography: By the best homography of each frame, fitted to the tracks themselves.
        still: By no motion.
        epipolar: Of the real tracks from their epipolar lines: poses with any depth can do no better.
    """

    clip: str
    size: tuple[int, int]
    frames: int
    points: float
    scale: float
    predicted: Spread
    constant: Spread
    rotation: Spread
    homography: Spread
    still: Spread
    epipolar: Spread


def pose_errors(clip: Clip, estimator: DepthEstimator, across: int) -> PoseErrors:
    """Measure one clip."""
    depth, real = clip.depth_from(estimator), real_tracks(clip, across)
    counted = known(depth, real.start)
    flat = DepthMap(values=np.ones((2, 2), np.float32), metric=False)
    scale, flat_scale = fitted_scale(clip, depth, real), fitted_scale(clip, flat, real)
    places = {
        "predicted": predicted(clip, depth, real.start, scale)[0],
        "constant": predicted(clip, flat, real.start, flat_scale)[0],
        "rotation": predicted(clip, flat, real.start, 0.0)[0],
        "homography": best_homographies(real),
        "still": real.start[None],
    }
    errors = {name: real.errors_px(xy, counted) for name, xy in places.items()}
    errors["epipolar"] = epipolar_px(clip, real, counted)
    return PoseErrors(
        clip=clip.name,
        size=real.size,
        frames=len(clip.frames) - 1,
        points=float((real.valid[1:] & counted).sum(axis=1).mean()),
        scale=scale,
        **{name: Spread.of(one) for name, one in errors.items()},
    )


@dataclass(frozen=True, kw_only=True)
class Poses:
    """Tracks that depth and poses predict against Lucas-Kanade tracks of the real video: median / 90th percentile."""

    data: Path
    """A folder with posed videos, such as RealEstate10K clips."""
    depth_source: str = "floor"
    """Depth where none was measured: floor, depth-anything, or a depth network's folder or hub id."""
    across: int = 32
    """Points of the grid across."""
    clips: int | None = None
    """Only the first so many clips."""
    num_frames: int = 16
    """Most frames of a clip."""
    json: Path | None = None
    """Also write the figures to this file."""

    def run(self) -> int:
        """Measure and print."""
        chosen = CameraSettings()
        estimator = estimator_called(self.depth_source, near=chosen.near, far=chosen.far, horizon=chosen.horizon)
        clips = find_clips(self.data, self.num_frames)[: self.clips]
        rows = [pose_errors(clip, estimator, self.across) for clip in clips]
        print(pose_table(rows))
        print(f"\nDepth where none was measured: {estimator.description}. Median / 90th percentile in pixels.")
        if self.json is not None:
            write_json(self.json, [dataclasses.asdict(row) for row in rows], depth=estimator.description)
        return 0


_PREDICTIONS = ("predicted", "constant", "rotation", "homography", "still", "epipolar")


def pose_table(rows: list[PoseErrors]) -> str:
    """The rows, and the median clip below them."""
    lines = [
        [row.clip, "x".join(map(str, row.size)), str(row.frames), f"{row.points:.0f}", f"{row.scale:.3g}",
         *(str(getattr(row, name)) for name in _PREDICTIONS)]
        for row in rows
    ]  # fmt: skip
    middle = [
        Spread(
            **{
                kind: float(np.median([getattr(getattr(row, name), kind) for row in rows]))
                for kind in ("median_px", "p90_px")
            }
        )
        for name in _PREDICTIONS
    ]
    lines.append(["median of clips", "", "", "", "", *map(str, middle)])
    titles = ["clip", "size", "frames", "points", "scale", "depth and poses", "one depth", "rotation only",
              "best homography", "no motion", "off the epipolar line"]  # fmt: skip
    return markdown(titles, lines)
