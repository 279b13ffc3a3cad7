import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionstream.errors import InputError
from motionstream.training.videos.source import find_videos, numbered_pictures


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    return folder


def test_videos_are_found_in_all_folders_and_sorted(tmp_path: Path) -> None:
    for name in ("b/c.WEBM", "a.mp4", "b/a.mov", "b/deep/x.mkv", "notes.md", "a.txt"):
        touch(tmp_path / name)
    pictures(tmp_path / "b/pictures", ["1.png", "2.png"])
    found = find_videos(tmp_path)
    assert [video.name for video in found.videos] == ["a.mp4", "b/a.mov", "b/c.WEBM", "b/deep/x.mkv", "b/pictures"]
    assert found.skipped == ()


def test_captions_lie_beside_videos_and_folders_of_pictures(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")
    touch(tmp_path / "a.txt", "\ufeffa cät\n jumps ")
    touch(tmp_path / "b.mp4")
    pictures(tmp_path / "c.d", ["1.png", "2.png"])
    touch(tmp_path / "c.d.txt", "two pictures")
    assert [video.caption for video in find_videos(tmp_path).videos] == ["a cät jumps", "", "two pictures"]


def test_a_caption_that_is_no_text_is_a_reason_to_skip_its_video(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xfd")
    touch(tmp_path / "b.mp4")
    found = find_videos(tmp_path)
    assert [video.name for video in found.videos] == ["b.mp4"]
    assert [one.path for one in found.skipped] == ["a.mp4"]
    assert "UTF-8" in found.skipped[0].reason


def test_pictures_are_ordered_by_number_and_not_by_letter(tmp_path: Path) -> None:
    folder = pictures(tmp_path, ["frame_10.png", "frame_9.jpg", "frame_001.jpeg"])
    assert [path.name for path in numbered_pictures(folder)] == ["frame_001.jpeg", "frame_9.jpg", "frame_10.png"]


@pytest.mark.parametrize("names", [["1.png"], ["1.png", "2.png", "cover.jpg"], []])
def test_pictures_that_are_not_all_numbered_are_no_video(tmp_path: Path, names: list[str]) -> None:
    assert numbered_pictures(pictures(tmp_path, names)) == []


def test_an_empty_folder_holds_no_video(tmp_path: Path) -> None:
    assert find_videos(tmp_path).videos == ()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    for path in (tmp_path / "nothing", write_video(tmp_path / "a.mp4")):
        with pytest.raises(InputError, match="wanted a folder"):
            find_videos(path)


def test_a_folder_that_cannot_be_read_is_listed(tmp_path: Path) -> None:
    touch(tmp_path / "open/a.mp4")
    closed = touch(tmp_path / "closed/b.mp4").parent
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("this user may read everything")
        found = find_videos(tmp_path)
    finally:
        closed.chmod(0o755)
    assert [video.name for video in found.videos] == ["open/a.mp4"]
    assert [one.path for one in found.skipped] == [str(closed)]
