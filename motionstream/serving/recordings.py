"""Recordings: the folder of finished recordings, which never grows beyond its limit."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from motionstream.errors import InputError, OutputError
from motionstream.serving.recording import LOG, POSTER, TRACKS_JSON, TRACKS_NPZ, VIDEO, Recording
from motionstream.streaming.video_file import read_video

CLIP = "clip.gif"
FILES = (VIDEO, LOG, TRACKS_NPZ, TRACKS_JSON, POSTER, CLIP)
_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_CLIP_FRAMES, _CLIP_PX = 128, 480


class RecordingInfo(BaseModel):
    """A finished recording, as it is listed.

    Attributes:
        name: Its files lie under `api/recordings/{name}/`.
        created: Seconds since 1970.
        files: What there is; `clip.gif` is made when it is asked for.
        num_bytes: All files together.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    created: float
    files: tuple[str, ...]
    num_bytes: int


class Recordings:
    """A folder that the server alone names things in; for any thread.

    Args:
        folder: Created if need be.
        max_bytes: Beyond it the oldest recordings are removed.

    Raises:
        OutputError: The folder cannot be made.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Recordings: {folder}: {error.strerror or error}. Choose another folder.") from error
        self._folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._open: set[str] = set()

    def begin(self, fps: float) -> Recording:
        """A new recording; `finished` must follow.

        Raises:
            OutputError: The folder cannot be written.
        """
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        with self._lock:
            recording = Recording(self._folder / name, fps)
            self._open.add(name)
        return recording

    def finished(self, recording: Recording) -> None:
        """A recording is complete or given up; an empty one is removed, and old ones to make room."""
        with self._lock:
            self._open.discard(recording.folder.name)
            if not (recording.folder / VIDEO).is_file():
                shutil.rmtree(recording.folder, ignore_errors=True)
            infos = self._list()
            total = sum(info.num_bytes for info in infos)
            for info in reversed(infos[1:]):  # the newest stays, however large it is
                if total <= self._max_bytes:
                    break
                shutil.rmtree(self._folder / info.name, ignore_errors=True)
                total -= info.num_bytes

    def infos(self) -> list[RecordingInfo]:
        """Finished recordings, the newest first."""
        with self._lock:
            return self._list()

    def file(self, name: str, file: str) -> Path:
        """The path of a finished recording's file; `clip.gif` is made now if need be, which takes seconds.

        Raises:
            InputError: There is none of this name.
        """
        path = self._folder / name / file
        known = _NAME.fullmatch(name) and file in FILES and name not in self._open
        if known and file == CLIP and (self._folder / name / VIDEO).is_file():
            with self._lock:
                _make_clip(self._folder / name / VIDEO, path)
        if not known or not path.is_file():
            raise InputError(f"Recording: there is no {file!r} of {name!r}. See api/recordings for what there is.")
        return path

    def remove(self, name: str) -> None:
        """Remove a finished recording.

        Raises:
            InputError: There is none of this name.
        """
        with self._lock:
            if name not in {info.name for info in self._list()}:
                raise InputError(f"Recording: there is no {name!r}. See api/recordings for what there is.")
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _list(self) -> list[RecordingInfo]:
        folders = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
        newest_first = sorted((path for path in folders if path.name not in self._open), reverse=True)
        return [info for info in map(_info, newest_first) if VIDEO in info.files]


def _info(folder: Path) -> RecordingInfo:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name in FILES}
    files = tuple(name for name in FILES if name in sizes or (name == CLIP and VIDEO in sizes))
    created = time.mktime(time.strptime(folder.name[:15], "%Y%m%d-%H%M%S"))
    return RecordingInfo(name=folder.name, created=created, files=files, num_bytes=sum(sizes.values()))


def _make_clip(video: Path, clip: Path) -> None:
    """The first seconds as a GIF of at most 480 pixels a side, if it is not there yet."""
    from PIL import Image

    if clip.is_file():
        return
    fps = _fps(video)
    step = 2 if fps > 15 else 1  # players show GIFs at most at 50 frames a second, and few would want the bytes
    frames = [Image.fromarray(pixels) for pixels in read_video(video, max_frames=_CLIP_FRAMES)[::step]]
    for frame in frames:
        frame.thumbnail((_CLIP_PX, _CLIP_PX))
    partial = clip.with_suffix(".partial")
    frames[0].save(
        partial,
        "gif",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * step / fps),
        loop=0,
        optimize=False,
    )
    partial.replace(clip)


def _fps(video: Path) -> float:
    import av

    with av.open(str(video)) as container:
        return float(container.streams.video[0].average_rate or 16)
