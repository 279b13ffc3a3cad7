"""What the camera provider shows of itself."""

import base64
import json
from threading import Thread

import numpy as np
import pytest
from motionstream_camera import PRESETS, CameraProvider, CameraWithDrag

from motionstream.config import StreamConfig
from motionstream.providers import Reporting, StreamInfo, Window

CHUNK = 12
"""Video frames; the first chunk has nine."""


def picture(url: str) -> np.ndarray:
    """The pixels of a data URL, as blue, green, red, alpha."""
    import cv2

    head, data = url.split(",")
    assert head == "data:image/png;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)


def half_red(height: int = 64, width: int = 96) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 0] = 200
    return image


def test_both_camera_providers_report():
    assert all(isinstance(provider, Reporting) for provider in (CameraProvider(), CameraWithDrag()))
    assert CameraProvider().report() == {}


def test_a_report_is_json_and_small(flight):
    live = flight(image=half_red(), depth="floor", points_across=50)
    live.send("preset", name="orbit").read(8)
    told = live.provider.report()
    assert len(json.dumps(told)) < 60_000
    once = ("depth", "cloud", "presets")
    assert len(json.dumps({name: told[name] for name in told.keys() - set(once)})) < 6_000


def test_what_changes_with_the_scene_alone_stays_the_same_object(flight):
    live = flight(image=half_red())
    before = live.provider.report()
    live.send("keys", keys=["w"]).read(3)
    after = live.provider.report()
    for name in ("depth", "cloud", "presets"):
        assert after[name] is before[name]
    assert after["camera"] != before["camera"]


def test_depth_is_a_picture_that_is_bright_where_it_is_near(flight):
    told = flight(width=96, height=48).provider.report()
    pixels = picture(told["depth"])
    assert pixels.shape == (128, 256, 4)
    brightness = pixels[..., :3].mean(axis=(1, 2))
    assert brightness[-1] > brightness[0] + 40  # the floor's near edge is at the bottom
    assert (told["near"], told["far"]) == (pytest.approx(1.0, abs=0.02), 8.0)
    assert "a floor" in told["depth_source"]


def test_where_no_depth_is_known_its_picture_is_transparent(flight, depth_file):
    values = np.full((64, 96), 2.0)
    values[:, :48] = 0
    told = flight(depth_source=depth_file(values)).provider.report()
    alpha = picture(told["depth"])[..., 3]
    assert (alpha[:, :120] == 0).all()
    assert (alpha[:, 136:] == 255).all()


def test_the_cloud_is_thin_and_has_the_colours_and_places_of_the_picture(flight, depth_file):
    told = flight(image=half_red(), depth_source=depth_file(np.full((64, 96), 2.0))).provider.report()
    xyz, rgb = (np.reshape(told["cloud"][name], (-1, 3)) for name in ("xyz", "rgb"))
    assert 400 < len(xyz) == len(rgb) <= 900
    assert (xyz[:, 2] == 2).all()
    assert (rgb[xyz[:, 0] > 0.1] == (200, 0, 0)).all()
    assert (rgb[xyz[:, 0] < -0.1] == 0).all()


def test_a_cloud_has_900_points_at_most_whatever_the_shape(flight):
    for width, height in ((1600, 16), (16, 1600), (90, 90)):
        told = flight(width=width, height=height).provider.report()
        assert 0 < len(told["cloud"]["xyz"]) <= 2700


def test_the_camera_says_where_it_is_and_where_it_looks(flight):
    live = flight(acceleration_seconds=0.02, keep_in_view=0)
    still = live.provider.report()["camera"]
    assert still["position"] == [0, 0, 0]
    assert (still["forward"], still["up"]) == ([0, 0, 1], [0, -1, 0])
    assert (still["zoom"], still["field_of_view"]) == (1, 60)
    live.send("keys", 0.0, keys=["d", "ArrowRight"]).send("zoom", 0.0, amount=10).read(4)
    camera = live.provider.report()["camera"]
    assert camera["position"][0] > 0.2
    assert camera["forward"][0] > 0.2
    assert camera["zoom"] == pytest.approx(2, rel=0.05)
    assert camera["field_of_view"] == pytest.approx(
        2 * np.degrees(np.arctan(np.tan(np.radians(30)) / camera["zoom"])), abs=0.02
    )


