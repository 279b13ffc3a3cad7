"""A stream between its chunks: the same frames again, forks, failures without a trace, prompts, memory."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motionstream.errors import InputError, TracksError
from motionstream.models.track_condition import TrackMemory
from motionstream.providers import Window
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.model import to_uint8
from motionstream.streaming.session import StreamSession
from motionstream.tracks import Tracks

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def session(engine: StreamEngine) -> StreamSession:
    return engine.open_session(PICTURE, "a thing moves", seed=5)


def motion(engine: StreamEngine, index: int) -> Tracks:
    """Four points on their way to the right; a fifth comes in chunk 2."""
    window = Window.of_chunk(engine.config, index)
    start = np.array([[0.2, 0.2], [0.2, 0.8], [0.5, 0.5], [0.1, 0.6], [0.7, 0.3]])[: 4 + (index >= 2)]
    xy = start + window.frame_times[:, None, None] * np.array([0.1, 0.0])
    return Tracks(ids=np.arange(len(start)), xy=xy, visible=np.ones(xy.shape[:2], bool))


def make(session: StreamSession, engine: StreamEngine, num_chunks: int) -> list[np.ndarray]:
    return [session.step(motion(engine, session.num_chunks)).frames for _ in range(num_chunks)]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def test_the_first_chunk_has_nine_frames_and_the_others_twelve(engine: StreamEngine, session: StreamSession) -> None:
    chunks = [session.step(motion(engine, index)) for index in range(3)]
    assert [chunk.frames.shape for chunk in chunks] == [(9, 32, 32, 3), (12, 32, 32, 3), (12, 32, 32, 3)]
    assert [(chunk.index, chunk.start_frame) for chunk in chunks] == [(0, 0), (1, 9), (2, 21)]
    assert all(chunk.frames.dtype == np.uint8 and chunk.frames.flags.c_contiguous for chunk in chunks)


def test_frame_zero_is_the_decoded_picture(engine: StreamEngine, session: StreamSession) -> None:
    first = session.step(motion(engine, 0)).frames[0]
    vae = engine.checkpoint.vae
    with torch.no_grad():
        picture = torch.from_numpy(PICTURE).permute(2, 0, 1)[None, None] / 255
        wanted = to_uint8(vae.decode(vae.encode(picture))[0])[0].numpy()
    assert np.abs(first.astype(int) - wanted).max() <= 1


def test_the_seed_the_picture_and_the_tracks_decide_the_frames(engine: StreamEngine) -> None:
    reference = make(engine.open_session(PICTURE, "a thing moves", 5), engine, 3)
    assert same(make(engine.open_session(PICTURE, "a thing moves", 5), engine, 3), reference)
    assert not same(make(engine.open_session(PICTURE, "a thing moves", 6), engine, 3), reference)
    assert not same(make(engine.open_session(255 - PICTURE, "a thing moves", 5), engine, 3), reference)
    still = engine.open_session(PICTURE, "a thing moves", 5)
    assert not same([still.step(Tracks.empty(n)).frames for n in (9, 12, 12)], reference)


@pytest.mark.parametrize("num_before", [0, 1, 4])
def test_a_restored_snapshot_gives_the_same_frames_to_the_bit(
    engine: StreamEngine, session: StreamSession, num_before: int
) -> None:
    make(session, engine, num_before)
    snapshot = session.snapshot()
    reference = make(session, engine, 4)
    for _ in range(2):
        session.restore(snapshot)
        assert session.num_chunks == num_before
        assert same(make(session, engine, 4), reference)


def test_a_fork_and_its_origin_go_on_alike_and_apart(engine: StreamEngine, session: StreamSession) -> None:
    make(session, engine, 3)
    twin, third = session.fork(), session.fork()
    third.step(Tracks.empty(12))  # must not disturb the others
    reference = make(session, engine, 3)
    assert same(make(twin, engine, 3), reference)
    assert not same(make(third, engine, 2), reference[1:])


def test_two_interleaved_sessions_make_what_each_makes_alone(engine: StreamEngine) -> None:
    alone = [make(engine.open_session(PICTURE, "a thing moves", seed), engine, 4) for seed in (1, 2)]
    pair = [engine.open_session(PICTURE, "a thing moves", seed) for seed in (1, 2)]
    together: list[list[np.ndarray]] = [[], []]
    for _ in range(4):
        for session, frames in zip(pair, together, strict=True):
            frames += make(session, engine, 1)
    assert same(together[0], alone[0])
    assert same(together[1], alone[1])


@pytest.mark.parametrize(("before", "wanted", "came"), [(0, 9, 12), (1, 12, 9)])
def test_tracks_of_another_length_are_refused_without_a_trace(
    engine: StreamEngine, session: StreamSession, before: int, wanted: int, came: int
) -> None:
    make(session, engine, before)
    reference = make(session.fork(), engine, 2)
    with pytest.raises(TracksError, match=f"wanted tracks of {wanted} video frames, got {came}"):
        session.step(Tracks.empty(came))
    assert same(make(session, engine, 2), reference)


@pytest.mark.parametrize("failing", ["decode_chunk", "forward_chunk"])
def test_a_step_that_is_interrupted_leaves_the_stream_as_it_was(
    engine: StreamEngine, session: StreamSession, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    make(session, engine, 4)
    reference = make(session.fork(), engine, 3)
    owner = engine.checkpoint.vae if failing == "decode_chunk" else engine.checkpoint.transformer
    calls, working = [0], getattr(owner, failing)

    def interrupted(*arguments: object) -> object:
        calls[0] += 1
        done = working(*arguments)
        if failing != "forward_chunk" or calls[0] == 3:  # the last step
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patched:
        patched.setattr(owner, failing, interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(session, engine, 1)
    assert session.num_chunks == 4
    assert same(make(session, engine, 3), reference)


def test_a_cache_write_that_is_interrupted_is_done_again(
    engine: StreamEngine, session: StreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(session, engine, 4)
    reference = make(session.fork(), engine, 3)
    frames = make(session, engine, 1)
    transformer = engine.checkpoint.transformer
    working = transformer.write_chunk

    def interrupted(*arguments: object) -> None:
        working(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(transformer, "write_chunk", interrupted)
        for writing in (session.settle, session.snapshot, lambda: make(session, engine, 1)):
            with pytest.raises(KeyboardInterrupt):
                writing()
    assert session.num_chunks == 5
    assert same([*frames, *make(session, engine, 2)], reference)


def test_a_new_prompt_changes_the_chunks_after_it(engine: StreamEngine, session: StreamSession) -> None:
    make(session, engine, 2)
    twin = session.fork()
    twin.set_prompt("something else entirely")
    assert (session.prompt, twin.prompt) == ("a thing moves", "something else entirely")
    changed, reference = make(twin, engine, 1), make(session, engine, 1)
    assert not same(changed, reference)


def test_the_prompt_that_is_already_set_changes_nothing(engine: StreamEngine, session: StreamSession) -> None:
    twin = session.fork()
    twin.set_prompt(session.prompt)
    assert twin.snapshot().context is session.snapshot().context
    assert same(make(twin, engine, 2), make(session, engine, 2))


def test_a_snapshot_returns_to_its_own_prompt(engine: StreamEngine, session: StreamSession) -> None:
    snapshot = session.snapshot()
    session.set_prompt("something else entirely")
    session.restore(snapshot)
    assert session.prompt == "a thing moves"


def tensors(value: object) -> list[torch.Tensor]:
    """All tensors that a session holds on to, by their storages."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, TrackMemory) or hasattr(value, "__dict__"):
        return [tensor for part in vars(value).values() for tensor in tensors(part)]
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors(part)]
    return []


