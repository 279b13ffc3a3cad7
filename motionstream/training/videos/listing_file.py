"""Videos listed in a CSV, one a row with its caption, as OpenVid's are."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from motionstream.errors import InputError
from motionstream.training.skipped import Skipped
from motionstream.training.videos.source import Listing, VideoSource

VIDEO_COLUMNS: Final = ("video", "video_path", "path", "file", "filename")
CAPTION_COLUMNS: Final = ("caption", "text", "prompt")


def read_listing(file: Path, videos: Path | None = None) -> Listing:
    """Reads a CSV with a column `video` and, if it likes, `caption` (or what else these are usually called).

    Args:
        file: The CSV, UTF-8, with its columns' names in the first row.
        videos: What relative paths start from; by default the CSV's folder.

    Raises:
        InputError: It cannot be read, or no column names videos.
    """
    wanted = f"wanted a CSV with one of the columns {', '.join(VIDEO_COLUMNS)}"
    found, skipped = [], []
    try:
        for number, name, caption in _rows(file, wanted):
            path = (videos or file.parent) / name
            if not name:
                skipped.append(Skipped(f"{file.name}, row {number}", "it names no video"))
            elif not path.exists():
                skipped.append(Skipped(name, f"there is no {path}"))
            else:
                found.append(VideoSource(path=path, name=name, caption=caption))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file}: {wanted}, could not read it: {error}. Save it as CSV in UTF-8.") from error
    return Listing(tuple(found), tuple(skipped))


def _rows(file: Path, wanted: str) -> Iterator[tuple[int, str, str]]:
    """The number, video and caption of each row, from 1 on."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines)
        columns = {name.strip().lower(): name for name in table.fieldnames or () if name}
        video, caption = _first(columns, VIDEO_COLUMNS), _first(columns, CAPTION_COLUMNS)
        if video is None:
            raise InputError(
                f"{file}: {wanted}, got {', '.join(columns) or 'an empty file'}. Name the column of videos."
            )
        for number, row in enumerate(table, 1):
            yield number, (row[video] or "").strip(), " ".join((row[caption] or "").split()) if caption else ""


def _first(columns: dict[str, str], names: Sequence[str]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)