def test_the_newest_stretch_overlaps_so_that_chunks_can_be_put_together(flight):
    live, rows, counts = flight(), {}, []
    live.send("keys", 0.0, keys=["w"])
    for _ in range(7):
        live.read()
        flown = live.provider.report()["flown"]
        counts.append(len(flown["rows"]))
        rows |= {flown["first"] + i: row for i, row in enumerate(flown["rows"])}
    assert counts == [9, 21, 33, 45, 48, 48, 48]
    assert sorted(rows) == list(range(9 + 6 * CHUNK))
    positions = np.array([rows[frame][:3] for frame in sorted(rows)])
    np.testing.assert_allclose(positions, live.poses[:, :3, 3], atol=1e-5)
    looks = np.array([rows[frame][3:6] for frame in sorted(rows)])
    np.testing.assert_allclose(looks, live.poses[:, :3, 2], atol=1e-5)


def test_a_flight_says_its_name_until_it_is_ended_or_over(flight):
    live = flight()
    assert live.provider.report()["flying"] is None
    live.send("preset", name="crane").read()
    assert live.provider.report()["flying"] == "crane"
    live.send("preset", name="none").read()
    assert live.provider.report()["flying"] is None
    pose = np.eye(4)
    pose[2, 3] = 0.2
    live.send("keyframes", frames=[{"seconds": 1.0, "pose": pose.ravel().tolist()}]).read()
    assert live.provider.report()["flying"] == "keyframes"
    live.read(2)
    told = live.provider.report()
    assert told["flying"] is None
    assert told["camera"]["position"] == [0, 0, 0.2]


def test_previews_of_presets_begin_at_the_camera(flight):
    told = flight().provider.report()
    assert set(told["presets"]) == set(PRESETS)
    ways = {name: np.reshape(places, (-1, 3)) for name, places in told["presets"].items()}
    assert all((way[0] == 0).all() for way in ways.values())
    assert ways["dolly"][:, 2].max() == pytest.approx(0.3 * told["reach"], rel=0.02)


def test_a_new_anchor_is_another_scene_with_the_frame_s_own_camera(flight):
    import cv2

    live = flight(image=half_red(), acceleration_seconds=0.02, keep_in_view=0, speed=0.1)
    live.send("keys", 0.0, keys=["d"]).read(3)
    before = live.provider.report()
    there = live.poses[10, :3, 3]
    encoded = base64.b64encode(cv2.imencode(".png", np.full((64, 96, 3), 90, np.uint8))[1]).decode()
    live.send("anchor", image=encoded, frame=10).read()
    after = live.provider.report()
    assert after["cloud"] is not before["cloud"]
    assert set(after["cloud"]["rgb"]) == {90}
    xyz = np.reshape(after["cloud"]["xyz"], (-1, 3))
    assert (xyz[:, 0].min() + xyz[:, 0].max()) / 2 == pytest.approx(there[0], abs=0.02)


def test_a_pace_makes_keys_and_sticks_faster_or_slower(flight):
    def way(kind: str, pace: float, **held: list) -> float:
        live = flight(acceleration_seconds=0.02, keep_in_view=0)
        live.send(kind, 0.0, pace=pace, **held).read(2)
        return float(live.provider.report()["camera"]["position"][0])

    for kind, held in (("keys", {"keys": ["d"]}), ("gamepad", {"axes": [1, 0]})):
        assert way(kind, 0.5, **held) == pytest.approx(way(kind, 1, **held) / 2, rel=0.02)


def test_a_copy_reports_the_same_and_then_its_own(flight):
    live = flight()
    live.send("keys", 0.0, keys=["w"]).read(2)
    twin = live.provider.copy()
    assert twin.report() == live.provider.report()
    live.read()
    assert twin.report() != live.provider.report()


def test_a_report_may_be_asked_for_from_another_thread_at_any_time():
    config, provider, told = StreamConfig(width=96, height=64), CameraProvider(), []
    done = False

    def ask() -> None:
        while not done:
            told.append(provider.report())

    asking = Thread(target=ask)
    asking.start()
    try:
        for _ in range(2):
            provider.start(StreamInfo(width=96, height=64, fps=16))
            provider.handle({"type": "preset", "name": "spiral"})
            for index in range(6):
                provider.read(Window.of_chunk(config, index))
            provider.close()
    finally:
        done = True
        asking.join()
    flown = [report["flown"] for report in told if report]
    assert flown
    assert all(part["first"] + len(part["rows"]) in {0, *(9 + 12 * i for i in range(6))} for part in flown)
