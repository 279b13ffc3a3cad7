from pathlib import Path

import pytest

from motionstream.errors import InputError
from motionstream.training.videos.listing_file import read_listing


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_videos_with_their_captions(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", "")
    write(tmp_path / "clips/b.mp4", "")
    table = write(
        tmp_path / "list.csv", '\ufeffvideo,caption,seconds\nclips/b.mp4,"a dog,\nthen a cät",3.2\na.mp4,,1\n'
    )
    found = read_listing(table)
    assert [(video.name, video.caption) for video in found.videos] == [
        ("clips/b.mp4", "a dog, then a cät"),
        ("a.mp4", ""),
    ]
    assert [video.path for video in found.videos] == [tmp_path / "clips/b.mp4", tmp_path / "a.mp4"]


def test_relative_paths_start_from_the_folder_that_is_given(tmp_path: Path) -> None:
    write(tmp_path / "far/a.mp4", "")
    table = write(tmp_path / "list.csv", f"path\na.mp4\n{tmp_path / 'far/a.mp4'}\n")
    assert [video.path for video in read_listing(table, tmp_path / "far").videos] == [tmp_path / "far/a.mp4"] * 2


def test_rows_without_a_file_are_skipped_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", "")
    table = write(tmp_path / "list.csv", "video,caption\nmissing.mp4,x\n,y\na.mp4,z\n")
    found = read_listing(table)
    assert [video.caption for video in found.videos] == ["z"]
    assert [one.path for one in found.skipped] == ["missing.mp4", "list.csv, row 2"]
    assert f"there is no {tmp_path / 'missing.mp4'}" in found.skipped[0].reason


@pytest.mark.parametrize("text", ["", "name,caption\na.mp4,x\n"])
def test_a_table_without_a_column_of_videos_says_what_it_has(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"got (name, caption|an empty file)"):
        read_listing(write(tmp_path / "list.csv", text))


def test_a_file_that_is_no_table_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"video\n\xff\xfe\x00\n")
    for name in ("list.csv", "nothing.csv"):
        with pytest.raises(InputError, match="could not read it"):
            read_listing(tmp_path / name)
