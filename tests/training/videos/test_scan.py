from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training.videos.cuts import CutSettings, is_cut, thumbnail
from motionstream.training.videos.scan import ScannedVideo, clip_starts, scan_video
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource

SETTINGS = VideoSettings(num_frames=9)


def scan(path: Path, stream: StreamConfig) -> ScannedVideo:
    return scan_video(VideoSource(path=path, name=path.name), stream, SETTINGS)


def test_a_cut_is_found_where_it_is(
    tmp_path: Path, stream: StreamConfig, rising: Callable[..., np.ndarray], write_video: Callable[..., Path]
) -> None:
    scene, other = rising(12), 255 - rising(10) // 2
    path = write_video(tmp_path / "a.mp4", np.concatenate([scene, other]))
    assert scan(path, stream) == ScannedVideo(num_frames=22, cuts=(12,))


def test_a_fast_camera_is_no_cut(rising: Callable[..., np.ndarray]) -> None:
    frames = rising(8, camera=8.0)
    small = [thumbnail(frame) for frame in frames]
    assert np.abs(small[1].astype(int) - small[0]).mean() > 5
    assert not any(is_cut(a, b, CutSettings()) for a, b in pairwise(small))


def test_a_flash_of_brightness_alone_is_no_cut_below_the_thresholds() -> None:
    dark, light = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32, 3), 115, np.uint8)
    assert not is_cut(dark, light, CutSettings())
    assert is_cut(dark, light, CutSettings(difference=10))


@pytest.mark.parametrize(
    ("num_frames", "cuts", "hop", "starts", "spanning"),
    [
        (8, (), None, [], 0),
        (9, (), None, [0], 0),
        (30, (), None, [0, 9, 18], 0),
        (30, (), 5, [0, 5, 10, 15, 20], 0),
        (30, (9,), None, [0, 9, 18], 0),
        (30, (10,), None, [0, 18], 1),
        (30, (10, 12), 5, [0, 15, 20], 2),
        (9, (8,), None, [], 1),
    ],
)
def test_clips_lie_within_one_scene(
    num_frames: int, cuts: tuple[int, ...], hop: int | None, starts: list[int], spanning: int
) -> None:
    scanned = ScannedVideo(num_frames=num_frames, cuts=cuts)
    assert clip_starts(scanned, VideoSettings(num_frames=9, hop=hop)) == (starts, spanning)


def test_a_truncated_video_keeps_what_comes_before(
    tmp_path: Path, stream: StreamConfig, rising: Callable[..., np.ndarray]
) -> None:
    import av

    whole = tmp_path / "a.mkv"
    with av.open(str(whole), "w") as container:
        video = container.add_stream("libx264", rate=16, options={"g": "8", "tune": "zerolatency"})
        video.width = video.height = 96
        for frame in rising(45):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
    content = whole.read_bytes()
    (tmp_path / "b.mkv").write_bytes(content[: len(content) // 2])
    (tmp_path / "c.mkv").write_bytes(content[:100])
    assert scan(whole, stream) == ScannedVideo(num_frames=45)
    assert 9 < scan(tmp_path / "b.mkv", stream).num_frames < 40
    assert scan(tmp_path / "c.mkv", stream).num_frames == 0
    assert scan(tmp_path / "c.mkv", stream).problem is not None


def test_a_clip_is_a_whole_number_of_chunks(stream: StreamConfig) -> None:
    VideoSettings(num_frames=33).check(stream)
    with pytest.raises(InputError, match="Take one of 9, 21, 33"):
        VideoSettings(num_frames=17).check(stream)


@pytest.mark.parametrize("wrong", [{"hop": 0}, {"shard_clips": 0}, {"min_points": 10}, {"min_seen": 2}, {"batch": 0}])
def test_settings_out_of_range_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        VideoSettings(**wrong)


def test_no_real_video_has_a_cut(real_videos: Path, stream: StreamConfig) -> None:
    for name in ("cotracker_teddy.mp4", "liveportrait_s13_dance.mp4"):
        assert scan(real_videos / name, stream).cuts == ()
