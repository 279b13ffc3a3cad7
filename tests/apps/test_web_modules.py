"""The page's modules do what the Python side does, in a real browser."""

import base64
from collections.abc import Callable

import numpy as np
import pytest

from motionstream.serving.codecs import H264Encoder, Vp8Encoder
from motionstream.serving.packet import Flag, Kind, Packet, encode_tracks
from motionstream.tracks import Tracks


def text_of(message: bytes) -> str:
    return base64.b64encode(message).decode()


def test_a_packet_reads_the_same_in_the_page(run: Callable):
    packet = Packet(
        kind=Kind.VP8,
        payload=b"abc",
        flags=Flag.KEY | Flag.CHUNK_END,
        generation=65535,
        sequence=2**32 - 1,
        chunk=7,
        frame=81,
        time_ms=5062.5,
        input_ms=123.25,
    )
    body = """const { parsePacket } = await import("/studio/protocol.js");
      const packet = parsePacket(bytes(given).buffer);
      return { ...packet, payload: [...packet.payload] };"""
    assert run(body, text_of(packet.to_bytes())) == {
        "kind": 3,
        "flags": 5,
        "generation": 65535,
        "sequence": 2**32 - 1,
        "chunk": 7,
        "frame": 81,
        "timeMs": 5062.5,
        "inputMs": 123.25,
        "payload": [97, 98, 99],
    }


def test_a_picture_of_the_page_is_a_packet_of_the_server(run: Callable):
    body = """const { picturePacket } = await import("/studio/protocol.js");
      return [...new Uint8Array(picturePacket(bytes(given)))];"""
    packet = Packet.from_bytes(bytes(run(body, text_of(b"picture"))))
    assert (packet.kind, packet.payload) == (Kind.PICTURE, b"picture")
    assert np.isnan(packet.input_ms)


def test_tracks_read_the_same_in_the_page(run: Callable):
    rng = np.random.default_rng(0)
    visible = rng.random((3, 4)) < 0.5
    tracks = Tracks(ids=np.arange(4), xy=rng.uniform(0, 0.99, (3, 4, 2)), visible=visible)
    body = """const { parseTracks } = await import("/studio/protocol.js");
      const { numFrames, numPoints, xy, visible } = parseTracks(bytes(given));
      return { numFrames, numPoints, xy: [...xy], visible: [...visible] };"""
    read = run(body, text_of(encode_tracks(tracks)))
    assert (read["numFrames"], read["numPoints"]) == (3, 4)
    assert np.reshape(read["visible"], (3, 4)).astype(bool).tolist() == visible.tolist()
    np.testing.assert_allclose(np.reshape(read["xy"], (3, 4, 2)), tracks.xy, atol=1e-4)


@pytest.mark.parametrize(("kind", "encoder"), [(Kind.H264, H264Encoder), (Kind.VP8, Vp8Encoder)])
def test_video_is_decoded_frame_by_frame_in_order(run: Callable, kind: Kind, encoder: type):
    video, packets = encoder(width=128, height=96, fps=16), []
    for index in range(6):
        frame = np.full((96, 128, 3), 40 * index, np.uint8)
        encoded = video.encode(frame, key=index == 0)
        flags = Flag.KEY if encoded.key else Flag(0)
        packet = Packet(kind=kind, payload=encoded.payload, flags=flags, sequence=index + 1, frame=index)
        packets.append(text_of(packet.to_bytes()))
    body = """const { Decoder } = await import("/studio/decoder.js");
      const { parsePacket } = await import("/studio/protocol.js");
      if (typeof VideoDecoder === "undefined") return null;
      const shown = [];
      const decoder = new Decoder({ onNeedKey() { throw new Error("no key"); }, onFrame(image, packet) {
        const canvas = new OffscreenCanvas(8, 8), context = canvas.getContext("2d");
        context.drawImage(image, 0, 0, 8, 8);
        shown.push([packet.frame, context.getImageData(4, 4, 1, 1).data[0]]);
        image.close();
      } });
      for (const packet of given) decoder.decode(parsePacket(bytes(packet).buffer));
      for (let i = 0; i < 100 && shown.length < given.length; i++) await new Promise((r) => setTimeout(r, 20));
      return shown;"""
    shown = run(body, packets)
    if shown is None:
        pytest.skip("this browser has no WebCodecs")
    assert [frame for frame, _ in shown] == list(range(6))
    assert all(abs(grey - 40 * frame) < 12 for frame, grey in shown)


PLAY = """const { Playout } = await import("/studio/playout.js");
  const playout = new Playout(), shown = [], image = { close() {} };
  playout.configure({ fps: 16, framesPerChunk: 12 });
  let chunk = 0, made = 0, next = 0;
  for (let now = 0; now < 30000; now += 1000 / 60) {
    const room = given.waits ? playout.length <= 4 : true;
    if (now >= next && room) {
      for (let i = 0; i < 12; i++) playout.push({ image, chunk, frame: made++ }, now);
      chunk += 1;
      next = now + given.chunkMs;
    }
    const entry = playout.due(now);
    if (entry) shown.push([now, entry.frame]);
  }
  return shown;"""


@pytest.mark.parametrize(
    ("chunk_ms", "waits", "fps"),
    [(200, True, 16), (740, False, 16), (1500, True, 8), (3000, True, 4)],
    ids=["a fast generator that waits", "just fast enough", "half as fast", "a quarter as fast"],
)
def test_frames_leave_evenly_and_in_order(run: Callable, chunk_ms: float, waits: bool, fps: float):
    shown = np.array(run(PLAY, {"chunkMs": chunk_ms, "waits": waits}))
    assert (np.diff(shown[:, 1]) == 1).all()
    late = shown[shown[:, 0] > 15_000]
    gaps = np.diff(late[:, 0])
    assert 1000 / gaps.mean() == pytest.approx(fps, rel=0.1)
    assert gaps.max() < 2.2 * 1000 / fps


def test_points_keep_the_role_of_the_mark_that_picked_them(run: Callable):
    body = """const { Roles } = await import("/studio/roles.js");
      const roles = new Roles();
      const chunk = (points) => ({ numFrames: 2, numPoints: points.length, xy: [...points, ...points].flat() });
      const marks = [{ event: { type: "pin", x: 0.1, y: 0.1, radius: 0.05 } },
                     { event: { type: "path", points: [[0.5, 0.5], [0.9, 0.5]], radius: 0.1 } }];
      const names = (groups) => groups.map((group) => group.role);
      const before = names(roles.of(chunk([[0.1, 0.1], [0.5, 0.5], [0.55, 0.5]]), marks, 1));
      const moved = names(roles.of(chunk([[0.1, 0.1], [0.54, 0.5], [0.59, 0.5]]), marks, 1));
      roles.press({ x: 0.54, y: 0.5 }, 1);
      const taken = names(roles.of(chunk([[0.1, 0.1], [0.58, 0.52], [0.63, 0.52]]), marks, 1));
      return { before, moved, taken };"""
    assert run(body) == {
        "before": ["still", "path", "path"],
        "moved": ["still", "path", "path"],
        "taken": ["still", "live", "live"],
    }


def test_a_recorded_drag_is_loaded_as_a_path_of_the_same_speed(run: Callable):
    body = """const { marksOf } = await import("/studio/mark_file.js");
      const drag = await (await fetch("/studio/examples/coffee-drag.json")).json();
      return marksOf(drag);"""
    *pins, path = run(body)
    assert [pin["type"] for pin in pins] == ["pin"] * 4
    assert path["type"] == "path"
    assert (path["radius"], path["spacing"]) == (0.36, 0.05)
    assert 0.08 < path["speed"] < 0.2
