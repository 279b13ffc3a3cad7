"""`views`: pictures made of one photograph and the poses of a real flight against what the real camera saw."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream_camera.depth import DepthEstimator, estimator_called
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.library import Student, distances
from motionstream_camera.measure.posed_videos import find_clips
from motionstream_camera.measure.prediction import fitted_scale, real_tracks
from motionstream_camera.measure.reprojection import reprojected
from motionstream_camera.measure.table import markdown, write_json
from motionstream_camera.posefiles import write_camera_path
from motionstream_camera.provider import CameraProvider
from motionstream_camera.settings import CameraSettings

REPEATED, REPROJECTED, STUDENT, STUDENT_FIRST = "first frame", "reprojection", "student", "student, frame 0"
FIGURES = {"psnr_db": ("PSNR dB", 2), "ssim": ("SSIM", 3), "perceptual": ("perceptual", 3)}

_SIDE_PX = 128
_NO_WAY = 1e-9  # a scale of 0 would leave the choice to the provider
_GRID_ACROSS = 32


@dataclass(frozen=True, kw_only=True)
class View:
    """What was measured of one way to make the frames of one clip.

    Attributes:
        group: The set that the clip belongs to.
        clip: Its name.
        method: How the frames were made.
        frames: Frames that were compared.
        figures: The measures by name.
        holes: Part of the pixels that had to be painted in; 0 where that makes no sense.
    """

    group: str
    clip: str
    method: str
    frames: int
    figures: Mapping[str, float]
    holes: float = 0.0


def views(clip: Clip, estimator: DepthEstimator, student: Student | None, seed: int = 0) -> Iterator[View]:
    """Measure one clip by every method; without a student, by the two that need none."""
    scale = 1.0 if clip.depth is not None else _scale(clip, estimator)
    square = clip.squared()
    depth, size = square.depth_from(estimator), student.size if student else (_SIDE_PX, _SIDE_PX)
    true = _resized(square.frames, size)
    yield _view(clip, REPEATED, true[:1].repeat(len(true) - 1, axis=0), true[1:])
    made, holes = reprojected(square, depth, scale, size)
    yield replace(_view(clip, REPROJECTED, made[1:], true[1:]), holes=holes)
    if student is not None:
        made = streamed(square, scale, student, true[0], seed)
        yield _view(clip, STUDENT, made[1:], true[1:])
        yield _view(clip, STUDENT_FIRST, made[:1], true[:1])


def streamed(
    square: Clip, scale: float, student: Student, picture: UInt8[np.ndarray, "h w 3"], seed: int = 0
) -> UInt8[np.ndarray, "t h w 3"]:
    """The student's video of the first frame, flown along the clip's poses by the camera provider."""
    with tempfile.TemporaryDirectory() as folder:
        path, depth = Path(folder, "path.txt"), Path(folder, "depth.npy")
        write_camera_path(replace(square.path, poses=square.path.relative), path)
        if square.depth is not None:
            np.save(depth, square.depth.values)
        settings = CameraSettings(
            path_file=path,
            path_lens="stretch",
            path_scale=max(scale, _NO_WAY),
            depth_source=None if square.depth is None else depth,
        )
        return student.frames(CameraProvider(settings), picture, len(square.frames), seed)


@dataclass(frozen=True, kw_only=True)
class Views:
    """Frames made of the first one and the poses against the real later frames, at the student's size."""

    data: Path
    """A folder with posed videos."""
    depth_source: str = "floor"
    """Depth of reprojection where none was measured; the student flies over the provider's floor there."""
    clips: int | None = None
    """Only the first so many clips of each set."""
    num_frames: int = 16
    """Most frames of a clip; a longer video gives several."""
    checkpoint: Path | None = None
    """A checkpoint folder; by default the embedded one."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    student: bool = True
    """Also measure the student."""
    seed: int = 0
    """The student's noise."""
    json: Path | None = None
    """Also write the figures of every clip to this file."""

    def run(self) -> int:
        """Measure and print."""
        chosen = CameraSettings()
        estimator = estimator_called(self.depth_source, near=chosen.near, far=chosen.far, horizon=chosen.horizon)
        clips = _first_of_each_set(find_clips(self.data, self.num_frames), self.clips)
        student = Student(self.checkpoint, self.device) if self.student else None
        if student is not None and student.size[0] != student.size[1]:
            raise InputError(f"views: wanted a model of square pictures, got {student.size}. Take another checkpoint.")
        rows = []
        for clip in clips:
            for row in views(clip, estimator, student, self.seed):
                print(_in_words(row), file=sys.stderr, flush=True)
                rows.append(row)
        print(view_table(rows))
        print("\nMean / median over clips. Frame 0 is given and not counted, but in the rows that say so.")
        if self.json is not None:
            write_json(self.json, [dataclasses.asdict(row) for row in rows], seed=self.seed)
        return 0


def view_table(rows: list[View]) -> str:
    """One row for each set and method, and for all clips together."""
    groups = list(dict.fromkeys(row.group for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    lines = [_line(group, method, [row for row in rows if row.group == group and row.method == method])
             for group in groups for method in methods]  # fmt: skip
    if len(groups) > 1:
        lines += [_line("all", method, [row for row in rows if row.method == method]) for method in methods]
    titles = ["set", "clips", "frames", "method", *(title for title, _ in FIGURES.values()), "painted in"]
    return markdown(titles, lines)


def _in_words(row: View) -> str:
    figures = ", ".join(f"{title} {row.figures[name]:.{digits}f}" for name, (title, digits) in FIGURES.items())
    return f"{row.clip}, {row.method}, {row.frames} frames: {figures}, {row.holes:.1%} painted in"


def _line(group: str, method: str, rows: list[View]) -> list[str]:
    figures = []
    for name, (_, digits) in FIGURES.items():
        values = [row.figures[name] for row in rows]
        figures.append(f"{np.mean(values):.{digits}f} / {np.median(values):.{digits}f}")
    holes = f"{np.mean([row.holes for row in rows]):.1%}" if method == REPROJECTED else ""
    return [group, str(len(rows)), str(sum(row.frames for row in rows)), method, *figures, holes]


def _view(clip: Clip, method: str, made: UInt8[np.ndarray, "t h w 3"], true: UInt8[np.ndarray, "t h w 3"]) -> View:
    figures = {name: distance(made, true) for name, distance in distances().items()}
    return View(group=clip.group, clip=clip.name, method=method, frames=len(true), figures=figures)


def _scale(clip: Clip, estimator: DepthEstimator) -> float:
    return fitted_scale(clip, clip.depth_from(estimator), real_tracks(clip, _GRID_ACROSS))


def _resized(frames: UInt8[np.ndarray, "t h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "t y x 3"]:
    import cv2

    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def _first_of_each_set(clips: list[Clip], count: int | None) -> list[Clip]:
    groups = dict.fromkeys(clip.group for clip in clips)
    return [clip for group in groups for clip in [one for one in clips if one.group == group][:count]]
