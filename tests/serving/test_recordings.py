"""What is recorded, and that it is the video that was seen."""

import json
import os

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.serving.messages import Cut, Error, Picture, Prompt, Recorded, Seek
from motionstream.serving.recordings import FILES, Recordings
from motionstream.streaming.loaded_log import read_log
from motionstream.streaming.replay import replay
from motionstream.streaming.video_file import read_video
from motionstream.tracks import Tracks


def record(visitor, num_frames=34):
    visitor.start(seed=5, prompt="a red ball", paused=True)
    visitor.send('{"type": "record", "on": true}')
    visitor.drag(0, (0.5, 0.5), (0.7, 0.6))
    visitor.send('{"type": "resume"}')
    visitor.frames(num_frames)
    visitor.send('{"type": "record", "on": false}')
    return visitor.until(Recorded)


def test_a_recording_has_video_tracks_poster_and_log_and_can_be_downloaded(open_studio, tmp_path):
    studio = open_studio(recordings=tmp_path)
    recorded = record(studio.enter())
    assert set(recorded.files) == {"video.mp4", "tracks.npz", "tracks.json", "poster.jpg", "control.jsonl"}
    folder = tmp_path / recorded.name
    video = read_video(folder / "video.mp4")
    assert len(video) >= 33
    assert recorded.seconds == len(video) / 16
    assert Tracks.load(folder / "tracks.npz").num_frames == len(video)
    tracks = json.loads((folder / "tracks.json").read_text())
    assert (tracks["fps"], tracks["first_frame"], len(tracks["xy"])) == (16, 0, len(video))
    again = Tracks(ids=tracks["ids"], xy=np.array(tracks["xy"]), visible=np.array(tracks["visible"]))
    np.testing.assert_allclose(again.xy, Tracks.load(folder / "tracks.npz").xy, atol=1e-5)

    (listed,) = studio.client.get("/api/recordings").json()
    assert listed["name"] == recorded.name
    assert set(listed["files"]) == set(FILES)
    for file in FILES:
        answer = studio.client.get(f"/api/recordings/{recorded.name}/{file}")
        assert answer.status_code == 200
    assert answer.content[:6] == b"GIF89a"
    part = studio.client.get(f"/api/recordings/{recorded.name}/video.mp4", headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)


def test_the_log_of_a_recording_gives_the_very_frames_again_with_cut_prompt_and_branch(open_studio, tmp_path, engine):
    visitor = open_studio(recordings=tmp_path).enter()
    visitor.start(seed=5, prompt="a red ball")
    visitor.drag(0, (0.5, 0.5), (0.7, 0.6))
    visitor.frames(60)
    visitor.send(Seek(chunk=2))
    visitor.send('{"type": "record", "on": true}')
    visitor.drag(2, (0.7, 0.6), (0.2, 0.2))
    visitor.send(Prompt(text="a blue ball"))
    shown = visitor.frames(24)
    visitor.send_picture(visitor.picture_file(40, 40, seed=9))
    visitor.until(Picture)
    visitor.send(Cut(prompt=None))
    shown += visitor.frames(30)
    visitor.send('{"type": "stop"}')
    recorded = visitor.until(Recorded)
    log = read_log(tmp_path / recorded.name / "control.jsonl")
    again = {chunk.index: chunk for chunk in replay(engine, log)}
    from motionstream.serving.codecs import JpegEncoder

    encoder = JpegEncoder()
    for packet in shown:
        if packet.generation == 2:
            chunk = again[packet.chunk]
            assert encoder.encode(chunk.frames[packet.frame - chunk.start_frame]).payload == packet.payload
    first = json.loads((tmp_path / recorded.name / "tracks.json").read_text())["first_frame"]
    frames = sum(len(chunk.frames) for chunk in again.values())
    assert len(read_video(tmp_path / recorded.name / "video.mp4")) == frames - first


def test_a_server_that_stops_finishes_its_recordings_and_says_goodbye(open_studio, tmp_path):
    studio = open_studio(recordings=tmp_path)
    visitor = studio.enter()
    visitor.start()
    visitor.send('{"type": "record", "on": true}')
    visitor.frames(20)
    studio.client.portal.call(studio.client.app.state.streams.close)
    with pytest.raises(Exception, match="1012"):
        visitor.until(lambda got: False, seconds=10)
    assert [got for got in visitor.received if isinstance(got, Recorded)]
    (folder,) = tmp_path.iterdir()
    assert (folder / "control.jsonl").is_file()
    assert len(read_video(folder / "video.mp4")) >= 9


def test_without_a_folder_recording_is_refused(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.send('{"type": "record", "on": true}')
    assert "keeps no recordings" in visitor.until(Error).message


def test_a_recording_without_a_chunk_leaves_nothing_behind(open_studio, tmp_path):
    studio = open_studio(recordings=tmp_path)
    visitor = studio.enter()
    visitor.start(paused=True)
    visitor.send('{"type": "record", "on": true}')
    visitor.send('{"type": "stop"}')
    visitor.state("stopped")
    studio.client.portal.call(studio.client.app.state.streams.close)
    assert not list(tmp_path.iterdir())


def test_a_recording_ends_at_the_longest_that_is_allowed(open_studio, tmp_path):
    visitor = open_studio(recordings=tmp_path, recording_seconds=1).enter()
    visitor.start()
    visitor.send('{"type": "record", "on": true}')
    visitor.until(lambda got: visitor.acks and isinstance(got, Recorded))
    assert visitor.frames(5)


def test_the_oldest_recordings_go_when_the_folder_is_full(tmp_path):
    recordings = Recordings(tmp_path, max_bytes=250)
    for day in (1, 2, 3):
        folder = tmp_path / f"2026010{day}-000000-00000{day}"
        folder.mkdir()
        (folder / "video.mp4").write_bytes(bytes(100))
    stranger = tmp_path / "my holiday"
    stranger.mkdir()
    empty = recordings.begin(16)
    empty.finish()
    recordings.finished(empty)
    assert sorted(info.name[:8] for info in recordings.infos()) == ["20260102", "20260103"]
    assert stranger.is_dir()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("..", "video.mp4"),
        ("20260101-000000-000001", "../../secret"),
        ("20260101-000000-000001", "secret"),
        ("20260101-000000-000001/..", "video.mp4"),
        ("20260101-000000-999999", "video.mp4"),
    ],
)
def test_nothing_but_a_recordings_own_files_is_given_out(tmp_path, name, file):
    folder = tmp_path / "20260101-000000-000001"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    (tmp_path.parent / "secret").write_text("secret")
    with pytest.raises(InputError, match="there is no"):
        Recordings(tmp_path, max_bytes=1000).file(name, file)


def test_a_recording_can_be_removed(open_studio, tmp_path):
    studio = open_studio(recordings=tmp_path)
    name = record(studio.enter()).name
    assert studio.client.delete("/api/recordings/nonsense").status_code == 404
    assert studio.client.delete(f"/api/recordings/{name}").status_code == 204
    assert studio.client.get("/api/recordings").json() == []
    assert not os.listdir(tmp_path)
