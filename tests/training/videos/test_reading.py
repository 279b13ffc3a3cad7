from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from motionstream.errors import InputError
from motionstream.training.videos.reading import read_frames, resampled
from motionstream.training.videos.source import VideoSource


def source(path: Path) -> VideoSource:
    return VideoSource(path=path, name=path.name)


def grey(levels: list[int]) -> np.ndarray:
    return np.repeat(np.array(levels, np.uint8), 16 * 16 * 3).reshape(-1, 16, 16, 3)


def levels(path: Path, fps: float, folder_fps: float = 24) -> list[int]:
    return [round(float(picture().mean())) for picture in read_frames(source(path), fps, folder_fps)]


@given(
    steps=st.lists(st.floats(0.001, 0.9), min_size=1, max_size=30),
    first=st.floats(-5, 5),
    fps=st.sampled_from([4.0, 16.0, 24.0, 30.0]),
)
def test_each_moment_gets_the_frame_nearest_in_time(steps: list[float], first: float, fps: float) -> None:
    times = first + np.concatenate([[0], np.cumsum(steps)])
    taken = list(resampled(((float(time), float(time)) for time in times), fps))
    moments = first + np.arange(len(taken)) / fps
    nearest = np.abs(times[:, None] - moments).min(axis=0)
    np.testing.assert_allclose(np.abs(np.array(taken) - moments), nearest, atol=1e-6)
    assert len(taken) == int((times[-1] - first + 1e-6) * fps) + 1


def test_halfway_between_two_frames_the_later_one_is_taken() -> None:
    taken = list(resampled(((number / 24, number) for number in range(241)), 16))
    assert taken == [number * 3 // 2 + number % 2 for number in range(161)]


def test_a_time_that_jumps_by_hours_or_backwards_fills_no_more_than_a_second() -> None:
    taken = list(resampled([(0.0, "a"), (7200.0, "b"), (3.0, "c"), (3.5, "d")], 4))
    assert taken == ["a", "a", "b", "b", "c", "d", "d"]


def test_a_faster_video_loses_frames_and_a_slower_one_repeats_them(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    path = write_video(tmp_path / "a.mp4", grey(list(range(20, 180, 10))), fps=16)
    assert levels(path, 16) == pytest.approx(list(range(20, 180, 10)), abs=2)
    assert levels(path, 8) == pytest.approx(list(range(20, 180, 20)), abs=2)
    assert levels(path, 48)[:6] == pytest.approx([20, 20, 30, 30, 30, 40], abs=2)


def test_a_folder_of_pictures_has_the_frame_rate_it_is_given(tmp_path: Path) -> None:
    for number, frame in enumerate(grey([10, 20, 30, 40, 50])):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    assert levels(tmp_path, 16, folder_fps=16) == [10, 20, 30, 40, 50]
    assert levels(tmp_path, 16, folder_fps=32) == [10, 30, 50]


def test_a_text_file_and_a_missing_file_are_named_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no video", encoding="utf-8")
    for name in ("a.mp4", "nothing.mp4"):
        with pytest.raises(InputError, match="cannot be read"):
            list(read_frames(source(tmp_path / name), 16, 24))


def test_a_file_with_sound_alone_has_no_video_stream(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "a.avi"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "none"))
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match="no video stream"):
        list(read_frames(source(tmp_path / "a.avi"), 16, 24))


def test_a_damaged_picture_ends_its_folder(tmp_path: Path) -> None:
    for number, frame in enumerate(grey([10, 20, 30])):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:40])
    pictures = list(read_frames(source(tmp_path), 24, 24))
    assert pictures[1]().mean() == 20
    with pytest.raises(InputError, match=r"2\.png"):
        pictures[2]()


def test_real_videos_have_as_many_frames_as_their_length_asks_for(real_videos: Path) -> None:
    for name, seconds in (("cotracker_cat.mp4", 87 / 20), ("liveportrait_d18_head.mp4", 216 / 30)):
        assert len(list(read_frames(source(real_videos / name), 16, 24))) == pytest.approx(seconds * 16, abs=1)
