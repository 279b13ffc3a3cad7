"""Recording: a stream's chunks as they come -> a folder with video, tracks, a poster and the control log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import OutputError
from motionstream.streaming.session import VideoChunk
from motionstream.streaming.video_file import VideoWriter
from motionstream.tracks import Tracks

VIDEO, TRACKS_NPZ, TRACKS_JSON, POSTER, LOG = "video.mp4", "tracks.npz", "tracks.json", "poster.jpg", "control.jsonl"


class Recording:
    """A recording that is going on; one thread at a time.

    Attributes:
        folder: Where it goes.
        first_frame: Video frame of the stream that its first one is.

    Args:
        folder: To be created.
        fps: Video frames per second of playing time.

    Raises:
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, fps: float) -> None:
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise OutputError(
                f"Recordings: {folder} could not be made: {error.strerror or error}. Choose another folder."
            ) from error
        self.folder, self.first_frame = folder, 0
        self._fps = fps
        self._video = VideoWriter(folder / VIDEO, fps=fps)
        self._tracks: list[Tracks] = []

    @property
    def seconds(self) -> float:
        """Playing time so far."""
        return self._video.num_frames / self._fps

    def write(self, chunk: VideoChunk) -> None:
        """Append a chunk.

        Raises:
            OutputError: The disk is full or failed.
        """
        if not self._tracks:
            self.first_frame = chunk.start_frame
            _write_poster(self.folder / POSTER, chunk.frames[0])
        self._video.write(chunk.frames)
        self._tracks.append(chunk.tracks)

    def finish(self) -> tuple[str, ...]:
        """Complete the files, and name all that there are.

        Raises:
            OutputError: The disk is full or failed; what was written before stays.
        """
        self._video.close()
        if self._tracks:
            tracks = _joined(self._tracks)
            tracks.save(self.folder / TRACKS_NPZ)
            _write_tracks(self.folder / TRACKS_JSON, tracks, self._fps, self.first_frame)
        return tuple(sorted(path.name for path in self.folder.iterdir()))


def _joined(parts: list[Tracks]) -> Tracks:
    """All chunks' tracks one after another, by halves: one after another would copy the first ones ever again."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _joined(parts[:middle]).concat_time(_joined(parts[middle:]))


def _write_poster(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    from PIL import Image

    try:
        Image.fromarray(pixels).save(path, "jpeg", quality=90)
    except OSError as error:
        raise OutputError(f"{path}: could not be written: {error.strerror or error}. Make room.") from error


def _write_tracks(path: Path, tracks: Tracks, fps: float, first_frame: int) -> None:
    """Frame by frame: as lists of numbers the tracks of half an hour would not fit in memory."""
    head = {"fps": fps, "first_frame": first_frame, "ids": tracks.ids.tolist()}
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(f'{json.dumps(head)[:-1]}, "xy": [')
            _write_rows(file, (np.round(frame.astype(np.float64), 5) for frame in tracks.xy))
            file.write('], "visible": [')
            _write_rows(file, (frame.astype(int) for frame in tracks.visible))
            file.write("]}")
    except OSError as error:
        raise OutputError(f"{path}: could not be written: {error.strerror or error}. Make room.") from error


def _write_rows(file: TextIO, frames: Iterable[np.ndarray]) -> None:
    for number, frame in enumerate(frames):
        file.write((",\n" if number else "\n") + json.dumps(frame.tolist(), separators=(",", ":")))
