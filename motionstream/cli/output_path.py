"""Where a command writes: what is wrong with a path is said before any work is done."""

from __future__ import annotations

from pathlib import Path

from motionstream.errors import OutputError


def make_folder_of(path: Path) -> None:
    """Make the folder that a file will lie in.

    Raises:
        OutputError: It cannot be made, or the path is a folder itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: its folder could not be made: {error.strerror or error}. Choose another path."
        ) from error
    if path.is_dir():
        raise OutputError(f"{path}: wanted the name of a file such as {path / 'clip.mp4'}, got a folder.")
