import math

from motionstream.serving.messages import Applied, Picture, Ready, Received, Start, Stats
from motionstream.serving.packet import Flag, Kind, Packet, decode_tracks


def test_a_picture_is_sent_a_drag_is_receipted_and_frames_stream_back(open_studio):
    visitor = open_studio().visit()
    ready = visitor.hello()
    assert (ready.width, ready.height, ready.resumed, ready.status) == (32, 32, False, "idle")
    assert "drag" in [info.name for info in ready.providers]
    visitor.send_picture()
    assert visitor.until(Picture) == Picture(width=48, height=32)

    visitor.send(Start(prompt="a red ball", seed=7))
    state = visitor.state("streaming")
    assert (state.generation, state.chunk, state.prompt, state.seed) == (1, 0, "a red ball", 7)
    assert "cropped 48x32" in state.description
    still, *frames = visitor.frames(1 + 9 + 12)
    assert still.frame == 0
    assert [packet.frame for packet in frames] == list(range(21))
    assert [packet.chunk for packet in frames] == [0] * 9 + [1] * 12
    assert [packet.sequence for packet in frames] == list(range(2, 23))
    assert all(packet.flags & Flag.KEY for packet in frames)
    assert [bool(packet.flags & Flag.CHUNK_END) for packet in frames] == [n in (8, 20) for n in range(21)]

    visitor.drag(5, (0.5, 0.5), (0.6, 0.5), (0.7, 0.5))
    assert visitor.until(Received).seq == 7
    applied = visitor.until(Applied)
    assert [seq for seq, _ in applied.frames] == [5, 6, 7]
    assert all(frame >= 21 for _, frame in applied.frames)
    moved = visitor.frame(lambda packet: not math.isnan(packet.input_ms))
    assert moved.frame == applied.frames[0][1]
    stats = visitor.until(Stats)
    assert stats.chunk >= 2
    assert stats.fps_made > 0
    assert set(stats.stages_ms) == {"tracks", "denoise", "decode", "cache_write", "wait", "encode"}


def test_the_tracks_and_the_receipt_of_a_chunk_come_before_its_first_frame(open_studio):
    visitor = open_studio().enter()
    visitor.start(paused=True)
    visitor.state("paused")
    visitor.drag(0, (0.5, 0.5), (0.6, 0.5))
    visitor.send('{"type": "resume"}')
    visitor.frames(1 + 9)
    kinds = [got.kind if isinstance(got, Packet) else type(got) for got in visitor.received]
    first = kinds.index(Kind.JPEG, kinds.index(Kind.JPEG) + 1)
    assert kinds.index(Kind.TRACKS) < first
    assert kinds.index(Applied) < first
    packet = visitor.received[kinds.index(Kind.TRACKS)]
    assert decode_tracks(packet.payload).num_frames == 9
    assert isinstance(visitor.received[0], Ready)
