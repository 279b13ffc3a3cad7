import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.config import PRESETS, StreamConfig
from motionstream.errors import InputError


def test_the_first_chunk_is_three_video_frames_shorter():
    config = StreamConfig(height=128, width=128)
    assert [config.video_frames_in_chunk(i) for i in range(3)] == [9, 12, 12]
    assert [config.first_video_frame(i) for i in range(4)] == [0, 9, 21, 33]


@settings(deadline=None)
@given(chunk_frames=st.integers(1, 6), num_frames=st.integers(1, 300))
def test_chunks_follow_each_other_without_gap_and_cover_the_video(chunk_frames, num_frames):
    config = StreamConfig(height=8, width=8, chunk_frames=chunk_frames)
    chunks = config.num_chunks(num_frames)
    for index in range(chunks):
        assert config.first_video_frame(index) + config.video_frames_in_chunk(index) == config.first_video_frame(
            index + 1
        )
    assert config.first_video_frame(chunks - 1) < num_frames <= config.first_video_frame(chunks)


def test_json_and_back_is_the_same(tmp_path):
    config = StreamConfig(height=480, width=832, timesteps=(1000, 500))
    path = tmp_path / "stream.json"
    path.write_text(json.dumps(config.to_json()))
    assert StreamConfig.from_json(path) == StreamConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"width": 1.5},
        {"chunk_frames": True},
        {"sink_frames": -1},
        {"fps": 0},
        {"fps": float("nan")},
        {"fps": "16"},
        {"timesteps": ()},
        {"timesteps": (500, 500)},
        {"timesteps": (1001, 3)},
        {"timesteps": (10, 0)},
        {"timesteps": "321"},
        {"timesteps": ("a", 3)},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change):
    with pytest.raises(InputError, match=next(iter(change))):
        StreamConfig(**{"height": 8, "width": 8, **change})


def test_files_that_hold_no_configuration_are_refused(tmp_path):
    path = tmp_path / "stream.json"
    for content, message in (("{", "could not read"), ("[]", "JSON object"), ('{"heigth": 3}', "heigth")):
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            StreamConfig.from_json(path)
    with pytest.raises(InputError, match="numbered from 0"):
        StreamConfig(height=8, width=8).first_video_frame(-1)


def test_presets_are_the_published_sizes():
    assert (PRESETS["wan2.1-1.3b"].width, PRESETS["wan2.1-1.3b"].height) == (832, 480)
    assert (PRESETS["wan2.2-5b"].width, PRESETS["wan2.2-5b"].height) == (1280, 704)
