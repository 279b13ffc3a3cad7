"""Pictures of a client's camera go past the control log to a provider that follows them, and never hold up the rest."""

import io
import math
import time

import numpy as np
import pytest
from PIL import Image

from motionstream.serving.messages import Error, Pong, Report, State, Stats
from motionstream.serving.packet import Kind, Packet
from tests.plugins.webcam_clips import jpeg, shifted


def send(visitor, dx: float = 0.0, *, at_ms: float | None = None, payload: bytes | None = None) -> float:
    """A picture that has moved by so many pixels, taken now; its time."""
    taken_ms = 1e3 * time.monotonic() if at_ms is None else at_ms
    picture = jpeg(shifted(dx)) if payload is None else payload
    visitor.send(Packet(kind=Kind.CAMERA, payload=picture, time_ms=taken_ms))
    return taken_ms


def answers(visitor) -> list:
    """All that has come by the time that a ping is answered."""
    visitor.received.clear()
    visitor.send('{"type": "ping", "t_ms": 77}')
    visitor.until(lambda got: isinstance(got, Pong) and got.t_ms == 77)
    return list(visitor.received)


def errors(visitor) -> list[str]:
    return [got.message for got in answers(visitor) if isinstance(got, Error)]


def reported(visitor, name: str, wanted) -> object:
    """Send pictures that move on until the provider reports a value."""
    stop, dx = time.monotonic() + 20, 0.0
    while time.monotonic() < stop:
        send(visitor, dx)
        dx += 0.5
        for got in answers(visitor):
            if isinstance(got, Report) and name in got.values and wanted(got.values[name]):
                return got.values[name]
        time.sleep(0.02)
    raise AssertionError(f"{name} was not reported as wanted")


@pytest.fixture
def streaming(open_studio):
    """A visitor whose video of the webcam provider is open."""
    visitor = open_studio().enter()
    visitor.start(provider="webcam", settings={"num_points": 40, "max_age_seconds": 10})
    visitor.frames(3)
    return visitor


def test_the_webcam_is_offered_without_the_settings_that_name_files(open_studio):
    ready = open_studio().visit().hello()
    (webcam,) = (provider for provider in ready.providers if provider.name == "webcam")
    assert "gain" in webcam.settings_schema["properties"]
    assert not {"source", "weights"} & webcam.settings_schema["properties"].keys()


@pytest.mark.parametrize(
    "settings", [{"source": "/etc/passwd"}, {"weights": "/w"}, {"tracker": "os:system"}, {"tracker": "a.b:Tracker"}]
)
def test_no_client_names_a_file_or_a_module_of_the_server(open_studio, settings):
    visitor = open_studio().enter()
    visitor.start(provider="webcam", settings=settings)
    assert visitor.until(Error).code in ("input", "failed")
    assert not [got for got in visitor.received if isinstance(got, State) and got.status == "streaming"]


def test_the_points_of_camera_pictures_are_reported_and_move_the_video(streaming):
    points = reported(streaming, "camera_xy", lambda xy: len(xy) > 20)
    assert all(0 <= x <= 1 and 0 <= y <= 1 and round(x, 4) == x for x, y in points)
    tracks = streaming.until(lambda got: isinstance(got, Packet) and got.kind is Kind.TRACKS)
    assert len(tracks.payload) > 8


def test_frames_carry_the_time_of_the_newest_picture_in_them_and_each_picture_once(streaming):
    reported(streaming, "state", lambda state: state == "running")
    sent, frames, dx = set(), list[Packet](), 40.0
    stop = time.monotonic() + 20
    while time.monotonic() < stop and sum(not math.isnan(frame.input_ms) for frame in frames) < 12:
        sent.add(send(streaming, dx))
        dx += 0.5
        frames += [got for got in answers(streaming) if isinstance(got, Packet) and got.kind is Kind.JPEG]
        time.sleep(0.02)
    times = [frame.input_ms for frame in frames if frame.input_ms >= min(sent) - 1e-3]
    assert len(times) > 5
    assert len(set(times)) == len(times)
    assert times == sorted(times)
    assert all(min(abs(one - other) for other in sent) < 0.01 for one in times)
    stats = streaming.until(lambda got: isinstance(got, Stats) and got.control_to_photon_ms.p50 is not None)
    assert 0 < stats.control_to_photon_ms.p50 < 20_000


def test_without_a_video_pictures_are_dropped_without_a_word(open_studio):
    visitor = open_studio().enter()
    for _ in range(3):
        send(visitor)
    assert errors(visitor) == []
    visitor.start(provider="webcam")
    visitor.frame()
    visitor.send('{"type": "stop"}')
    visitor.state("stopped")
    send(visitor)
    assert errors(visitor) == []


