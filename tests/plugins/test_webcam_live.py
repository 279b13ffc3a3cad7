"""The webcam provider in a live stream: pictures come as they come, the newest wins, and nothing ever waits."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from motionstream_webcam import PointTracker, Sighting, TrackerInfo, WebcamProvider, WebcamSettings
from motionstream_webcam.device_source import DeviceSource
from motionstream_webcam.follower import Follower
from motionstream_webcam.lucas_kanade import LucasKanade
from motionstream_webcam.puppet import Puppet
from motionstream_webcam.stage import Stage as Poses

from motionstream.errors import InputError, ProviderError
from motionstream.providers import StreamInfo, Window
from motionstream.testing import check_provider
from tests.plugins.webcam_clips import Stage, jpeg, shifted, write

PATIENCE = 20.0


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def live() -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def begin(**settings: Any) -> Stage:
        stages.append(Stage(**{"max_age_seconds": 10, **settings}))
        return stages[-1]

    yield begin
    for stage in stages:
        stage.provider.close()


def show(stage: Stage, dx: float, seconds: float, **more: Any) -> None:
    """Send a picture and wait until it was followed."""
    before = stage.provider.status().num_followed
    event = {"type": "camera", "jpeg": jpeg(shifted(dx, **more)), "time_seconds": seconds}
    stage.provider.handle(event)
    until(lambda: stage.provider.status().num_followed > before)


def test_the_contract_is_kept() -> None:
    check_provider("webcam")


def test_the_target_moves_as_the_pictures_that_a_page_sends(live: Callable[..., Stage]) -> None:
    stage = live()
    for index in range(10):
        show(stage, 1.5 * index, index / 30)
    tracks = stage.read(2)
    moved = np.median(tracks.xy[:, :, 0] - tracks.xy[0, :, 0], axis=1)
    assert moved[-1] == pytest.approx(13.5 / 160, abs=0.5 / 160)
    assert (np.diff(moved) > -1e-3).all()
    status = stage.provider.status()
    assert (status.state, status.num_bad, len(status.camera_xy)) == ("running", 0, tracks.num_points)
    assert len(status.target_xy) == tracks.num_points
    assert status.age_seconds is not None


def test_without_pictures_nothing_is_said_and_the_last_ones_hold(live: Callable[..., Stage]) -> None:
    stage = live()
    assert stage.read().num_points == 0
    assert stage.provider.status().state == "waiting"
    show(stage, 0, 1.0)
    show(stage, 6, 1.1)
    stage.read()
    held = stage.read(2)
    assert held.visible.all()
    np.testing.assert_allclose(held.xy - held.xy[-1], 0, atol=1e-6)


def test_a_new_reference_takes_the_target_back_or_leaves_it(live: Callable[..., Stage]) -> None:
    for target, wanted in (("rest", 0.0), ("stay", 8 / 160)):
        stage = live()
        show(stage, 0, 1.0)
        rest = stage.read()
        show(stage, 8, 1.1)
        stage.provider.handle({"type": "reference", "target": target})
        show(stage, 8, 1.2)
        after = stage.read(2)
        assert np.array_equal(after.ids, rest.ids)
        assert np.median(after.xy[-1, :, 0] - rest.xy[0, :, 0]) == pytest.approx(wanted, abs=0.6 / 160)


def test_another_part_of_the_target_has_points_of_its_own(live: Callable[..., Stage]) -> None:
    stage = live()
    show(stage, 0, 1.0)
    before = stage.read()
    stage.provider.handle({"type": "region", "on": "target", "box": [0.5, 0.5, 1.0, 1.0]})
    stage.provider.handle({"type": "region", "on": "camera", "brush": [[0.5, 0.5], [0.6, 0.6]], "radius": 0.2})
    show(stage, 0, 1.1)
    after = stage.read()
    assert not set(before.ids) & set(after.ids)
    assert (after.xy[0] >= 0.5).all()


def test_points_that_begin_later_never_have_an_old_id(live: Callable[..., Stage]) -> None:
    """As after going back in a stream, where a new provider goes on in the middle."""
    stage, fresh = live(), live()
    for each in (stage, fresh):
        show(each, 0, 1.0)
    old = stage.read(3)
    fresh.num_chunks = 3
    assert not set(old.ids) & set(fresh.read().ids)


def test_a_camera_that_changes_its_size_leaves_the_target_where_it_is(live: Callable[..., Stage]) -> None:
    stage = live()
    show(stage, 0, 1.0)
    rest = stage.read()
    show(stage, 8, 1.1)
    show(stage, 8, 1.2, width=320, height=240)
    after = stage.read(2)
    assert np.array_equal(after.ids, rest.ids)
    assert np.median(after.xy[-1, :, 0] - rest.xy[0, :, 0]) == pytest.approx(8 / 160, abs=0.6 / 160)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "camera"},
        {"type": "camera", "jpeg": "text"},
        {"type": "camera", "jpeg": b""},
        {"type": "camera", "jpeg": b"\x89PNG....."},
        {"type": "camera", "jpeg": bytes(5 * 2**20)},
        {"type": "camera", "jpeg": jpeg(shifted(0)), "time_seconds": float("nan")},
        {"type": "region", "on": "target", "box": [0.5, 0, 0.4, 1]},
        {"type": "region", "on": "target", "box": [0, 0, 2, 1]},
        {"type": "region", "on": "nothing"},
        {"type": "region", "on": "camera", "brush": [[0, 0]] * 3000},
        {"type": "reference", "target": "moon"},
    ],
)
def test_an_event_that_makes_no_sense_is_refused_in_one_line(event: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        WebcamProvider().handle(event)
    assert "\n" not in str(caught.value)


def test_a_picture_that_cannot_be_read_is_skipped_and_named(live: Callable[..., Stage]) -> None:
    stage = live()
    show(stage, 0, 1.0)
    for number, bad in enumerate((jpeg(shifted(0))[:900], jpeg(np.zeros((1, 1, 3), np.uint8)))):
        stage.provider.handle({"type": "camera", "jpeg": bad})
        until(lambda number=number: stage.provider.status().num_bad > number)
        assert stage.provider.status().reason.startswith("Camera picture: ")
    show(stage, 4, 1.3)
    assert stage.provider.status().reason == ""
    tracks = stage.read(2)
    assert np.median(tracks.xy[-1, :, 0] - tracks.xy[0, :, 0]) == pytest.approx(4 / 160, abs=0.5 / 160)


class SlowLucasKanade(LucasKanade):
    """A tracker that needs three camera pictures' time for one."""

    info: ClassVar[TrackerInfo] = TrackerInfo(name="slow")

    def track(self, frame: np.ndarray) -> tuple[Sighting, ...]:
        time.sleep(0.1)
        return super().track(frame)


