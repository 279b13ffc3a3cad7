"""Snapshots to go back to: dense where they are new, sparse where they are old, within their memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from motionstream.providers import StreamInfo, Window, load_provider
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.held_bytes import held_bytes
from motionstream.streaming.history import History
from motionstream.streaming.session import StreamSession
from motionstream.tracks import Tracks

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
AMPLE = 10**9


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def session(engine: StreamEngine) -> StreamSession:
    return engine.open_session(PICTURE, "a thing moves", seed=5, timesteps=(1000.0,))


def stepped(session: StreamSession) -> np.ndarray:
    num_frames = session.config.video_frames_in_chunk(session.num_chunks)
    return session.step(Tracks.empty(num_frames)).frames


def made(session: StreamSession, history: History, num_chunks: int) -> list[np.ndarray]:
    """Chunks, with a snapshot before each and after the last."""
    frames = []
    history.keep(session)
    for _ in range(num_chunks):
        frames.append(stepped(session))
        history.keep(session)
    return frames


def test_a_snapshot_gives_back_the_chunks_that_came_after_it(session: StreamSession) -> None:
    history = History(AMPLE)
    frames = made(session, history, 5)
    for chunk in (4, 0, 2, 2):
        found, state = history.nearest(chunk)
        assert found == chunk
        session.restore(state)
        assert np.array_equal(stepped(session), frames[chunk])


def test_the_newest_eight_are_kept_then_ever_fewer_and_the_first_always(session: StreamSession) -> None:
    history = History(AMPLE)
    made(session, history, 45)
    assert history.chunks == [0, 8, 16, 20, 24, 28, 30, 32, 34, 36, *range(38, 46)]
    assert [history.nearest(chunk)[0] for chunk in (45, 37, 15, 0)] == [45, 36, 8, 0]


def test_a_stream_of_any_length_keeps_few_snapshots(session: StreamSession) -> None:
    history = History(AMPLE)
    history.keep(session)
    most = 0
    for _ in range(150):
        stepped(session)
        history.keep(session)
        most = max(most, len(history.chunks))
        gaps = np.diff(history.chunks)
        assert (gaps[-7:] == 1).all()
        assert (gaps <= 2 + (session.num_chunks - np.array(history.chunks[:-1])) / 2).all() or len(gaps) < 9
    assert most <= 8 + 4 * 6


def test_the_memory_limit_holds_and_leaves_the_first_and_the_newest(session: StreamSession) -> None:
    stepped(session)
    limit = 5 * session.num_bytes + session.num_bytes // 2
    session = session.fork()
    history = History(limit)
    for _ in range(20):
        history.keep(session)
        assert history.num_bytes <= limit
        assert history.chunks[0] == 1
        assert history.chunks[-1] == session.num_chunks
        stepped(session)
    assert 4 <= len(history.chunks) <= 5
    assert np.diff(history.chunks).max() < 19


def test_without_room_for_two_only_the_first_is_kept_and_nothing_is_copied(
    session: StreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(1)
    history.keep(session)
    stepped(session)

    def copied() -> None:
        raise AssertionError("a snapshot was made")

    monkeypatch.setattr(session, "snapshot", copied)
    history.keep(session)
    assert history.chunks == [0]


def test_a_branch_drops_the_snapshots_of_the_one_it_leaves(session: StreamSession) -> None:
    history = History(AMPLE)
    old = made(session, history, 6)
    session.restore(history.nearest(3)[1])
    session.set_prompt("a branch")
    new = stepped(session)
    history.keep(session)
    assert history.chunks == [0, 1, 2, 3, 4]
    session.restore(history.nearest(3)[1])
    assert session.prompt == "a thing moves"
    assert np.array_equal(stepped(session), old[3])
    assert not np.array_equal(new, old[3])


def test_a_provider_is_copied_where_it_can_be_and_each_copy_goes_on_by_itself(session: StreamSession) -> None:
    history, provider = History(AMPLE), load_provider("drag", {"radius": 0})
    provider.start(StreamInfo(width=32, height=32, fps=16))
    history.keep(session, provider)
    provider.handle({"type": "pin", "x": 0.5, "y": 0.5})
    window = Window.of_chunk(session.config, 0)
    assert provider.read(window).num_points == 1
    for _ in range(2):
        copy = history.provider(0)
        assert copy is not None
        assert copy.read(window).num_points == 0
        copy.handle({"type": "clear"})
    assert provider.read(window).num_points == 1
    stepped(session)
    history.keep(session)
    assert history.provider(1) is None
    assert history.provider(7) is None


def test_a_provider_that_cannot_be_copied_is_left_out(session: StreamSession) -> None:
    class Plain:
        settings_type = BaseModel

        def start(self, info: StreamInfo) -> None: ...

        def read(self, window: Window) -> Tracks:
            return Tracks.empty(window.num_frames)

        def handle(self, event: Mapping[str, Any]) -> None: ...

        def close(self) -> None: ...

    history = History(AMPLE)
    history.keep(session, Plain())
    assert history.chunks == [0]
    assert history.provider(0) is None


def test_there_is_nothing_to_go_back_to_before_the_start(session: StreamSession) -> None:
    with pytest.raises(KeyError, match="chunk 3"):
        History(AMPLE).nearest(3)


def test_bytes_of_a_state_are_those_of_its_storages_once(session: StreamSession) -> None:
    tensor = torch.zeros(100)
    assert held_bytes([tensor, (tensor[:10],), {"view": tensor.view(10, 10)}]) == 400
    assert held_bytes((np.zeros(8, np.uint8), "text", 5, None)) == 8
    stepped(session)
    state = session.snapshot()
    assert state.num_bytes == session.num_bytes > state.cache.num_bytes
