"""Videos to train on, found in a folder: files, and folders of numbered pictures."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from motionstream.errors import InputError
from motionstream.training.skipped import Skipped

VIDEO_SUFFIXES: Final = (
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ogv",
    ".wmv",
    ".flv",
    ".ts",
)
PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """One video.

    Attributes:
        path: A file, or a folder of numbered pictures.
        name: What reports call it.
        caption: The prompt in words; empty where nobody wrote one.
    """

    path: Path
    name: str
    caption: str = ""


@dataclass(frozen=True)
class Listing:
    """The videos of a source, in an order that stays the same, and what cannot be used of it."""

    videos: tuple[VideoSource, ...]
    skipped: tuple[Skipped, ...] = ()


def find_videos(folder: Path) -> Listing:
    """Lists the videos of a folder and of all folders in it, sorted by name.

    A caption is the text (UTF-8) in `NAME.txt` beside `NAME.mp4` or beside the folder `NAME` of pictures.

    Raises:
        InputError: There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            f"Videos: wanted a folder, {folder} is none. Give a folder of videos, or a CSV that lists them."
        )
    videos, skipped = [], list[Skipped]()
    for path in sorted(_candidates(folder, skipped)):
        name = path.relative_to(folder).as_posix()
        try:
            videos.append(VideoSource(path=path, name=name, caption=_caption_beside(path)))
        except (OSError, ValueError) as error:
            skipped.append(Skipped(name, f"its caption cannot be read as UTF-8 text: {error}"))
    return Listing(tuple(videos), tuple(skipped))


def numbered_pictures(folder: Path) -> list[Path]:
    """Returns a folder's pictures by the last number in their names; none unless there are two and all have one."""
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    numbers = {path: re.findall(r"\d+", path.stem) for path in pictures}
    if len(pictures) < 2 or not all(numbers.values()):
        return []
    return sorted(pictures, key=lambda path: (int(numbers[path][-1]), path.name))


def _candidates(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        skipped.append(Skipped(str(error.filename), f"the folder cannot be read: {error.strerror}"))

    for place, _, files in os.walk(folder, onerror=unreadable):
        yield from (Path(place, name) for name in files if Path(name).suffix.lower() in VIDEO_SUFFIXES)
        if numbered_pictures(Path(place)):
            yield Path(place)


def _caption_beside(path: Path) -> str:
    text = path.parent / f"{path.name if path.is_dir() else path.stem}.txt"
    return " ".join(text.read_text(encoding="utf-8-sig").split()) if text.is_file() else ""
