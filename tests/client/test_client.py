"""The client, sync and async, against a small server that speaks the protocol."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any, get_args

import numpy as np
import pytest

from motionstream.client import AsyncLiveClient, Frame, LiveClient, LiveError, connect, connect_async
from motionstream.errors import InputError
from motionstream.serving.messages import (
    Ack,
    Bye,
    Codec,
    Configure,
    Events,
    KeyFrame,
    Pause,
    Ping,
    Record,
    Resume,
    ServerMessage,
    State,
)

PICTURE = np.full((20, 30, 3), 128, np.uint8)
Serve = Callable[..., Any]


@pytest.fixture
def server(serve_small: Serve) -> Any:
    return serve_small()


@pytest.fixture
def live(server: Any) -> Iterator[LiveClient]:
    """A client whose video runs."""
    with connect(server.url) as client:
        client.send_picture(PICTURE)
        client.start("a grey wall")
        yield client


def _looks_right(frame: Frame, server: Any) -> bool:
    return bool(np.abs(frame.pixels.astype(int) - server.colour(frame.index)).mean() < 6)


def _drain(live: LiveClient, timeout_seconds: float | None = None) -> None:
    while live.frame(timeout_seconds) is not None:
        pass


@pytest.mark.parametrize("codec", get_args(Codec))
def test_frames_come_in_order_with_their_pixels(server: Any, codec: Codec) -> None:
    with connect(server.url, codecs=(codec,)) as live:
        assert live.ready.codec == codec
        live.start()
        frames = list(islice(live, 10))
    assert [frame.index for frame in frames] == list(range(10))
    assert all(frame.pixels.shape == (33, 48, 3) and frame.pixels.dtype == np.uint8 for frame in frames)
    assert all(_looks_right(frame, server) for frame in frames)
    assert [(frame.starts_chunk, frame.ends_chunk) for frame in frames[:4]] == [(1, 0), (0, 0), (0, 0), (0, 1)]
    assert frames[9].time_ms == pytest.approx(1000 * 9 / 16)
    assert frames[9].chunk == 2


def test_a_frame_is_acknowledged_when_the_next_one_is_asked_for(live: LiveClient, server: Any) -> None:
    first, second = live.frame(), live.frame()
    assert first is not None
    assert second is not None
    server.wait_for(lambda: server.shown == first.packet)
    before = live.now_ms()
    live.shown()
    server.wait_for(lambda: server.shown == second.packet)
    newest = server.of(Ack)[-1]
    assert before <= newest.shown_ms <= live.now_ms()


def test_a_client_that_does_not_look_gets_no_more_than_the_window(live: LiveClient, server: Any) -> None:
    server.wait_for(lambda: server.frame == 2)  # and the still
    live.pause()  # the server has then handled all that came before
    server.wait_for(lambda: server.of(Pause))
    assert server.frame == 2


def test_events_are_numbered_and_receipted(live: LiveClient, server: Any) -> None:
    assert live.received == 0
    assert live.press(0.4, 0.5) == 1
    last = live.send_events([{"type": "move", "x": 0.4 + i / 1000, "y": 0.5, "pointer": 0} for i in range(600)])
    assert last == 601
    server.wait_for(lambda: live.received == 601)
    first, *more = server.of(Events)
    assert (first.seq, [batch.seq for batch in more]) == (1, [2, 258, 514])
    assert first.events[0].event == {"type": "press", "x": 0.4, "y": 0.5, "pointer": 0}
    chunk, frame = live.applied(last) or (None, None)
    assert frame is not None
    assert chunk == frame // 4
    assert live.applied(602) is None


def test_a_frame_tells_what_was_done_by_the_clients_clock(live: LiveClient, server: Any) -> None:
    first = live.frame()
    assert first is not None
    assert first.input_ms is None
    live.send_events([{"type": "press", "x": 0.5, "y": 0.5}], times_ms=[4321.5])
    server.wait_for(lambda: live.received == 1)
    assert 4321.5 in [frame.input_ms for frame in islice(live, 5)]


def test_events_may_come_from_another_thread_while_frames_are_shown(live: LiveClient, server: Any) -> None:
    import threading

    thread = threading.Thread(target=lambda: [live.move(0.5, i / 50) for i in range(50)])
    thread.start()
    frames = list(islice(live, 30))
    thread.join()
    server.wait_for(lambda: live.received == 50)
    assert [b.seq for b in server.of(Events)] == list(range(1, 51))
    assert [frame.index for frame in frames] == list(range(30))


def test_no_frame_of_the_old_branch_comes_after_a_seek(serve_small: Serve) -> None:
    server = serve_small(stale_after_seek=True)
    with connect(server.url, codecs=("h264",)) as live:
        live.start()
        list(islice(live, 10))
        live.seek(1)
        frames = list(islice(live, 6))
    assert [frame.index for frame in frames] == list(range(4, 10))
    assert all(_looks_right(frame, server) for frame in frames)


def test_the_video_ends_when_it_is_stopped(live: LiveClient) -> None:
    for frame in live:
        if frame.index == 5:
            live.stop()
    assert frame.index == 5
    assert live.state is not None
    assert live.state.status == "stopped"
    live.start()
    assert [frame.index for frame in islice(live, 3)] == [0, 1, 2]


def test_a_video_that_fails_says_why(live: LiveClient) -> None:
    live.frame()
    live.prompt("fail")
    with pytest.raises(LiveError, match="out of memory") as caught:
        _drain(live)
    assert caught.value.code == "failed"


def test_what_is_refused_is_raised_by_the_call_that_waits(server: Any) -> None:
    with connect(server.url) as live:
        with pytest.raises(LiveError, match="That is no picture") as caught:
            live.send_picture(b"hello")
        assert caught.value.code == "input"
        with pytest.raises(LiveError, match="No picture was sent"):
            live.start("refuse")
        assert live.send_picture(PICTURE).width == 30


def test_an_event_that_is_refused_is_raised_by_the_next_frame_and_the_video_goes_on(
    live: LiveClient, server: Any
) -> None:
    live.frame()
    live.send_events([{"type": "twirl"}])
    server.wait_for(lambda: live.received == 1)
    with pytest.raises(LiveError, match="Nobody twirls"):
        list(islice(live, 10))
    assert live.frame() is not None


def test_waiting_for_a_frame_has_an_end(live: LiveClient) -> None:
    live.pause()
    with pytest.raises(LiveError, match=r"within 0\.2 seconds") as caught:
        _drain(live, timeout_seconds=0.2)
    assert caught.value.code == "time"
    live.resume()
    assert live.frame(timeout_seconds=5) is not None


def test_a_full_server_tells_the_place_in_the_queue(server: Any) -> None:
    places: list[ServerMessage] = []
    with connect(server.url, on_message=places.append) as live:
        live.start("wait")
        assert [message.position for message in places if message.type == "queued"] == [2]
        assert live.frame() is not None
        assert live.queued is None


def test_frames_have_their_tracks_where_they_were_asked_for(server: Any) -> None:
    with connect(server.url, tracks=True) as live:
        live.start()
        frames = list(islice(live, 8))
    positions = [frame.tracks.xy[0, 0, 0] for frame in frames if frame.tracks is not None]
    assert positions == pytest.approx([0.25, 0.4167, 0.5833, 0.75] * 2, abs=1e-3)


def test_frames_have_no_tracks_otherwise(live: LiveClient) -> None:
    frame = live.frame()
    assert frame is not None
    assert frame.tracks is None


def test_settings_of_the_transport_reach_the_server(live: LiveClient, server: Any) -> None:
    live.configure(quality=50, presentation="drop")
    live.record(True)
    live.request_key_frame()
    live.pause()
    live.resume()
    server.wait_for(lambda: server.of(Resume))
    assert server.of(Configure) == [Configure(quality=50, presentation="drop")]
    assert server.of(Record) == [Record(on=True)]
    assert len(server.of(KeyFrame)) == len(server.of(Pause)) == 1


def test_the_clocks_are_compared_by_pings(server: Any) -> None:
    async def run() -> AsyncLiveClient:
        async with connect_async(server.url) as live:
            while len(server.of(Ping)) < 2:
                await asyncio.sleep(0.01)
            return live

    clock = asyncio.run(run()).clock
    assert clock.round_trip_ms is not None
    assert 0 < clock.round_trip_ms < 500
    assert clock.offset_ms == pytest.approx(5000, abs=250)
    first, second = server.of(Ping)[:2]
    assert first.round_trip_ms is None
    assert second.round_trip_ms == clock.round_trip_ms or second.round_trip_ms > clock.round_trip_ms


def test_the_async_client_does_the_same(server: Any) -> None:
    async def run() -> list[Frame]:
        frames: list[Frame] = []
        async with connect_async(server.url, codecs=("vp8",)) as live:
            await live.send_picture(PICTURE)
            await live.start()
            await live.press(0.5, 0.5)
            async for frame in live:
                frames.append(frame)
                if len(frames) == 7:
                    await live.stop()
        return frames

    frames = asyncio.run(run())
    assert [frame.index for frame in frames] == list(range(7))
    assert all(_looks_right(frame, server) for frame in frames)


def test_a_client_that_leaves_says_so(server: Any) -> None:
    with connect(server.url) as live:
        live.start()
    server.wait_for(lambda: server.of(Bye))


def test_a_broken_network_is_survived_and_no_event_is_lost(live: LiveClient, server: Any) -> None:
    list(islice(live, 5))
    live.press(0.5, 0.5)
    server.wait_for(lambda: live.received == 1)
    server.break_network()
    live.move(0.6, 0.5)
    live.move(0.7, 0.5)
    server.wait_for(lambda: server.connections == 2)
    server.wait_for(lambda: live.received == 3)
    sent = {batch.seq + i for batch in server.of(Events) for i in range(len(batch.events))}
    assert sent == {1, 2, 3}
    frames = list(islice(live, 6))
    assert all(_looks_right(frame, server) for frame in frames)
    assert all(a.index < b.index for a, b in pairwise(frames))
    server.wait_for(lambda: server.shown >= frames[-2].packet)


def test_a_video_codec_begins_anew_after_a_break(server: Any) -> None:
    with connect(server.url, codecs=("h264",)) as live:
        live.start()
        list(islice(live, 5))
        server.break_network()
        server.wait_for(lambda: server.connections == 2)
        assert all(_looks_right(frame, server) for frame in islice(live, 6))


def test_a_stream_that_the_server_forgot_is_not_taken_for_the_same(serve_small: Serve) -> None:
    server = serve_small(forgetful=True)
    with connect(server.url) as live:
        live.start()
        server.break_network()
        with pytest.raises(LiveError, match="no longer knows the stream"):
            _drain(live)
        with pytest.raises(LiveError, match="no longer knows the stream"):
            live.press(0.5, 0.5)


def test_a_client_does_not_try_to_come_back_for_ever(server: Any) -> None:
    with connect(server.url, reconnect_seconds=0) as live:
        live.start()
        server.break_network()
        with pytest.raises(LiveError, match="the connection was lost"):
            _drain(live)


def test_a_stream_is_left_and_taken_up_by_its_resume_token(server: Any) -> None:
    with connect(server.url) as live:
        live.start()
        live.close(bye=False)
        token = live.ready.resume
    assert not server.of(Bye)
    with connect(server.url, resume=token) as live:
        assert live.ready.resumed
        assert live.press(0.5, 0.5) == 0  # who counts anew begins with 0


def test_a_wrong_token_is_refused_and_the_right_one_let_in(serve_small: Serve) -> None:
    server = serve_small(token="open sesame")
    with pytest.raises(LiveError, match="token is missing or wrong") as caught, connect(server.url, "guess"):
        pass
    assert caught.value.code == "access"
    with connect(server.url, "open sesame") as live:
        assert live.ready.session == "s"


def test_an_address_without_a_server_says_what_to_do() -> None:
    with pytest.raises(LiveError, match="Is the app running") as caught, connect("127.0.0.1:9"):
        pass
    assert caught.value.code == "connection"


def test_the_state_is_known_and_told(server: Any) -> None:
    told: list[ServerMessage] = []
    with connect(server.url, on_message=told.append) as live:
        assert live.state is None
        live.start()
        assert live.state is not None
        assert live.state.status == "streaming"
    assert any(isinstance(message, State) for message in told)


def test_pixels_that_are_no_picture_are_refused_at_once(live: LiveClient) -> None:
    with pytest.raises(InputError, match=r"wanted uint8 \[h, w, 3\]"):
        live.send_picture(np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="could not read it"):
        live.send_picture("no/such/file.png")