def held_bytes(session: StreamSession) -> int:
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in tensors(session._state)}
    return sum(storage.nbytes() for storage in storages.values())


def test_a_long_stream_holds_on_to_no_more_memory(engine: StreamEngine, session: StreamSession) -> None:
    make(session, engine, 5)
    early = held_bytes(session)
    make(session, engine, 30)
    assert held_bytes(session) == early
    for newest in (session._state.newest.latent, session._state.newest.canvas):
        assert newest.untyped_storage().nbytes() == newest.nbytes


def test_every_chunk_draws_noise_of_its_own(engine: StreamEngine, session: StreamSession) -> None:
    states = [session.snapshot().noise]
    for _ in range(3):
        make(session, engine, 1)
        states.append(session.snapshot().noise)
    assert len({tuple(state.tolist()) for state in states}) == 4


def test_the_stages_add_up_to_no_more_than_the_whole(engine: StreamEngine, session: StreamSession) -> None:
    assert session.step(motion(engine, 0)).timings.cache_write_ms == 0
    times = session.step(motion(engine, 1)).timings
    stages = (times.tracks_ms, times.denoise_ms, times.decode_ms)
    assert all(stage > 0 for stage in (*stages, times.cache_write_ms))
    assert sum(stages) <= times.frames_ms
    assert times.total_ms == times.frames_ms + times.cache_write_ms


def test_it_makes_the_same_frames_whether_somebody_settles_it_or_not(engine: StreamEngine) -> None:
    settled, left = (engine.open_session(PICTURE, "a cup", 3) for _ in range(2))
    for index in range(4):
        if index == 2:
            for session in (settled, left):
                session.set_prompt("a bowl")
        ours, theirs = settled.step(motion(engine, index)), left.step(motion(engine, index))
        settled.settle()
        settled.settle()
        np.testing.assert_array_equal(ours.frames, theirs.frames)


def test_a_snapshot_and_a_cut_know_the_chunk_that_was_just_made(engine: StreamEngine) -> None:
    made, fork = engine.open_session(PICTURE), engine.open_session(PICTURE)
    made.step(motion(engine, 0))
    fork.step(motion(engine, 0))
    fork.settle()
    fork = fork.fork()
    twin = made.fork()
    for session in (made, twin, fork):
        session.cut(PICTURE[::-1])
    frames = [session.step(motion(engine, 1)).frames for session in (made, twin, fork)]
    np.testing.assert_array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(frames[0], frames[2])


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "7"])
def test_a_seed_that_is_none_is_refused(engine: StreamEngine, seed: object) -> None:
    with pytest.raises(InputError, match="Seed: wanted a whole number"):
        engine.open_session(PICTURE, "", seed)  # type: ignore[arg-type]


def test_bytes_are_rounded_to_the_nearest() -> None:
    values = torch.arange(256) / 255
    video = values.view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(to_uint8(video)[0, :, :, 0].flatten(), torch.arange(256, dtype=torch.uint8))
    assert torch.equal(to_uint8(video + 0.4 / 255)[0, :, :, 0].flatten()[:255], torch.arange(255, dtype=torch.uint8))
    assert torch.equal(to_uint8(video + 0.6 / 255)[0, :, :, 0].flatten()[:255], torch.arange(1, 256, dtype=torch.uint8))
    half = to_uint8(video.to(torch.bfloat16))[0, :, :, 0].flatten().int() - torch.arange(256)
    assert half.abs().max() <= 1
