"""The client against the server itself, over a socket; the null engine shows in its pixels what it was told."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import uvicorn

from motionstream.cli.live_bench.null_engine import NullEngine
from motionstream.cli.live_bench.picture import measuring_picture
from motionstream.client import Frame, LiveClient, LiveError, connect
from motionstream.config import StreamConfig
from motionstream.serving.messages import Codec
from motionstream.serving.opener import Opener
from motionstream.serving.server import create_app, uvicorn_options
from motionstream.serving.settings import ServerSettings
from tests.plugins.webcam_clips import jpeg, shifted

PICTURE = measuring_picture(200, 120)
BOX = (255, 80, 0)


@contextmanager
def _serving(load: Callable[[], Opener], settings: ServerSettings) -> Iterator[str]:
    options: dict[str, Any] = {**uvicorn_options(settings), "log_level": "error"}
    server = uvicorn.Server(uvicorn.Config(create_app(load, settings), **options))
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _null() -> Opener:
    return NullEngine(StreamConfig(width=160, height=96, fps=60, chunk_frames=1))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with _serving(_null, ServerSettings()) as address:
        yield address


@pytest.fixture
def live(url: str) -> Iterator[LiveClient]:
    with connect(url, tracks=True) as client:
        client.send_picture(PICTURE)
        client.start("a wall", seed=3)
        yield client


def _box_x(frame: Frame) -> float | None:
    """Where the null engine has drawn its box, in widths."""
    found = (np.abs(frame.pixels[40:56].astype(int) - BOX).max(axis=2) < 60).sum(axis=0)
    columns = np.flatnonzero(found > 6)
    return float((columns.mean() + 0.5) / frame.pixels.shape[1]) if len(columns) else None


def _until(live: LiveClient, wanted: Callable[[Frame], bool], most: int = 600) -> Frame:
    return next(frame for frame in islice(live, most) if wanted(frame))


def test_what_the_hand_does_is_seen_where_it_was_done(live: LiveClient) -> None:
    live.press(0.25, 0.5)
    pressed = _until(live, lambda frame: _box_x(frame) is not None)
    assert _box_x(pressed) == pytest.approx(0.25, abs=0.05)
    assert pressed.tracks is not None
    assert pressed.tracks.xy[0, :, 0].mean() == pytest.approx(0.25, abs=0.05)
    last = live.send_events([{"type": "move", "x": 0.25 + 0.025 * n, "y": 0.5, "pointer": 0} for n in range(1, 21)])
    moved = _until(live, lambda frame: (_box_x(frame) or 0) > 0.7)
    assert _box_x(moved) == pytest.approx(0.75, abs=0.05)
    assert live.received == last
    told = live.applied(last)
    assert told is not None
    assert told[1] <= moved.index


@pytest.mark.parametrize("codec", get_args(Codec))
def test_frames_come_in_every_codec(url: str, codec: Codec) -> None:
    with connect(url, codecs=(codec,)) as live:
        live.send_picture(PICTURE)
        live.start()
        frames = list(islice(live, 12))
    assert [frame.index for frame in frames] == list(range(12))
    first = frames[0].pixels[20:, :150].astype(int)
    assert np.abs(frames[8].pixels[20:, :134] - first[:, 16:]).mean() < 12  # it has panned 16 pixels


def test_input_tells_when_the_hand_moved(live: LiveClient) -> None:
    begun = live.now_ms()
    live.press(0.5, 0.5)
    frame = _until(live, lambda frame: frame.input_ms is not None)
    assert frame.input_ms is not None
    assert begun <= frame.input_ms <= live.now_ms() < frame.input_ms + 5000


def test_a_seek_goes_on_from_there_and_no_older_frame_comes(live: LiveClient) -> None:
    _until(live, lambda frame: frame.chunk == 6)
    live.seek(2)
    frames = list(islice(live, 8))
    assert [frame.index for frame in frames] == list(range(5, 13))
    live.seek(0)
    assert [frame.index for frame in islice(live, 4)] == [0, 1, 2, 3]


def test_a_paused_stream_waits_and_goes_on_without_a_gap(live: LiveClient) -> None:
    before = list(islice(live, 5))[-1].index
    live.pause()
    with pytest.raises(LiveError, match="No frame came"):
        _show_until_nothing_comes(live)
    live.resume()
    after = live.frame(timeout_seconds=10)
    assert after is not None
    assert after.index > before


def _show_until_nothing_comes(live: LiveClient) -> None:
    while live.frame(timeout_seconds=0.5) is not None:
        pass


def test_the_prompt_and_the_picture_change_in_the_middle(live: LiveClient) -> None:
    list(islice(live, 4))
    live.send_picture(np.full((96, 160, 3), (10, 200, 10), np.uint8))
    live.cut("a green wall")
    frame = _until(live, lambda frame: bool(np.abs(frame.pixels[40:] - np.array([10, 200, 10])).mean() < 8))
    assert frame.index >= 4
    assert live.state is not None
    assert live.state.prompt == "a green wall"


def test_what_the_server_refuses_is_said_and_nothing_else_happens(live: LiveClient) -> None:
    with pytest.raises(LiveError, match="wanted an image file"):
        live.send_picture(b"no picture")
    live.send_events([{"type": "twirl"}])
    with pytest.raises(LiveError, match="twirl"):
        list(islice(live, 300))
    assert live.frame(timeout_seconds=10) is not None


def test_a_dropped_connection_finds_its_stream_and_no_event_is_lost(live: LiveClient) -> None:
    live.press(0.25, 0.5)
    _until(live, lambda frame: _box_x(frame) is not None)
    socket_of = live._live._connection._socket
    live._loop.call_soon_threadsafe(socket_of.transport.abort)
    time.sleep(0.05)
    live.move(0.75, 0.5)
    frame = _until(live, lambda frame: (_box_x(frame) or 0) > 0.7)
    assert _box_x(frame) == pytest.approx(0.75, abs=0.05)


def test_a_stream_that_was_left_is_taken_up_where_it_was(url: str) -> None:
    with connect(url) as live:
        live.send_picture(PICTURE)
        live.start()
        list(islice(live, 10))
        live.close(bye=False)
        token = live.ready.resume
    with connect(url, resume=token) as again:
        assert again.ready.resumed
        frame = again.frame(timeout_seconds=10)
        assert frame is not None
        assert frame.index >= 8


def test_a_video_ends_when_it_is_stopped(live: LiveClient) -> None:
    seen = []
    for frame in live:
        seen.append(frame.index)
        if frame.index == 6:
            live.stop()
    assert seen == list(range(7))


def test_a_recording_is_finished_and_named(tmp_path: Path) -> None:
    with _serving(_null, ServerSettings(recordings=tmp_path)) as address, connect(address) as live:
        live.send_picture(PICTURE)
        live.start("a wall")
        live.record(True)
        list(islice(live, 20))
        live.record(False)
        deadline = time.monotonic() + 20
        while live.recorded is None and time.monotonic() < deadline:
            list(islice(live, 2))
        assert live.recorded is not None
        assert (tmp_path / live.recorded.name / "video.mp4").is_file()


def test_a_server_with_a_token_lets_in_who_has_it() -> None:
    settings = ServerSettings(login=True, token="correct horse")
    with _serving(_null, settings) as address:
        with pytest.raises(LiveError, match="token") as caught, connect(address):
            pass
        assert caught.value.code == "access"
        with connect(address, "correct horse") as live:
            assert live.ready.width == 160


def test_the_model_streams_to_the_client(tiny_checkpoint: Path) -> None:
    from motionstream.streaming.engine import StreamEngine

    def load() -> Opener:
        return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")

    with _serving(load, ServerSettings()) as address, connect(address, codecs=("h264",)) as live:
        live.send_picture(PICTURE)
        live.start("a wall")
        live.press(0.5, 0.5)
        frames = list(islice(live, 21))
    assert [frame.index for frame in frames] == list(range(21))
    assert frames[0].pixels.shape == (32, 32, 3)


def test_pictures_of_a_camera_move_the_video_and_frames_tell_when_they_were_taken(url: str) -> None:
    with connect(url, tracks=True) as live:
        live.send_picture(PICTURE)
        live.start(provider="webcam", settings={"num_points": 30, "max_age_seconds": 10})
        sent = set()
        for index, frame in enumerate(islice(live, 400)):
            taken = live.now_ms() / 1000
            sent.add(round(1000 * taken, 3))
            assert live.send_camera(jpeg(shifted(index / 2)), taken)
            if frame.input_ms is not None and live.report.get("state") == "running":
                break
        assert frame.input_ms is not None
        assert round(frame.input_ms, 3) in sent
        assert frame.tracks is not None
        assert frame.tracks.num_points > 10
        assert live.report["tracker"] == "lucas-kanade"