def test_a_slow_tracker_drops_pictures_and_does_not_fall_behind(tmp_path: Path) -> None:
    tracker: PointTracker = SlowLucasKanade()
    poses = Poses(StreamInfo(width=128, height=96, fps=16), max_speed=20, hide_lost=False)
    follower = Follower(lambda: Puppet(WebcamSettings(), tracker, 0.75), poses, max_age_seconds=5)
    follower.start()
    ages, slowest = [], 0.0
    from motionstream_webcam.camera_frame import CameraFrame

    for index in range(90):
        now = time.monotonic()
        frame = CameraFrame(pixels=shifted(index / 10), seconds=now)
        follower.put(now, lambda frame=frame: frame)  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - now)
        if index > 30 and poses.newest_seconds is not None:
            ages.append(time.monotonic() - poses.newest_seconds)
        time.sleep(max(0, now + 1 / 30 - time.monotonic()))
    follower.close()
    assert follower.num_followed < 45
    assert follower.num_dropped > 30
    assert np.median(ages) < 0.5  # two of its steps, and what a busy machine adds; a queue would be seconds behind
    assert slowest < 0.1


def test_pictures_that_are_too_old_are_left_out(live: Callable[..., Stage]) -> None:
    poses = Poses(StreamInfo(width=128, height=96, fps=16), max_speed=20, hide_lost=False)
    follower = Follower(lambda: Puppet(WebcamSettings(), LucasKanade(), 0.75), poses, max_age_seconds=0.5)
    follower.put(time.monotonic() - 2, lambda: pytest.fail("it was decoded"))
    follower.start()
    until(lambda: follower.num_late == 1)
    follower.close()
    assert (follower.num_followed, follower.reason) == (0, "")