def test_a_source_of_motion_that_takes_no_pictures_says_so_once_and_goes_on(open_studio):
    visitor = open_studio().enter()
    visitor.start(provider="drag")
    visitor.frame(lambda frame: frame.frame > 2)
    for _ in range(5):
        send(visitor)
    (complaint,) = errors(visitor)
    assert "takes no camera pictures" in complaint
    visitor.frames(5)


@pytest.mark.parametrize(
    ("payload", "at_ms", "words"),
    [
        (b"\xff\xd8\xff" + bytes(600_000), 1.0, "at most 524288 bytes"),
        (b"not a jpeg", 1.0, "wanted a JPEG"),
        (b"", 1.0, "Camera picture"),
        (b"\xff\xd8\xff", math.nan, "time when it was taken"),
        (b"\xff\xd8\xff", -5.0, "greater than or equal to 0"),
    ],
    ids=["large", "no picture", "empty", "no time", "before time"],
)
def test_a_picture_that_cannot_be_one_is_refused_in_words(streaming, payload, at_ms, words):
    send(streaming, payload=payload, at_ms=at_ms)
    (complaint,) = errors(streaming)
    assert words in complaint
    streaming.frames(3)


def test_a_broken_jpeg_is_counted_and_the_stream_goes_on(streaming):
    reported(streaming, "state", lambda state: state == "running")
    file = jpeg(shifted(0))
    send(streaming, payload=file[:40] + bytes(200))
    reported(streaming, "num_bad", lambda num: num == 1)
    streaming.frames(3)


def test_pictures_that_come_too_fast_are_left_out_and_hold_up_nothing(open_studio):
    visitor = open_studio(camera_per_second=10).enter()
    visitor.start(provider="webcam", settings={"max_age_seconds": 10})
    visitor.frames(3)
    began = time.monotonic()
    for index in range(200):
        send(visitor, index / 10)
    assert errors(visitor) == []
    assert time.monotonic() - began < 5  # two hundred at ten a second, if they were waited for, would take 19
    time.sleep(0.5)
    visitor.until(Report)
    seen = reported(visitor, "num_followed", lambda _: True)
    assert seen < 40


def test_a_large_smooth_picture_within_the_limit_is_followed(streaming):
    rows = np.linspace(0, 255, 1080, dtype=np.uint8)
    pixels = np.broadcast_to(rows[:, None, None], (1080, 1920, 3))
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "jpeg")
    send(streaming, payload=file.getvalue())
    reported(streaming, "num_followed", lambda num: num >= 1)
    assert errors(streaming) == []


def test_pictures_count_as_somebody_being_there(open_studio):
    visitor = open_studio(no_input_seconds=1).enter()
    visitor.start(provider="webcam", settings={"max_age_seconds": 10})
    stop = time.monotonic() + 3
    while time.monotonic() < stop:
        send(visitor)
        assert not [got for got in answers(visitor) if isinstance(got, State) and got.status == "paused"]
        time.sleep(0.1)
    visitor.state("paused")


def test_reports_for_pictures_come_at_most_twelve_times_a_second(streaming):
    reported(streaming, "state", lambda state: state == "running")
    streaming.send('{"type": "pause"}')
    streaming.state("paused")
    answers(streaming)
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 1.5:
        send(streaming)
        count += sum(isinstance(got, Report) for got in answers(streaming))
        time.sleep(0.005)
    assert 3 <= count <= 1.5 * 12 + 2


def test_after_going_back_the_new_provider_gets_the_pictures(streaming):
    reported(streaming, "num_followed", lambda num: num >= 5)
    streaming.send('{"type": "seek", "chunk": 1}')
    streaming.until(lambda got: isinstance(got, State) and got.generation == 2)
    reported(streaming, "num_followed", lambda num: num <= 2)
    reported(streaming, "state", lambda state: state == "running")
    streaming.frame(lambda frame: frame.generation == 2 and not math.isnan(frame.input_ms))


def test_reports_that_wait_for_a_slow_client_become_one(open_studio):
    studio = open_studio()
    visitor = studio.enter()
    stream = next(iter(studio.client.app.state.streams.all))

    async def report() -> None:
        for number in range(1000):
            stream.reported({"count": number, f"name{number % 3}": number})

    studio.client.portal.call(report)
    reports = [got for got in answers(visitor) if isinstance(got, Report)]
    assert len(reports) == 1
    assert reports[0].values == {"count": 999, "name0": 999, "name1": 997, "name2": 998}
