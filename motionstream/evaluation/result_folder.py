"""ResultFolder: where a measurement is written: a JSON file and a video for each clip, and the summary."""

from __future__ import annotations

from pathlib import Path

from motionstream.errors import InputError, OutputError
from motionstream.evaluation.json_file import write_json
from motionstream.evaluation.measurement import Measured
from motionstream.evaluation.side_by_side import side_by_side
from motionstream.evaluation.summary import SUMMARY_FILE, Summary
from motionstream.streaming.video_file import VideoWriter

_CLIPS, _VIDEOS = "clips", "videos"


class ResultFolder:
    """A folder of results.

    Attributes:
        path: Of the folder.
    """

    def __init__(self, path: Path, *, fps: float, scale: int) -> None:
        """Make the folder.

        Args:
            path: A new folder, or one without results.
            fps: Video frames per second of the videos.
            scale: Whole factor by which they are enlarged.

        Raises:
            InputError: There are results in it.
            OutputError: It cannot be made.
        """
        if any((path / name).exists() for name in (_CLIPS, _VIDEOS, SUMMARY_FILE)):
            raise InputError(f"{path}: wanted a folder without results, got one with some. Name another, or delete it.")
        try:
            for name in (_CLIPS, _VIDEOS):
                (path / name).mkdir(parents=True)
        except OSError as error:
            raise OutputError(
                f"{path}: wanted to make this folder, could not: {error.strerror}. Choose another path."
            ) from error
        self.path = path
        self._fps, self._scale, self._count = fps, scale, 0

    def add(self, measured: Measured) -> None:
        """Write the next clip: clips/NNN.json and videos/NNN.mp4, numbered from 000.

        Raises:
            OutputError: It cannot be written.
        """
        number = f"{self._count:03d}"
        write_json(self.path / _CLIPS / f"{number}.json", measured.record)
        with VideoWriter(self.path / _VIDEOS / f"{number}.mp4", fps=self._fps) as video:
            video.write(side_by_side(measured, self._scale))
        self._count += 1

    def finish(self, summary: Summary) -> None:
        """Write the summary.

        Raises:
            OutputError: It cannot be written.
        """
        write_json(self.path / SUMMARY_FILE, summary)
