import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.tiny import TinyVAE
from motionstream.tracks import Tracks
from motionstream.training.latent_cache import LatentCache
from motionstream.training.shard_index import damaged_shards
from motionstream.training.track_sampling import TrackSampling
from motionstream.training.videos.encoding import SKIPPED_FILE, VideoReport, encode_videos
from motionstream.training.videos.lucas_kanade import track_lucas_kanade
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource, find_videos

SETTINGS = VideoSettings(num_frames=21, shard_clips=2, batch=2)


@pytest.fixture
def videos(tmp_path: Path, write_video: Callable[..., Path], rising: Callable[..., np.ndarray]) -> Path:
    """Five clips: two, one of a captioned video, two."""
    folder = tmp_path / "videos"
    write_video(folder / "a.mp4")
    write_video(folder / "b/b.mkv", rising(22))
    (folder / "b/b.txt").write_text("a square rises", encoding="utf-8")
    write_video(folder / "c.mp4", rising(44, camera=0.1))
    return folder


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.create_tiny(0)


@pytest.fixture
def encode(videos: Path, small_vae: TinyVAE, text: TextEncoder, stream: StreamConfig) -> Callable[..., VideoReport]:
    """Encodes `videos` into the folder `latents` beside it."""

    def run(settings: VideoSettings = SETTINGS, **more: Any) -> VideoReport:
        arguments = {"tracker": track_lucas_kanade, **more}
        latents = videos.parent / "latents"
        return encode_videos(find_videos(videos), latents, small_vae, text, stream, settings, **arguments)

    return run


def test_every_clip_of_every_video_is_in_the_cache(
    encode: Callable[..., VideoReport], videos: Path, small_vae: TinyVAE
) -> None:
    report = encode()
    assert (report.clips, report.shards, report.skipped, report.num_spanning) == (5, 3, (), 0)
    assert report.seconds == pytest.approx(5 * 21 / 16)
    cache = LatentCache(videos.parent / "latents")
    assert [cache[i].caption for i in range(len(cache))] == ["", "", "a square rises", "", ""]
    for i in range(5):
        clip = cache[i]
        assert clip.latents.shape == (4, 6, 4, 6)
        assert clip.pictures.shape == (2, 3, 32, 48)
        assert clip.tracks.num_frames == 21
        assert clip.tracks.num_points == len(clip.layer) >= 64
        assert clip.tracks.visible[0].mean() > 0.99  # in half precision some come to lie on the border
    assert len({cache[i].tracks.num_points for i in range(5)}) > 1
    with torch.inference_mode():
        first = small_vae.encode(cache[0].pictures[None, :1])[0]
    torch.testing.assert_close(cache[0].latents[:, :1], first, atol=0.05, rtol=0.05)


def test_a_clip_begins_where_the_one_before_it_ends(encode: Callable[..., VideoReport], videos: Path) -> None:
    encode()
    cache = LatentCache(videos.parent / "latents")
    own = [cache[i].pictures.numpy() for i in (0, 1)]
    assert np.abs(own[0][0] - own[1][0]).mean() > 0.004  # the square has risen by 10 pixels of 96


def test_tracks_can_be_sampled_for_training(encode: Callable[..., VideoReport], videos: Path) -> None:
    encode()
    cache = LatentCache(videos.parent / "latents")
    for seed in range(60):
        clip = cache[seed % 5]
        told = TrackSampling().sample(clip.tracks, clip.layer, np.random.default_rng(seed))
        assert told.num_frames == 21


def test_what_was_made_is_left_alone_and_what_is_missing_made(encode: Callable[..., VideoReport], videos: Path) -> None:
    latents = videos.parent / "latents"
    whole = encode()
    files = sorted(latents.glob("*.safetensors"))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    tensors = [LatentCache(latents)[i].latents.clone() for i in range(5)]
    files[1].unlink()
    told: list[tuple[str, int, int]] = []
    assert encode(on_progress=lambda *one: told.append(one)) == whole
    assert [one for one in told if one[0] == "encoding"] == [("encoding", n, 2) for n in (1, 2)]
    for kept in (0, 2):
        assert (files[kept].read_bytes(), files[kept].stat().st_mtime_ns) == before[kept]
    assert all(torch.equal(LatentCache(latents)[i].latents, tensors[i]) for i in range(5))


def test_an_interrupted_run_goes_on_and_leaves_no_half_shard(
    encode: Callable[..., VideoReport], videos: Path, tmp_path: Path
) -> None:
    calls = []

    def interrupted(frames: np.ndarray) -> Tracks:
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return track_lucas_kanade(frames)

    with pytest.raises(KeyboardInterrupt):
        encode(tracker=interrupted)
    assert [path.name for path in sorted((tmp_path / "latents").glob("*.safetensors"))] == ["video-00000.safetensors"]
    assert encode().clips == 5
    assert len(calls) == 4