def test_a_tracker_that_fails_stops_the_motion_and_not_the_stream(live: Callable[..., Stage]) -> None:
    class Failing(LucasKanade):
        def track(self, frame: np.ndarray) -> tuple[Sighting, ...]:
            raise RuntimeError("no memory")

    poses = Poses(StreamInfo(width=128, height=96, fps=16), max_speed=20, hide_lost=False)
    follower = Follower(lambda: Puppet(WebcamSettings(), Failing(), 0.75), poses, max_age_seconds=5)
    follower.start()
    from motionstream_webcam.camera_frame import CameraFrame

    for index in range(2):
        follower.put(time.monotonic(), lambda index=index: CameraFrame(pixels=shifted(0), seconds=1.0 + index))
        until(lambda index=index: follower.num_followed > index or follower.failed)
    until(lambda: follower.failed)
    follower.close()
    assert "RuntimeError: no memory" in follower.reason
    config = Stage().config
    assert poses.read_newest(Window.of_chunk(config, 0)).num_points > 0


def test_a_video_at_live_pace_plays_by_the_clock(tmp_path: Path, live: Callable[..., Stage]) -> None:
    path = write(tmp_path / "ramp.mp4", [shifted(0.4 * index) for index in range(60)])
    stage = live(source=path, pace="live")
    until(lambda: stage.provider.status().num_followed > 10)
    tracks = stage.read(2)
    assert tracks.num_points > 0
    assert np.median(tracks.xy[-1, :, 0] - tracks.xy[0, :, 0]) > 1 / 160


def test_a_camera_that_is_not_there_is_named_and_tried_again(live: Callable[..., Stage]) -> None:
    stage = live(source="camera:97")
    until(lambda: stage.provider.status().state == "lost")
    assert "Camera 97: could not be opened" in stage.provider.status().reason
    assert stage.read().num_points == 0


def test_a_camera_that_is_unplugged_says_so(tmp_path: Path) -> None:
    """OpenCV reads a file as it reads a device; its end is what a pulled plug looks like."""
    path = write(tmp_path / "device.mp4", [shifted(index) for index in range(5)])
    frames = DeviceSource(str(path), 480).frames()
    seen = [next(frames) for _ in range(5)]
    assert [frame.seam for frame in seen] == ["new", "none", "none", "none", "none"]
    assert np.abs(seen[0].pixels.astype(int) - shifted(0)).mean() < 8
    with pytest.raises(InputError, match="gives no pictures any more"):
        next(frames)


def test_an_unknown_tracker_is_told_the_known_ones() -> None:
    with pytest.raises(ProviderError, match="cotracker3, lucas-kanade"):
        WebcamProvider(WebcamSettings(tracker="tapir"))


def test_each_video_frame_knows_when_its_newest_picture_was_taken(
    live: Callable[..., Stage],
) -> None:
    stage = live()
    sent = [1000 + index / 30 for index in range(10)]
    for index, seconds in enumerate(sent):
        show(stage, 1.5 * index, seconds)
    stage.read()
    times = stage.provider.input_seconds()
    assert len(times) == 9
    assert set(times) <= set(sent)
    assert list(times) == sorted(times)
    assert times[-1] == sent[-1]


def test_without_pictures_no_frame_has_a_time(live: Callable[..., Stage]) -> None:
    stage = live()
    stage.read()
    assert list(stage.provider.input_seconds()) == []


def test_a_report_is_plain_json_of_some_hundred_points_at_most(live: Callable[..., Stage]) -> None:
    stage = live(num_points=3000)
    assert stage.provider.report()["received_ms"] is None
    show(stage, 0, 5.0)
    report = stage.provider.report()
    assert report == json.loads(json.dumps(report))
    assert (report["state"], report["received_ms"], report["num_followed"]) == ("running", 5000, 1)
    assert 128 < len(report["camera_xy"]) == len(report["camera_visible"]) == len(report["target_xy"]) <= 256
    assert report["num_points"] == len(stage.provider.status().camera_xy) > 2000
    assert report["camera_xy"][0] == [round(value, 4) for value in stage.provider.status().camera_xy[0]]
