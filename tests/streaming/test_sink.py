"""When the attention sink gives way, how, and to what: against a stream that began with the new frames."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.errors import InputError
from motionstream.models.kv_cache import KVCache
from motionstream.models.rope import RotaryTables, apply_rotary
from motionstream.streaming.sink import SinkPolicy, SinkRefresh, advance_sink

HEAD_DIM, TOKENS = 12, 2
TABLES = RotaryTables(HEAD_DIM)
Chunk = tuple[torch.Tensor, torch.Tensor]


def make_cache(sink: int, window: int, chunk: int) -> KVCache:
    return KVCache(
        num_layers=2, batch=1, heads=1, head_dim=HEAD_DIM, tokens_per_frame=TOKENS,
        sink_frames=sink, window_frames=window, chunk_frames=chunk,
    )  # fmt: skip


def make_chunk(chunk: int) -> Chunk:
    key, value = torch.randn(2, 1, chunk * TOKENS, 1, HEAD_DIM)
    return key, value


def feed(cache: KVCache, chunk: Chunk) -> torch.Tensor:
    """Commit a chunk; returns what it attended, in no order."""
    key, value = chunk
    positions = list(cache.positions(cache.chunk_frames))
    turned = apply_rotary(key, TABLES.get(positions, 1, TOKENS, torch.device("cpu")))
    for layer in range(2):
        rows = torch.cat(cache.extend(layer, key, turned, value), dim=-1)[0, 0]
    cache.commit()
    return rows[rows[:, -1].argsort()].clone()


def sink_of(cache: KVCache) -> torch.Tensor:
    stop = cache.sink_frames * TOKENS
    return torch.cat([cache.keys[..., :stop, :], cache.values[..., :stop, :]], dim=-1).clone()


SIZES = st.integers(1, 6), st.integers(0, 5), st.integers(1, 4)


@settings(deadline=None, max_examples=60)
@given(*SIZES, st.integers(0, 5), st.integers(1, 4))
def test_after_the_cross_over_a_stream_remembers_what_one_that_began_at_the_cut_does(
    sink: int, window: int, chunk: int, more: int, crossover: int
) -> None:
    cache, fresh = make_cache(sink, window, chunk), make_cache(sink, window, chunk)
    to_fill = -(-sink // chunk)
    for _ in range(to_fill + more):
        feed(cache, make_chunk(chunk))
    policy = SinkPolicy(crossover_chunks=crossover)
    refresh = SinkRefresh.begin(cache, policy)
    for index in range(to_fill + crossover - 1):
        assert refresh is not None
        new = make_chunk(chunk)
        feed(cache, new)
        feed(fresh, new)
        refresh = advance_sink(refresh, policy, cache, index)
    assert refresh is None
    torch.testing.assert_close(sink_of(cache), sink_of(fresh), atol=1e-5, rtol=1e-5)
    for _ in range(-(-(sink + window) // chunk) + 1):  # until the old frames have left the window, too
        new = make_chunk(chunk)
        seen, wanted = feed(cache, new), feed(fresh, new)
    torch.testing.assert_close(seen, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("crossover", [1, 2, 4, 7])
def test_the_cross_over_is_smooth_and_never_turns_back(crossover: int) -> None:
    cache = make_cache(2, 2, 2)
    for _ in range(3):
        feed(cache, make_chunk(2))
    old, policy = sink_of(cache), SinkPolicy(crossover_chunks=crossover)
    refresh, sinks = SinkRefresh.begin(cache, policy), []
    while refresh is not None:
        feed(cache, make_chunk(2))
        refresh = refresh.advance(cache)
        sinks.append(sink_of(cache))
    shares = [0.0, *(float(((sink - old) / (sinks[-1] - old)).median()) for sink in sinks)]
    assert len(sinks) == crossover
    assert shares[-1] == 1
    assert shares == pytest.approx(
        [3 * x**2 - 2 * x**3 for x in (i / crossover for i in range(crossover + 1))], abs=1e-4
    )
    assert all(before < after for before, after in pairwise(shares))


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(0, 4), st.integers(1, 4))
def test_a_sink_that_was_not_full_at_the_cut_is_replaced_by_whole_new_frames(
    sink: int, window: int, chunk: int
) -> None:
    cache, policy, frames = make_cache(sink, window, chunk), SinkPolicy(), []
    for index in range(2 * -(-sink // chunk) + 2):
        if index == 1:
            refresh = SinkRefresh.begin(cache, policy)
        new = make_chunk(chunk)
        frames += new[1].split(TOKENS, dim=1)
        feed(cache, new)
        refresh = None if index == 0 else advance_sink(refresh, policy, cache, index)
    assert refresh is None
    first = max(chunk, sink)
    wanted = torch.cat(frames[first : first + sink], dim=1).transpose(1, 2)
    assert torch.equal(cache.values[0, :, :, : sink * TOKENS], wanted)


def test_a_new_cut_during_a_cross_over_goes_on_from_where_the_sink_is() -> None:
    cache, policy = make_cache(2, 2, 2), SinkPolicy(crossover_chunks=2)
    for _ in range(3):
        feed(cache, make_chunk(2))
    refresh = SinkRefresh.begin(cache, policy)
    assert refresh is not None
    feed(cache, make_chunk(2))
    refresh.advance(cache)
    between = sink_of(cache)
    refresh = SinkRefresh.begin(cache, policy)
    assert refresh is not None
    newest = make_chunk(2)
    feed(cache, newest)
    refresh = refresh.advance(cache)
    assert refresh is not None
    target = refresh.target
    assert target is not None
    assert torch.equal(target.values[0], newest[1].transpose(1, 2))
    torch.testing.assert_close(sink_of(cache), (between + torch.cat(target, dim=-1)) / 2)


def test_a_sink_is_replaced_every_so_many_chunks() -> None:
    cache, policy, refresh, values = make_cache(2, 2, 2), SinkPolicy(refresh_every=3), None, []
    changes = []
    for index in range(11):
        before, new = sink_of(cache), make_chunk(2)
        feed(cache, new)
        refresh = advance_sink(refresh, policy, cache, index)
        values.append(new[1])
        if not torch.equal(sink_of(cache), before):
            changes.append(index)
            assert torch.equal(cache.values[0, :, :, : 2 * TOKENS], new[1].transpose(1, 2))
    assert changes == [0, 3, 6, 9]


def test_a_replacement_that_is_due_waits_for_the_one_under_way() -> None:
    cache, policy, refresh = make_cache(6, 2, 2), SinkPolicy(refresh_every=2), None
    begun = set()
    for index in range(15):
        feed(cache, make_chunk(2))
        refresh = advance_sink(refresh, policy, cache, index)
        begun.add(None if refresh is None else refresh.first_frame)
    assert begun == {None, 6, 12, 20, 28}  # three chunks fill a sink of six frames


def test_without_a_sink_there_is_nothing_to_replace() -> None:
    cache = make_cache(0, 2, 2)
    feed(cache, make_chunk(2))
    assert SinkRefresh.begin(cache, SinkPolicy()) is None
    assert advance_sink(None, SinkPolicy(refresh_every=1), cache, 0) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "sometimes"}, "wanted one of fixed, refresh, got 'sometimes'"),
        ({"crossover_chunks": 0}, "crossover_chunks: wanted a whole number of at least 1, got 0"),
        ({"crossover_chunks": True}, "crossover_chunks: wanted a whole number"),
        ({"refresh_every": 3, "crossover_chunks": 4}, r"not below crossover_chunks \(4\), got 3"),
        ({"refresh_every": 1.5}, "refresh_every: wanted a whole number"),
        ({"mode": "fixed", "refresh_every": 3}, "never replaced"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SinkPolicy(**wrong)  # type: ignore[arg-type]
