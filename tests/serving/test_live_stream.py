"""What a client may ask of its stream, and what comes of it."""

import sys
import time

import pytest
from motionstream_drag import DragProvider

from motionstream.serving.messages import Applied, Cut, Error, Picture, Prompt, Report, Seek, Start, State, Stats
from motionstream.serving.packet import Packet


def test_pause_makes_no_more_chunks_and_resume_goes_on_where_it_was(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frames(10)
    visitor.send('{"type": "pause"}')
    visitor.state("paused")
    visitor.send('{"type": "ping", "t_ms": 1}')
    time.sleep(0.5)
    visitor.send('{"type": "resume"}')
    visitor.state("streaming")
    visitor.frames(30)
    numbers = [got.frame for got in visitor.received if isinstance(got, Packet) and got.sequence > 1]
    assert numbers == list(range(len(numbers)))


def test_a_seek_drops_the_old_branch_and_no_frame_of_it_is_sent_after_the_new_state(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frame(lambda packet: packet.chunk == 4)
    visitor.send(Seek(chunk=2))
    state = visitor.until(lambda got: isinstance(got, State) and got.generation == 2)
    assert (state.status, state.chunk) == ("streaming", 2)
    frames = visitor.frames(24)
    assert {packet.generation for packet in frames} == {2}
    assert [packet.frame for packet in frames] == list(range(21, 45))


def test_a_reset_with_the_same_input_gives_the_same_frames_again(open_studio):
    visitor = open_studio().enter()
    visitor.start(seed=3)
    first = {packet.frame: packet.payload for packet in visitor.frames(22)[1:]}
    visitor.send(Seek(chunk=0))
    visitor.until(lambda got: isinstance(got, State) and got.generation == 2)
    again = {packet.frame: packet.payload for packet in visitor.frames(22)[1:]}
    assert again == first


def test_a_branch_that_is_done_otherwise_looks_different(open_studio):
    visitor = open_studio().enter()
    visitor.start(seed=3)
    first = {packet.frame: packet.payload for packet in visitor.frames(34)[1:]}
    visitor.send('{"type": "pause"}')
    visitor.state("paused")
    visitor.send(Seek(chunk=1))
    visitor.drag(0, (0.5, 0.5), (0.9, 0.9))
    visitor.send('{"type": "resume"}')
    assert visitor.until(Applied).chunk == 1
    again = {packet.frame: packet.payload for packet in visitor.frames(24)}
    assert again.keys() == set(range(9, 33))
    assert again != {number: first[number] for number in again}


def test_a_seek_to_a_chunk_that_is_not_made_yet_is_refused_and_the_stream_goes_on(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frames(10)
    visitor.send(Seek(chunk=1000))
    assert "wanted a chunk from 0 to" in visitor.until(Error).message
    frames = visitor.frames(12)
    assert {packet.generation for packet in frames} == {1}


def test_another_prompt_is_told_and_comes_into_the_video(open_studio):
    studio = open_studio()
    visitor = studio.enter()
    visitor.start(seed=3, prompt="a red ball")
    visitor.frames(10)
    visitor.send(Prompt(text="a blue ball"))
    assert visitor.until(State).prompt == "a blue ball"
    assert visitor.frames(60)
    stream = next(iter(studio.client.app.state.streams.all))
    assert stream._production._video._session.prompt == "a blue ball"


def test_a_cut_goes_on_from_the_picture_that_was_sent_last(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frames(10)
    visitor.send_picture(visitor.picture_file(64, 64, seed=5))
    visitor.until(Picture)
    visitor.send(Cut(prompt="elsewhere", fit="pad"))
    state = visitor.until(State)
    assert (state.prompt, state.description) == ("elsewhere", "resized 64x64 to 32x32")
    generations = {packet.generation for packet in visitor.frames(60)}
    assert generations == {1}
    assert not [got for got in visitor.received if isinstance(got, Error)]


def test_stop_ends_the_video_and_start_begins_another(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frames(10)
    visitor.send('{"type": "stop"}')
    assert visitor.state("stopped").generation == 2
    visitor.send('{"type": "resume"}')
    assert "Start one first" in visitor.until(Error).message
    visitor.send(Start(seed=1))
    assert visitor.state("streaming").generation == 3
    assert {packet.generation for packet in visitor.frames(10)} == {3}


def test_start_without_a_picture_is_refused(open_studio):
    visitor = open_studio().enter()
    visitor.send(Start())
    assert "Send one first" in visitor.until(Error).message


def test_a_bad_picture_is_refused_and_the_one_before_is_not_used_in_its_place(open_studio):
    visitor = open_studio().enter()
    visitor.send_picture()
    visitor.until(Picture)
    visitor.send_picture(b"GIF89a but not really")
    assert visitor.until(Error).code == "input"
    visitor.send(Start())
    assert "Send one first" in visitor.until(Error).message


def test_a_picture_with_too_many_pixels_is_refused(open_studio):
    visitor = open_studio(picture_pixels=1000).enter()
    visitor.send_picture()
    assert "megapixels" in visitor.until(Error).message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"provider": "nonsense"}, "wanted one of camera, camera+drag, drag"),
        ({"provider": "os.path"}, "wanted one of camera, camera+drag, drag"),
        ({"settings": {"radius": 7}}, "radius"),
        ({"settings": {"script": "/etc/passwd"}}, "may name a file of the server"),
        ({"settings": {"unknown": 1}}, "unknown"),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_the_reason(open_studio, fields, told):
    visitor = open_studio().enter()
    visitor.start(**fields)
    error = visitor.until(Error)
    assert told in error.message
    assert error.code == "input"


def test_steps_that_the_model_cannot_do_fail_the_stream_and_a_good_start_mends_it(open_studio):
    visitor = open_studio().enter()
    visitor.start(timesteps=(10.0, 900.0))
    assert "falling" in visitor.until(Error).message
    visitor.state("failed")
    visitor.send(Start(timesteps=(1000.0,), sink_frames=3, window_frames=6))
    visitor.state("streaming")
    assert len(visitor.frames(22)) == 22


def test_no_client_fills_the_memory_with_its_window(open_studio):
    visitor = open_studio(max_memory_frames=8).enter()
    visitor.start(window_frames=6)
    assert "at most 8 latent frames together, got 3 + 6" in visitor.until(Error).message
    visitor.start(sink_frames=2, window_frames=6)
    visitor.state("streaming")


def test_no_path_of_the_server_is_offered_as_a_setting(open_studio):
    ready = open_studio().visit().hello()
    drag = next(info for info in ready.providers if info.name == "drag")
    properties = drag.settings_schema["properties"]
    assert "radius" in properties
    assert "script" not in properties


@pytest.mark.parametrize(
    ("provider", "setting", "value"),
    [
        ("drag", "script", "/etc/passwd"),
        ("camera", "depth_source", "/etc/passwd"),
        ("camera", "path_file", "poses.txt"),
        ("camera", "photograph", "photo.jpg"),
        ("camera+drag", "camera", {"path_file": "poses.txt"}),
        ("camera+drag", "rider_settings", {"script": "/etc/passwd"}),
    ],
)
def test_a_setting_that_may_name_a_file_of_the_server_is_refused(open_studio, provider, setting, value):
    visitor = open_studio().enter()
    visitor.start(provider=provider, settings={setting: value})
    assert f"{setting} may name a file of the server" in visitor.until(Error).message


def test_no_module_is_imported_because_a_client_names_it(open_studio):
    visitor = open_studio().enter()
    visitor.start(provider="camera+drag", settings={"rider": "antigravity:fly"})
    assert "rider" in visitor.until(Error).message
    assert "antigravity" not in sys.modules


def test_every_announced_provider_that_works_is_offered(open_studio):
    names = {info.name for info in open_studio().visit().hello().providers}
    assert {"drag", "camera", "camera+drag", "webcam"} <= names


def test_what_a_provider_shows_of_itself_is_sent_when_it_changes_and_whole_to_a_page_that_comes_back(
    open_studio, monkeypatch
):
    windows = []
    read = DragProvider.read
    monkeypatch.setattr(
        DragProvider, "read", lambda self, window: (windows.append(window.index), read(self, window))[1]
    )
    monkeypatch.setattr(DragProvider, "report", lambda self: {"depth": "flat", "chunks": len(windows)}, raising=False)
    studio = open_studio()
    visitor = studio.visit()
    resume = visitor.hello().resume
    visitor.start()
    visitor.frames(22)
    reports = [got.values for got in visitor.received if isinstance(got, Report)]
    assert reports[:2] == [{"depth": "flat", "chunks": 0}, {"chunks": 1}]
    visitor.session.close()
    again = studio.visit()
    again.hello(resume=resume)
    whole = again.until(Report).values
    assert whole["depth"] == "flat"
    assert whole["chunks"] >= 2


def test_an_event_that_the_provider_refuses_is_told_and_the_others_count(open_studio):
    visitor = open_studio().enter()
    visitor.start(paused=True)
    visitor.state("paused")
    bad = '{"type": "events", "seq": 0, "events": [{"t_ms": 5, "event": {"type": "dance"}}]}'
    visitor.send(bad)
    visitor.drag(1, (0.5, 0.5), (0.6, 0.5))
    visitor.send('{"type": "resume"}')
    assert "dance" in visitor.until(Error).message
    assert [seq for seq, _ in visitor.until(Applied).frames] == [1, 2]


def test_events_that_are_sent_again_after_a_break_count_once(open_studio):
    visitor = open_studio().enter()
    visitor.start(paused=True)
    visitor.state("paused")
    visitor.drag(3, (0.5, 0.5), (0.6, 0.5))
    visitor.drag(3, (0.5, 0.5), (0.6, 0.5), (0.7, 0.5))
    visitor.send('{"type": "resume"}')
    assert [seq for seq, _ in visitor.until(Applied).frames] == [3, 4, 5]


def test_an_acknowledged_drag_shows_in_the_latency(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    visitor.frames(10)
    visitor.drag(0, (0.5, 0.5), (0.6, 0.5))
    visitor.until(Applied)
    stats = visitor.until(lambda got: isinstance(got, Stats) and got.control_to_photon_ms.p50)
    assert 0 < stats.control_to_photon_ms.p50 <= stats.control_to_photon_ms.p99 < 10_000


def test_a_client_that_shows_nothing_makes_the_model_wait(open_studio):
    studio = open_studio()
    visitor = studio.enter()
    visitor.acks = False
    visitor.start()
    visitor.frames(10)
    time.sleep(1.0)
    visitor.send('{"type": "ping", "t_ms": 1}')
    visitor.until(lambda got: getattr(got, "type", "") == "pong")
    stats = [got for got in visitor.received if isinstance(got, Stats)]
    assert stats[-1].queued_frames <= 1 + 9 + 2 * 12
    assert stats[-1].frames == stats[-2].frames


def test_a_client_that_shows_nothing_misses_frames_where_it_wants_the_newest(open_studio):
    visitor = open_studio(paced=True).enter()
    visitor.acks = False
    visitor.send('{"type": "configure", "presentation": "drop"}')
    visitor.start()
    stats = visitor.until(lambda got: isinstance(got, Stats) and got.dropped > 0)
    assert stats.queued_frames <= 12 + 24 + 1


def test_an_acknowledgement_of_a_frame_that_was_never_sent_is_refused(open_studio):
    visitor = open_studio().enter()
    visitor.send('{"type": "ack", "packet": 99, "shown_ms": 5}')
    assert "wanted a packet up to 0" in visitor.until(Error).message


def test_quality_and_tracks_can_be_changed_while_it_streams(open_studio):
    visitor = open_studio().enter()
    visitor.start(paused=True)
    fine = visitor.frame()
    visitor.send('{"type": "configure", "quality": 5, "tracks": false}')
    visitor.send(Seek(chunk=0))
    coarse = visitor.frame()
    assert len(coarse.payload) < 0.8 * len(fine.payload)
    visitor.send('{"type": "resume"}')
    visitor.frames(20)
    assert not [got for got in visitor.received if isinstance(got, Packet) and got.kind == 4]


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_video_codecs_begin_every_branch_with_a_key_frame_and_give_one_when_asked(open_studio, codec):
    visitor = open_studio().visit()
    if visitor.hello(codecs=(codec, "jpeg")).codec != codec:
        pytest.skip(f"no encoder for {codec}")
    visitor.start()
    keys = [bool(packet.flags & 1) for packet in visitor.frames(10)]
    assert keys == [True] + [False] * 9
    visitor.send(Seek(chunk=0))
    assert visitor.frame(lambda packet: packet.generation == 2).flags & 1
    visitor.send('{"type": "key"}')
    assert visitor.frame(lambda packet: bool(packet.flags & 1))


def test_a_paced_stream_plays_no_faster_than_the_video(open_studio):
    visitor = open_studio(paced=True).enter()
    visitor.start()
    visitor.frames(10)
    began = time.monotonic()
    visitor.frames(24)
    assert time.monotonic() - began > 0.7 * 24 / 16 - 9 / 16
