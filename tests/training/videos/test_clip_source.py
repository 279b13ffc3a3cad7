"""Clips for the autoencoders, cut out of real videos."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training.clip_source import ProceduralClips, find_clips
from motionstream.training.crops import CropDataset, CropSettings

STREAM = StreamConfig(height=64, width=96)


def test_clips_of_videos_are_drawn_by_number_at_the_stream_s_size(
    write_video: Callable[..., Path], tmp_path: Path
) -> None:
    write_video(tmp_path / "videos" / "a.mp4")
    clips = find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 9)
    assert len(clips.places) == 5
    assert clips(3).shape == (9, 64, 96, 3)
    assert np.array_equal(clips(3), clips(3))
    assert len({clips(number).tobytes() for number in range(12)}) > 2


def test_crops_are_cut_out_of_the_clips(write_video: Callable[..., Path], tmp_path: Path) -> None:
    write_video(tmp_path / "videos" / "a.mp4")
    clips = find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 9)
    settings = CropSettings(batch=2, crop=32, num_frames=9)
    crops = CropDataset(settings, 7, range(4), clips)[2].permute(0, 1, 3, 4, 2).numpy()
    assert crops.shape == (2, 9, 32, 32, 3)
    frames = clips(7 + 2)
    for crop in crops:
        assert any(
            np.array_equal(frames[:, y : y + 32, x : x + 32], crop) for y in range(64 - 31) for x in range(96 - 31)
        )


def test_what_clips_there_are_is_found_out_once(write_video: Callable[..., Path], tmp_path: Path) -> None:
    write_video(tmp_path / "videos" / "a.mp4")
    first, told = find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 9), list[int]()
    again = find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 9, told.append)
    assert (again, told) == (first, [1])
    write_video(tmp_path / "videos" / "b.mp4")
    with pytest.raises(InputError, match="wanted the plan of these videos"):
        find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 9)


def test_a_folder_whose_videos_are_too_short_says_so(write_video: Callable[..., Path], tmp_path: Path) -> None:
    write_video(tmp_path / "videos" / "a.mp4")
    with pytest.raises(InputError, match=r"at least 65 frames .* found none among 1\. a\.mp4: it is too short"):
        find_clips(tmp_path / "videos", tmp_path / "run", STREAM, 65)


def test_procedural_clips_are_square_and_a_number_is_a_seed() -> None:
    clips = ProceduralClips(num_frames=5, side=32)
    assert clips(3).shape == (5, 32, 32, 3)
    assert np.array_equal(clips(3), clips(3))
    assert not np.array_equal(clips(3), clips(4))


@pytest.mark.parametrize("batch", [0, 3])
def test_a_batch_that_is_no_whole_number_of_clips_is_refused(batch: int) -> None:
    with pytest.raises(InputError, match=f"--batch: wanted a multiple of 2 crops, got {batch}"):
        CropSettings(batch=batch)
