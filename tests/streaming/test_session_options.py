"""Sessions of one model with timesteps and a memory of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.session import StreamSession
from motionstream.tracks import Tracks

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


def frames(session: StreamSession, num_chunks: int) -> np.ndarray:
    made = []
    for _ in range(num_chunks):
        tracks = Tracks.empty(session.config.video_frames_in_chunk(session.num_chunks))
        made.append(session.step(tracks).frames)
    return np.concatenate(made)


@pytest.mark.parametrize(("sink", "window"), [(0, 0), (0, 3), (1, 0), (2, 5), (6, 12)])
def test_any_memory_streams_on_and_is_that_of_the_session_alone(engine: StreamEngine, sink: int, window: int) -> None:
    session = engine.open_session(PICTURE, sink_frames=sink, window_frames=window)
    made = frames(session, 8)
    cache = session.snapshot().cache
    assert (cache.sink_frames, cache.window_frames, cache.num_kept) == (sink, window, sink + window)
    assert (session.config.sink_frames, session.config.window_frames) == (sink, window)
    usual = engine.open_session(PICTURE)
    assert (usual.config, engine.config.sink_frames) == (engine.config, 3)
    assert not np.array_equal(frames(usual, 8), made)


def test_the_checkpoints_own_values_change_nothing(engine: StreamEngine) -> None:
    own = engine.config
    session = engine.open_session(PICTURE, timesteps=own.timesteps, sink_frames=own.sink_frames, window_frames=3)
    assert np.array_equal(frames(session, 3), frames(engine.open_session(PICTURE), 3))


def test_sessions_with_other_timesteps_do_not_disturb_each_other(engine: StreamEngine) -> None:
    options: list[dict[str, Any]] = [{}, {"timesteps": (1000.0,)}, {"timesteps": (1000.0, 900.0, 600.0, 300.0)}]
    alone = [frames(engine.open_session(PICTURE, seed=1, **option), 3) for option in options]
    sessions = [engine.open_session(PICTURE, seed=1, **option) for option in options]
    together = [np.concatenate(parts) for parts in zip(*([frames(s, 1) for s in sessions] for _ in range(3)))]
    assert all(map(np.array_equal, together, alone))
    assert not np.array_equal(alone[0], alone[1])
    assert not np.array_equal(alone[0], alone[2])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"timesteps": (500.0, 900.0)}, "timesteps: wanted falling numbers"),
        ({"timesteps": ()}, "timesteps: wanted falling numbers"),
        ({"timesteps": (1200.0,)}, "timesteps: wanted falling numbers"),
        ({"sink_frames": -1}, "sink_frames: wanted a whole number of at least 0, got -1"),
        ({"window_frames": 1.5}, "window_frames: wanted a whole number"),
    ],
)
def test_impossible_options_are_refused_by_name(engine: StreamEngine, option: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.open_session(PICTURE, **option)
