"""Another picture in the middle of a stream: what it shows, what it forgets, what becomes of the sink."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motionstream.errors import InputError
from motionstream.models.kv_cache import KVCache
from motionstream.models.track_head import TrackHead
from motionstream.providers import Window
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.session import StreamSession
from motionstream.streaming.sink import SinkPolicy
from motionstream.tracks import Tracks

PICTURE, OTHER = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def session(engine: StreamEngine) -> StreamSession:
    session = engine.open_session(PICTURE, "a thing moves", seed=5)
    make(session, engine, 3)
    return session


def motion(engine: StreamEngine, index: int) -> Tracks:
    """Four points on their way to the right."""
    times = Window.of_chunk(engine.config, index).frame_times[:, None, None]
    xy = np.array([[0.2, 0.2], [0.2, 0.8], [0.5, 0.5], [0.1, 0.6]]) + times * np.array([0.1, 0.0])
    return Tracks(ids=np.arange(4), xy=xy, visible=np.ones(xy.shape[:2], bool))


def make(session: StreamSession, engine: StreamEngine, num_chunks: int) -> list[np.ndarray]:
    """Frames of the next chunks, which the cache then holds."""
    frames = [session.step(motion(engine, session.num_chunks)).frames for _ in range(num_chunks)]
    session.settle()
    return frames


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def sink_of(session: StreamSession) -> torch.Tensor:
    cache = session._state.cache
    stop = cache.sink_frames * cache.tokens_per_frame
    return torch.cat([cache.keys[:, :, :, :stop], cache.values[:, :, :, :stop]], dim=-1).clone()


def held_bytes(session: StreamSession) -> int:
    """Memory of all tensors that a session holds on to."""
    found: dict[int, int] = {}

    def visit(value: object) -> None:
        if isinstance(value, torch.Tensor):
            found[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        for part in (
            value if isinstance(value, list | tuple) else vars(value).values() if hasattr(value, "__dict__") else ()
        ):
            visit(part)

    visit(session._state)
    return sum(found.values())


def psnr(frame: np.ndarray, picture: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((frame.astype(float) - picture) ** 2)))


def test_the_embedded_model_shows_the_new_picture_from_the_first_frame_after_a_cut(
    patch_over_background: object,
) -> None:
    engine = StreamEngine.load(device="cpu", dtype="float32")
    first, second = patch_over_background(np.zeros((1, 2)), (40.0, 40.0))[0], np.zeros((128, 128, 3), np.uint8)  # type: ignore[operator]
    second[:, 64:] = (200, 120, 40)
    session = engine.open_session(first)
    old = session.step(Tracks.empty(9)).frames
    session.cut(second)
    new = session.step(Tracks.empty(12)).frames
    assert psnr(old[-1], first) > 25 > psnr(old[-1], second)
    assert min(psnr(frame, second) for frame in new) > 30
    assert max(psnr(frame, first) for frame in new) < 15


def test_the_chunks_go_on_counting_after_a_cut(engine: StreamEngine, session: StreamSession) -> None:
    session.cut(OTHER, "something else")
    chunk = session.step(motion(engine, 3))
    assert (chunk.index, chunk.start_frame, len(chunk.frames)) == (3, 33, 12)
    assert session.prompt == "something else"
    assert np.array_equal(session.picture.pixels, OTHER)


def test_nothing_of_the_old_scene_is_left_but_what_the_cache_remembers(engine: StreamEngine) -> None:
    stream = replace(engine.config, sink_frames=0, window_frames=0)
    forgetful = StreamEngine(replace(engine.checkpoint, stream=stream))
    made = []
    for picture in (PICTURE, 255 - PICTURE):
        session = forgetful.open_session(picture, "a thing moves", seed=5)
        before = make(session, engine, 3)
        session.cut(OTHER)
        made.append((before, make(session, engine, 2)))
    assert not same(made[0][0], made[1][0])
    assert same(made[0][1], made[1][1])


@torch.no_grad()
def test_encoder_and_decoder_go_on_from_the_picture(engine: StreamEngine, session: StreamSession) -> None:
    session.cut(OTHER)
    state, vae = session.snapshot(), engine.checkpoint.vae
    picture = torch.from_numpy(OTHER).permute(2, 0, 1)[None, None] / 255
    later, latents = torch.rand(1, 8, 3, 32, 32), torch.randn(1, 4, 2, 4, 4)
    got, _ = vae.encode_chunk(later, state.tracks.encoder)
    torch.testing.assert_close(got, vae.encode(torch.cat([picture, later], dim=1))[:, :, 1:], atol=1e-5, rtol=1e-5)
    frames, _ = vae.decode_chunk(latents, state.decoder)
    whole = vae.decode(torch.cat([vae.encode(picture), latents], dim=2))
    torch.testing.assert_close(frames, whole[:, 1:], atol=1e-5, rtol=1e-5)
    assert len(frames[0]) == 8


def test_a_cut_before_the_first_chunk_exchanges_the_picture(engine: StreamEngine) -> None:
    session = engine.open_session(PICTURE, "a thing moves", seed=5)
    session.cut(OTHER)
    assert same(make(session, engine, 3), make(engine.open_session(OTHER, "a thing moves", seed=5), engine, 3))


def test_a_refreshed_sink_holds_the_first_chunk_after_the_cut(engine: StreamEngine, session: StreamSession) -> None:
    old, cache = sink_of(session), session._state.cache
    session.set_sink(SinkPolicy(crossover_chunks=3))
    session.cut(OTHER)
    make(session, engine, 1)
    target = torch.cat(cache.as_sink(9, 3, rank=0), dim=-1)
    seen = [sink_of(session), *(sink_of(session) for _ in make(session, engine, 1))]
    make(session, engine, 1)
    assert torch.equal(sink_of(session), target)
    assert not any(torch.equal(sink, end) for sink in seen for end in (old, target))
    make(session, engine, 3)
    assert torch.equal(sink_of(session), target)


def test_a_fixed_sink_never_changes_and_the_choice_changes_the_frames(
    engine: StreamEngine, session: StreamSession
) -> None:
    made = []
    for mode in ("fixed", "refresh"):
        twin = session.fork()
        twin.set_sink(SinkPolicy(mode=mode))  # type: ignore[arg-type]
        twin.cut(OTHER)
        made.append(make(twin, engine, 4))
        assert torch.equal(sink_of(twin), sink_of(session)) == (mode == "fixed")
    assert np.array_equal(made[0][0], made[1][0])
    assert not np.array_equal(made[0][-1], made[1][-1])


def test_a_sink_can_be_refreshed_by_hand_without_a_cut(engine: StreamEngine, session: StreamSession) -> None:
    session.refresh_sink()
    make(session, engine, 1)
    assert torch.equal(sink_of(session), torch.cat(session._state.cache.as_sink(9, 3, rank=0), dim=-1))
    fresh = engine.open_session(PICTURE)
    fresh.refresh_sink()
    assert fresh.snapshot().refresh is None


def test_a_policy_of_fixed_ends_a_cross_over(engine: StreamEngine, session: StreamSession) -> None:
    session.set_sink(SinkPolicy(crossover_chunks=4))
    session.cut(OTHER)
    make(session, engine, 2)
    session.set_sink(SinkPolicy(mode="fixed"))
    before = sink_of(session)
    make(session, engine, 3)
    assert torch.equal(sink_of(session), before)


@pytest.mark.parametrize("num_after", [0, 1, 2])
def test_a_snapshot_in_the_middle_of_a_cross_over_replays_to_the_bit(
    engine: StreamEngine, session: StreamSession, num_after: int
) -> None:
    session.set_sink(SinkPolicy(crossover_chunks=4))
    session.cut(OTHER, "something else")
    make(session, engine, num_after)
    snapshot, twin = session.snapshot(), session.fork()
    reference, sink = make(session, engine, 5), sink_of(session)
    assert same(make(twin, engine, 5), reference)
    for _ in range(2):
        session.restore(snapshot)
        assert same(make(session, engine, 5), reference)
        assert torch.equal(sink_of(session), sink)


def test_a_snapshot_from_before_a_cut_returns_to_the_old_scene(engine: StreamEngine, session: StreamSession) -> None:
    snapshot, twin = session.snapshot(), session.fork()
    session.set_sink(SinkPolicy(crossover_chunks=2))
    session.cut(OTHER, "something else")
    make(session, engine, 3)
    session.restore(snapshot)
    assert (session.prompt, session.sink) == ("a thing moves", SinkPolicy())
    assert np.array_equal(session.picture.pixels, PICTURE)
    assert same(make(session, engine, 3), make(twin, engine, 3))


def test_memory_grows_by_one_sink_at_most_and_only_during_a_cross_over(
    engine: StreamEngine, session: StreamSession
) -> None:
    make(session, engine, 3)
    early, sink_bytes = held_bytes(session), sink_of(session).nbytes
    session.set_sink(SinkPolicy(crossover_chunks=3))
    session.cut(OTHER)
    during = [held_bytes(session) for _ in range(2) if make(session, engine, 1)]
    assert during == [early + sink_bytes] * 2
    make(session, engine, 2)
    assert held_bytes(session) == early


@pytest.mark.parametrize("copy", ["nothing", "latents"])
def test_a_model_that_reads_the_picture_only_at_the_start_refuses_a_cut_and_takes_a_prompt(
    engine: StreamEngine, copy: str
) -> None:
    head = engine.checkpoint.track_head
    assert head is not None
    other = TrackHead(replace(head.config, copy=copy))  # type: ignore[arg-type]
    session = StreamEngine(replace(engine.checkpoint, track_head=other)).open_session(PICTURE, seed=5)
    make(session, engine, 1)
    twin = session.fork()
    with pytest.raises(InputError, match=f"copies the picture, .* got one that copies {copy}"):
        session.cut(OTHER, "something else")
    assert session.prompt == ""
    assert same(make(session.fork(), engine, 2), make(twin, engine, 2))
    session.set_prompt("something else")
    assert session.prompt == "something else"


def test_a_bad_picture_leaves_the_stream_as_it_was(engine: StreamEngine, session: StreamSession) -> None:
    twin = session.fork()
    with pytest.raises(InputError):
        session.cut("no such picture.png", "something else")
    assert session.prompt == "a thing moves"
    assert same(make(session, engine, 2), make(twin, engine, 2))


def test_a_clone_of_the_cache_has_a_sink_of_its_own(session: StreamSession) -> None:
    cache: KVCache = session._state.cache
    before, twin = sink_of(session), cache.clone()
    twin.blend_sink(cache.as_sink(6, 3, rank=0), 1)
    assert torch.equal(sink_of(session), before)