def test_a_plan_whose_last_line_was_cut_short_is_completed(encode: Callable[..., VideoReport], tmp_path: Path) -> None:
    whole = encode()
    plan = tmp_path / "latents/plan.jsonl"
    content = plan.read_bytes()
    plan.write_bytes(content[:-20])
    assert encode() == whole
    assert plan.read_bytes() == content


@pytest.mark.parametrize("other", [VideoSettings(num_frames=9), VideoSettings(num_frames=21, shard_clips=3)])
def test_a_folder_for_other_settings_is_refused(encode: Callable[..., VideoReport], other: VideoSettings) -> None:
    encode()
    with pytest.raises(InputError, match="other settings"):
        encode(other)


def test_a_folder_for_other_videos_is_refused(
    encode: Callable[..., VideoReport], videos: Path, write_video: Callable[..., Path]
) -> None:
    encode()
    write_video(videos / "new.mp4")
    with pytest.raises(InputError, match="other videos"):
        encode()


def test_a_damaged_shard_is_found(encode: Callable[..., VideoReport], tmp_path: Path) -> None:
    encode()
    latents = tmp_path / "latents"
    assert damaged_shards(latents) == []
    content = bytearray((latents / "video-00001.safetensors").read_bytes())
    content[-1] ^= 1
    (latents / "video-00001.safetensors").write_bytes(content)
    (latents / "video-00002.safetensors").unlink()
    assert [one.path for one in damaged_shards(latents)] == ["video-00001.safetensors", "video-00002.safetensors"]


def test_what_cannot_be_used_is_listed_with_the_reason_and_stops_nothing(
    encode: Callable[..., VideoReport],
    videos: Path,
    write_video: Callable[..., Path],
    rising: Callable[..., np.ndarray],
) -> None:
    (videos / "text.mp4").write_text("no video", encoding="utf-8")
    content = write_video(videos / "cut.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(content[:200])
    write_video(videos / "short.mp4", rising(20))
    write_video(videos / "flat.mp4", np.full((21, 96, 96, 3), 90, np.uint8))
    (videos / "link.mp4").symlink_to("nowhere.mp4")
    write_video(videos / "scenes.mp4", np.concatenate([rising(10), 255 - rising(11) // 2]))
    report = encode()
    reasons = dict(report.skipped)
    assert report.clips == 5
    assert report.num_spanning == 1
    assert set(reasons) == {"text.mp4", "cut.mp4", "link.mp4", "short.mp4", "flat.mp4", "scenes.mp4"}
    assert "cannot be read" in reasons["text.mp4"]
    assert "cannot be read" in reasons["cut.mp4"]
    assert "No such file" in reasons["link.mp4"]
    assert "too short: wanted at least 21 frames, got 20" in reasons["short.mp4"]
    assert "only 0 of 1024 points could be followed" in reasons["flat.mp4"]
    assert "scene cut" in reasons["scenes.mp4"]
    with (videos.parent / "latents" / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [("path", "reason"), *report.skipped]
    assert encode() == report


def test_a_video_that_is_gone_after_scanning_is_skipped(
    encode: Callable[..., VideoReport],
    videos: Path,
) -> None:
    def gone(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("scanning", total):
            (videos / "b/b.mkv").rename(videos / "b/b.moved")

    report = encode(on_progress=gone)
    assert report.clips == 4
    assert [one.path for one in report.skipped] == ["b/b.mkv"]


def test_a_folder_without_videos_gives_a_report_of_nothing(
    tmp_path: Path, small_vae: TinyVAE, text: TextEncoder, stream: StreamConfig
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    report = encode_videos(find_videos(empty), tmp_path / "l", small_vae, text, stream, SETTINGS, track_lucas_kanade)
    assert (report.clips, report.shards, report.skipped) == (0, 0, ())


def test_clips_of_another_length_do_not_get_into_one_cache(encode: Callable[..., VideoReport], videos: Path) -> None:
    encode()
    latents = videos.parent / "latents"
    (latents / "video-00000.safetensors").rename(videos.parent / "kept.safetensors")
    for path in latents.iterdir():
        path.unlink()
    encode(VideoSettings(num_frames=9))
    (videos.parent / "kept.safetensors").rename(latents / "other.safetensors")
    with pytest.raises(InputError, match="wanted clips of one shape"):
        LatentCache(latents)


def test_a_real_video_becomes_clips(
    real_videos: Path, tmp_path: Path, small_vae: TinyVAE, text: TextEncoder, stream: StreamConfig
) -> None:
    paths = [real_videos / "cotracker_cat.mp4", real_videos / "davis_judo"]
    found = find_videos(real_videos)
    some = type(found)(tuple(video for video in found.videos if video.path in paths))
    assert all(isinstance(video, VideoSource) for video in some.videos)
    settings = VideoSettings(num_frames=33)
    report = encode_videos(some, tmp_path / "l", small_vae, text, stream, settings, track_lucas_kanade)
    assert report.clips == 2
    assert [one.path for one in report.skipped] == ["davis_judo"]
