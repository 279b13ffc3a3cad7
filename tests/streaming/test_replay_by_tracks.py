"""A stream whose provider looks through a camera: the log keeps its tracks, and the same video is made from them."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.errors import InputError
from motionstream.providers import TrajectoryProvider, Window
from motionstream.streaming.control_log import ControlLog, End, EventControl, LogHeader, TracksControl
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.loaded_log import LoadedLog, read_log
from motionstream.streaming.packed_tracks import pack_tracks, unpack_tracks
from motionstream.streaming.replay import apply_chunk, begin, begin_provider, provider_at, replay
from motionstream.streaming.session import StreamSession
from motionstream.tracks import Tracks
from tests.plugins.webcam_clips import jpeg, shifted


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 13), st.integers(0, 40))
def test_packed_tracks_keep_ids_and_visibility_and_nearly_their_places(seed: int, t: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.choice(2**40, n, replace=False)
    tracks = Tracks(ids=ids, xy=rng.uniform(-3, 3, (t, n, 2)), visible=rng.uniform(size=(t, n)) < 0.7)
    back = unpack_tracks(pack_tracks(tracks))
    assert np.array_equal(back.ids, tracks.ids)
    assert np.array_equal(back.visible, tracks.visible)
    np.testing.assert_allclose(back.xy, tracks.xy, atol=0.5 / 8192 + 1e-6)


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA", pack_tracks(Tracks.empty(3))[:-4]])
def test_what_are_no_packed_tracks_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Packed tracks"):
        unpack_tracks(text)


def test_packed_tracks_may_not_swell() -> None:
    import base64
    import zlib

    with pytest.raises(InputError, match="Packed tracks"):
        unpack_tracks(base64.b64encode(zlib.compress(bytes(10**8), 9)).decode())


class Watched:
    """A stream that moves as camera pictures that were seen once."""

    def __init__(self, engine: StreamEngine, path: Path) -> None:
        picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        self.session: StreamSession = engine.open_session(picture, "a thing", 3)
        chosen = {"num_points": 30, "max_age_seconds": 10}
        self.header = LogHeader.of(engine.checkpoint, self.session, provider="webcam", settings=chosen)
        self.provider: TrajectoryProvider = begin_provider(self.header)
        self.log = ControlLog.create(path, self.header)
        self.shown = 0

    def step(self, *events: EventControl) -> np.ndarray:
        """Four more camera pictures, and a chunk."""
        for _ in range(4):
            before = self.provider.status().num_followed  # type: ignore[attr-defined]
            self.provider.handle({"type": "camera", "jpeg": jpeg(shifted(2.0 * self.shown))})
            self.shown += 1
            end = time.monotonic() + 20
            while self.provider.status().num_followed == before:  # type: ignore[attr-defined]
                assert time.monotonic() < end
                time.sleep(0.005)
        window = Window.of_chunk(self.session.config, self.session.num_chunks)
        made = apply_chunk(self.session, self.provider, events, window)
        assert made.refused == ()
        self.log.extend(made.controls)
        return made.chunk.frames


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


def test_the_same_video_comes_of_the_log_without_a_camera(engine: StreamEngine, tmp_path: Path) -> None:
    live = Watched(engine, tmp_path / "control.jsonl")
    event = EventControl(chunk=1, seq=1, client_ms=0, event={"type": "reference", "target": "stay"})
    frames = [live.step(), live.step(event), live.step(), live.step()]
    live.log.append(End(chunk=4))
    live.log.close()
    live.provider.close()
    log = read_log(live.log.path)
    assert [type(control) for control in log.controls(1)] == [EventControl, TracksControl]
    moved = log.controls(3)[0].tracks.xy - log.controls(0)[0].tracks.xy[0]  # type: ignore[union-attr]
    assert np.abs(moved).max() > 0.02
    again = [chunk.frames for chunk in replay(engine, log)]
    assert all(map(np.array_equal, again, frames))
    with pytest.raises(InputError, match="chunk 4"):
        list(replay(engine, log, 5))


def test_going_back_makes_the_same_chunks_and_then_watches_on(engine: StreamEngine, tmp_path: Path) -> None:
    live = Watched(engine, tmp_path / "control.jsonl")
    frames = [live.step() for _ in range(3)]
    live.log.flush()
    log = read_log(live.log.path)
    live.provider.close()
    live.session = begin(engine, live.header)
    live.provider = provider_at(log, 0)
    for index in range(2):
        window = Window.of_chunk(live.session.config, index)
        made = apply_chunk(live.session, live.provider, log.controls(index), window)
        assert np.array_equal(made.chunk.frames, frames[index])
        assert made.controls == log.controls(index)
    live.log.truncate(2)
    live.step()
    live.log.append(End(chunk=3))
    live.log.close()
    live.provider.close()
    branch = read_log(live.log.path)
    before, after = (branch.controls(index)[0].tracks for index in (1, 2))  # type: ignore[union-attr]
    assert before.num_points > 0
    assert after.num_points > 0
    assert not set(before.ids) & set(after.ids)


def test_a_damaged_entry_is_refused(engine: StreamEngine, tmp_path: Path) -> None:
    live = Watched(engine, tmp_path / "control.jsonl")
    live.log.close()
    live.provider.close()
    log = LoadedLog(header=live.header, entries=(TracksControl(chunk=0, packed="AAAA"), End(chunk=1)))
    with pytest.raises(InputError, match="Packed tracks"):
        list(replay(engine, log))
