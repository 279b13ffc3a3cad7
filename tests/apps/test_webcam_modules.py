"""The pure parts of the Webcam tab do what they say, in a real browser."""

import base64
from collections.abc import Callable

import numpy as np
import pytest

from motionstream.serving.packet import Kind, Packet


def test_a_camera_picture_of_the_page_is_a_packet_of_the_server(run: Callable):
    body = """const { cameraPacket } = await import("/studio/protocol.js");
      return [...new Uint8Array(cameraPacket(bytes(given), 1234.5))];"""
    packet = Packet.from_bytes(bytes(run(body, base64.b64encode(b"jpeg").decode())))
    assert (packet.kind, packet.payload, packet.time_ms) == (Kind.CAMERA, b"jpeg", 1234.5)
    assert np.isnan(packet.input_ms)


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        (([0.2, 0.3], [0.6, 0.9]), [0.2, 0.3, 0.6, 0.9]),
        (([0.6, 0.9], [0.2, 0.3]), [0.2, 0.3, 0.6, 0.9]),
        (([-0.5, 0.5], [0.5, 1.7]), [0, 0.5, 0.5, 1]),
        (([0.5, 0.5], [0.51, 0.9]), None),
    ],
    ids=["drawn down", "drawn up", "beyond the picture", "a slip"],
)
def test_a_box_is_the_same_from_whichever_corner_it_is_drawn(run: Callable, corners, box):
    assert run('return (await import("/studio/webcam_region.js")).boxOf(...given);', corners) == box


def test_a_long_stroke_is_thinned_and_stays_in_the_picture(run: Callable):
    points = [[index / 500 - 0.5, 0.5] for index in range(1000)]
    stroke = run('return (await import("/studio/webcam_region.js")).strokeOf(given);', points)
    assert 100 < len(stroke) <= 300
    assert all(0 <= x <= 1 for x, _ in stroke)
    assert stroke[0] == [0, 0.5]


def test_arrow_keys_move_and_size_a_box_that_never_leaves_the_picture_or_vanishes(run: Callable):
    body = """const { nudged } = await import("/studio/webcam_region.js");
      let box = [0.1, 0.1, 0.4, 0.4];
      const boxes = [];
      for (const [step, grow] of given) boxes.push(box = nudged(box, step, grow));
      return boxes;"""
    boxes = run(body, [[[-0.02, 0], False]] * 10 + [[[0, -0.05], True]] * 10 + [[[0.1, 0.1], True]] * 12)
    assert boxes[9] == pytest.approx([0, 0.1, 0.3, 0.4])
    assert boxes[19][3] - boxes[19][1] == pytest.approx(0.03, abs=1e-3)
    assert boxes[-1] == pytest.approx([0, 0.1, 1, 1])


def test_events_of_regions_say_all_of_the_picture_where_nothing_is_chosen(run: Callable):
    body = """const { regionEvent } = await import("/studio/webcam_region.js");
      return given.map((region) => regionEvent("camera", region));"""
    brush = {"brush": [[0.1, 0.2]], "radius": 0.06}
    whole, box, brushed = run(body, [None, {"box": [0, 0, 0.5, 0.5]}, brush])
    assert whole == {"type": "region", "on": "camera", "box": [0, 0, 1, 1]}
    assert box["box"] == [0, 0, 0.5, 0.5]
    assert brushed == {"type": "region", "on": "camera", **brush}


def test_a_network_that_lets_pictures_wait_gets_few_more_of_them(run: Callable):
    body = """const { InFlight } = await import("/studio/webcam_in_flight.js");
      const flight = new InFlight();
      let sent = 0;
      for (let now = 0; now < 6000; now += 33) {
        if (now >= 3000) flight.received(now - 40); // from then on it is quick
        if (flight.room(now)) { flight.sent(now, now); sent += 1; }
        if (now === 2970) given.slow = sent;
      }
      return { slow: given.slow, quick: sent - given.slow };"""
    counts = run(body, {})
    assert counts["slow"] < 32  # 0.6 s at the full rate, and then about three a second
    assert counts["quick"] > 85


@pytest.mark.parametrize(
    ("state", "alive", "words"),
    [
        (
            "refused",
            True,
            "refused. Allow it beside the browser's address bar, then turn it on again. The video goes on",
        ),
        ("busy", False, "Another program uses the camera"),
        ("gone", True, "unplugged"),
        ("none", False, "No camera was found"),
        ("insecure", False, "https"),
        ("left", True, "as this tab was left. The video goes on from the last motion."),
    ],
)
def test_every_trouble_with_a_camera_has_words_that_say_what_to_do(run: Callable, state, alive, words):
    body = """const { cameraWords } = await import("/studio/webcam_words.js");
      const [state, alive] = given;
      return cameraWords({ source: { state }, stream: { alive }, report: {}, hidden: false }).words;"""
    assert words in run(body, [state, alive])


def test_a_trackers_notice_and_trouble_are_told(run: Callable):
    body = """const { cameraWords, noticeOf } = await import("/studio/webcam_words.js");
      const words = (report, hidden = false) =>
        cameraWords({ source: { state: "live" }, stream: { alive: true }, report, hidden }).words;
      return [noticeOf({ notice: "its license is X" }), noticeOf({}), words({ state: "stale" }), words({}, true),
              words({ state: "lost", reason: "The tracker failed." }),
              words({ state: "running", num_points: 2, seen_share: 0.5 })];"""
    notice, nothing, stale, hidden, lost, running = run(body)
    assert notice == "Tracker: its license is X."
    assert nothing == ""
    assert "goes on from the last motion" in stale
    assert "hidden" in hidden
    assert lost == "The tracker failed."
    assert running == "2 points, 50 % of them found."
