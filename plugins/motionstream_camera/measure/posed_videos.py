"""Posed videos as data sets keep them: RealEstate10K clips, 7-Scenes' and SUN3D's frames, Open3D's trajectories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from motionstream.errors import InputError
from motionstream_camera.camera_path import CameraPath
from motionstream_camera.depth.file import FileDepth
from motionstream_camera.lens import Lens
from motionstream_camera.measure.clip import Clip
from motionstream_camera.posefiles import read_camera_path

_LEAST_FRAMES = 3
_FOCAL_WIDTHS = 525 / 640  # PrimeSense's default


def find_clips(folder: Path, num_frames: int) -> list[Clip]:
    """All posed videos below a folder, cut into clips of at most so many frames.

    Raises:
        InputError: There is none.
    """
    readers: tuple[tuple[str, Callable[[Path, int], Iterator[Clip]]], ...] = (
        ("*.mp4", _realestate),
        ("frame-*.pose.txt", _numbered),
        ("trajectory.log", _logged),
    )
    clips = []
    for pattern, read in readers:
        found = sorted(folder.rglob(pattern))
        sources = found if pattern == "*.mp4" else sorted({path.parent for path in found})
        clips += list(chain.from_iterable(read(source, num_frames) for source in sources))
    if not clips:
        raise InputError(
            f"{folder}: wanted posed videos (NAME.mp4 with NAME.txt; frame-*.color.* with frame-*.pose.txt; color/ "
            "with trajectory.log), found none. Check the folder."
        )
    return clips


def _realestate(video: Path, num_frames: int) -> Iterator[Clip]:
    """A video and its text; the positions have a unit of their own."""
    if not video.with_suffix(".txt").is_file():
        return
    frames, path = _decoded(video), read_camera_path(video.with_suffix(".txt"))
    count = min(len(frames), len(path), num_frames)
    yield Clip(name=video.stem, group=video.parent.name, frames=frames[:count], path=_part(path, slice(count)))


def _numbered(folder: Path, num_frames: int) -> Iterator[Clip]:
    """Frames with a pose file each; where their numbers jump, a clip ends."""
    poses = sorted(folder.glob("frame-*.pose.txt"))
    numbers = [int(path.name.split("-")[1].split(".")[0]) for path in poses]
    lens = _lens(folder, _picture(_colour(folder, f"frame-{numbers[0]:06d}")))
    registered = folder / "depth_registered"
    for piece in _pieces(numbers, num_frames):
        stems = [f"frame-{numbers[index]:06d}" for index in piece]
        depth = registered / f"{stems[0]}.png" if registered.is_dir() else folder / f"{stems[0]}.depth.png"
        pictures = [_colour(folder, stem) for stem in stems]
        yield _clip(folder, stems[0], pictures, np.stack([np.loadtxt(poses[index]) for index in piece]), lens, depth)


def _logged(folder: Path, num_frames: int) -> Iterator[Clip]:
    """Open3D's layout: color/, depth/ and a pose of four rows after each header line."""
    lines = (folder / "trajectory.log").read_text().splitlines()
    poses = np.array([[line.split() for line in lines[i + 1 : i + 5]] for i in range(0, len(lines), 5)], np.float64)
    colours, depths = sorted((folder / "color").iterdir()), sorted((folder / "depth").iterdir())
    height, width = _picture(colours[0]).shape[:2]
    focal = _FOCAL_WIDTHS * width
    centre = (width - 1) / 2, (height - 1) / 2
    lens = Lens.of_pixels(focal, focal, *centre, width=width, height=height, first_pixel=0)
    for piece in _pieces(list(range(len(colours))), num_frames):
        yield _clip(folder, colours[piece[0]].stem, [colours[i] for i in piece], poses[piece], lens, depths[piece[0]])


def _clip(
    folder: Path, name: str, pictures: list[Path], poses: Float64[np.ndarray, "t 4 4"], lens: Lens, depth: Path
) -> Clip:
    frames = np.stack([_picture(path) for path in pictures])
    height, width = frames.shape[1:3]
    path = CameraPath(poses=poses, lenses=(lens,) * len(poses), size=(width, height))
    measured = FileDepth(path=depth).estimate(None, height / width)
    return Clip(name=f"{folder.name} {name}", group=folder.name, frames=frames, path=path, depth=measured)


def _lens(folder: Path, picture: UInt8[np.ndarray, "h w 3"]) -> Lens:
    """Of a matrix in pixels beside the frames, else the colour camera's default."""
    file, (height, width) = folder / "camera-intrinsics.txt", picture.shape[:2]
    focal = _FOCAL_WIDTHS * width
    matrix = np.loadtxt(file) if file.is_file() else np.array([[focal, 0, width / 2], [0, focal, height / 2]])
    (fx, _, cx), (_, fy, cy) = matrix[:2, :3].tolist()
    return Lens.of_pixels(fx, fy, cx, cy, width=width, height=height, first_pixel=0)


def _colour(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}.color.*"))
    if not found:
        raise InputError(f"{folder}: wanted {stem}.color.png or .jpg beside its pose, found none. Complete the folder.")
    return found[0]


def _pieces(numbers: list[int], num_frames: int) -> list[list[int]]:
    """Indices of evenly numbered frames in runs of at most `num_frames`; what is too short is left out."""
    pieces: list[list[int]] = [[]]
    for index, number in enumerate(numbers):
        even = index < 2 or number - numbers[index - 1] == numbers[1] - numbers[0]
        if len(pieces[-1]) == num_frames or not even:
            pieces.append([])
        pieces[-1].append(index)
    return [piece for piece in pieces if len(piece) >= _LEAST_FRAMES]


def _part(path: CameraPath, which: slice) -> CameraPath:
    lenses = None if path.lenses is None else path.lenses[which]
    return CameraPath(poses=path.poses[which], lenses=lenses, size=path.size)


def _decoded(video: Path) -> UInt8[np.ndarray, "t h w 3"]:
    import cv2

    capture, frames = cv2.VideoCapture(str(video)), []
    while True:
        there, frame = capture.read()
        if not there:
            break
        frames.append(frame[..., ::-1])
    if not frames:
        raise InputError(f"{video}: wanted a video, could not be decoded. Check the file.")
    return np.ascontiguousarray(np.stack(frames))


def _picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path}: wanted a picture, could not be read. Check the file.")
    return np.ascontiguousarray(picture[..., ::-1])
