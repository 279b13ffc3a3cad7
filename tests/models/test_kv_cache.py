import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.models.kv_cache import KVCache, kept_frames
from motionstream.models.rope import Rotary, RotaryTables, apply_rotary

HEAD_DIM, TOKENS, HEIGHT = 12, 2, 2
TABLES = RotaryTables(HEAD_DIM)


def rotary(positions: list[int]) -> Rotary:
    return TABLES.get(positions, HEIGHT, TOKENS // HEIGHT, torch.device("cpu"))


def make_cache(sink: int, window: int, chunk: int, **sizes: int) -> KVCache:
    values = {"num_layers": 2, "batch": 1, "heads": 1, "head_dim": HEAD_DIM, "tokens_per_frame": TOKENS, **sizes}
    return KVCache(sink_frames=sink, window_frames=window, chunk_frames=chunk, **values)


class NaiveStream:
    """An unbounded list of unrotated keys: all frames are kept, the rule picks, ranks are rotated on every read."""

    def __init__(self, sink: int, window: int) -> None:
        self.sink, self.window = sink, window
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []

    def read(self, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        past, recent = list(range(len(self.keys)))[: self.sink], list(range(len(self.keys)))[self.sink :]
        kept = past + (recent[-self.window :] if self.window else [])
        keys = torch.cat([*(self.keys[frame] for frame in kept), key], dim=1)
        values = torch.cat([*(self.values[frame] for frame in kept), value], dim=1)
        turned = apply_rotary(keys, rotary(list(range(keys.shape[1] // TOKENS))))
        return turned.transpose(1, 2), values.transpose(1, 2)

    def append(self, key: torch.Tensor, value: torch.Tensor) -> None:
        self.keys += key.split(TOKENS, dim=1)
        self.values += value.split(TOKENS, dim=1)


def in_order(keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Keys and values side by side, sorted by the tag in the first value channel: attention knows no order."""
    rows = torch.cat((keys, values), dim=-1)
    return rows[:, :, values[0, 0, :, 0].argsort()]


def tagged(frame: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    value = torch.randn(1, count * TOKENS, 1, HEAD_DIM)
    value[0, :, 0, 0] = torch.arange(frame * TOKENS, (frame + count) * TOKENS)
    return torch.randn(1, count * TOKENS, 1, HEAD_DIM), value


def check_against_list(sink: int, window: int, chunk: int, num_chunks: int) -> None:
    cache, naive = make_cache(sink, window, chunk), NaiveStream(sink, window)
    for index in range(num_chunks):
        for _ in range(2):  # two denoising steps: the second replaces the first
            key, value = tagged(index * chunk, chunk)
            turned = apply_rotary(key, rotary(list(cache.positions(chunk))))
            got = [cache.extend(layer, key, turned, value) for layer in range(2)]
        want = in_order(*naive.read(key, value))
        for keys, values in got:
            torch.testing.assert_close(in_order(keys, values), want, atol=1e-5, rtol=1e-5)
        cache.commit()
        naive.append(key, value)


def test_a_copy_of_the_past_is_what_a_chunk_attends_and_stays_what_it_was() -> None:
    cache, copies, attended = make_cache(1, 2, 1), [], []
    for frame in range(6):
        key, value = tagged(frame, 1)
        turned = apply_rotary(key, rotary(list(cache.positions(1))))
        past = cache.past(1, TOKENS)
        assert past.keys.shape[2] == min(frame, 3) * TOKENS
        copies.append((past, turned, value))
        for layer in range(2):
            keys, values = cache.extend(layer, key, turned, value)
        attended.append(in_order(keys, values).clone())
        cache.commit()
    for (past, turned, value), want in zip(copies, attended, strict=True):
        assert torch.equal(in_order(*past.joined(turned, value)), want)


@pytest.mark.parametrize(
    ("sink", "window", "chunk"), [(3, 3, 3), (0, 4, 3), (2, 5, 3), (3, 0, 2), (0, 0, 1), (1, 1, 4)]
)
def test_the_ring_equals_an_unbounded_list_over_200_chunks(sink: int, window: int, chunk: int) -> None:
    check_against_list(sink, window, chunk, 200)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 5), st.integers(0, 7), st.integers(1, 4), st.integers(1, 12))
def test_the_ring_equals_an_unbounded_list_for_any_setting(sink: int, window: int, chunk: int, chunks: int) -> None:
    check_against_list(sink, window, chunk, chunks)


@given(st.integers(0, 30), st.integers(0, 5), st.integers(0, 7))
def test_kept_frames_are_the_sink_and_the_newest_of_the_rest(num_frames: int, sink: int, window: int) -> None:
    frames = list(range(num_frames))
    assert kept_frames(num_frames, sink, window) == frames[:sink] + frames[sink:][max(0, len(frames[sink:]) - window) :]


def test_memory_and_positions_are_constant_after_5000_chunks() -> None:
    cache = make_cache(3, 3, 3)
    tensors = (cache.keys, cache.values, cache._unrotated)
    before = [(tensor.data_ptr(), tensor.nbytes) for tensor in tensors], cache.num_bytes
    key, value = tagged(0, 3)
    for _ in range(5000):
        for layer in range(2):
            keys, _ = cache.extend(layer, key, key, value)
        cache.commit()
    tensors = (cache.keys, cache.values, cache._unrotated)
    assert ([(tensor.data_ptr(), tensor.nbytes) for tensor in tensors], cache.num_bytes) == before
    assert cache.positions(3) == range(6, 9)
    assert cache.kept_frames == [0, 1, 2, 14997, 14998, 14999]
    assert keys.data_ptr() == cache.keys[1].data_ptr()  # what is attended is a view


def test_a_clone_goes_its_own_way() -> None:
    cache = make_cache(1, 2, 2)
    for _ in range(4):
        key, value = tagged(0, 2)
        cache.extend(0, key, key, value)
        cache.commit()
    twin = cache.clone()
    before = cache.keys.clone(), cache.values.clone(), cache.num_frames
    for _ in range(3):
        twin.extend(0, *(2 * [torch.ones(1, 4, 1, HEAD_DIM)]), torch.ones(1, 4, 1, HEAD_DIM))
        twin.commit()
    assert torch.equal(cache.keys, before[0])
    assert torch.equal(cache.values, before[1])
    assert (cache.num_frames, twin.num_frames) == (before[2], 14)


def test_a_clone_continues_to_the_same_bits() -> None:
    cache = make_cache(1, 3, 2)
    chunks = [tagged(0, 2) for _ in range(9)]

    def run(target: KVCache, part: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        for key, value in part:
            keys, _ = target.extend(0, key, apply_rotary(key, rotary(list(target.positions(2)))), value)
            target.commit()
        return keys.clone()

    run(cache, chunks[:5])
    twin = cache.clone()
    assert torch.equal(run(cache, chunks[5:]), run(twin, chunks[5:]))


def test_a_reset_cache_starts_a_new_stream() -> None:
    cache, fresh = make_cache(1, 2, 2), make_cache(1, 2, 2)
    for _ in range(5):
        key, value = tagged(0, 2)
        cache.extend(0, key, key, value)
        cache.commit()
    cache.reset()
    key, value = tagged(0, 2)
    for got, want in zip(cache.extend(0, key, key, value), fresh.extend(0, key, key, value), strict=True):
        assert torch.equal(got, want)


def test_the_first_chunks_may_be_short() -> None:
    cache, naive = make_cache(1, 3, 3), NaiveStream(1, 3)
    first = 0
    for count in (1, 2, 3, 3, 3):
        key, value = tagged(first, count)
        got = cache.extend(0, key, apply_rotary(key, rotary(list(cache.positions(count)))), value)
        torch.testing.assert_close(in_order(*got), in_order(*naive.read(key, value)), atol=1e-5, rtol=1e-5)
        cache.commit()
        naive.append(key, value)
        first += count


@pytest.mark.parametrize("num_tokens", [1, 2, 3, 8])
def test_a_chunk_of_another_length_is_refused_once_the_window_is_full(num_tokens: int) -> None:
    cache = make_cache(1, 1, 2)
    for _ in range(3):
        key, value = tagged(0, 2)
        cache.extend(0, key, key, value)
        cache.commit()
    x = torch.zeros(1, num_tokens, 1, HEAD_DIM)
    with pytest.raises(ValueError, match=r"wanted a chunk of 2 latent frames of 2 tokens"):
        cache.extend(0, x, x, x)
    with pytest.raises(ValueError, match=r"wanted a chunk of 2 latent frames of 2 tokens"):
        cache.past(0, num_tokens)


def test_commit_without_a_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match=r"current chunk"):
        make_cache(1, 1, 1).commit()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one layer"):
        make_cache(1, 1, 0)
    with pytest.raises(ValueError, match=r"no negative sink"):
        make_cache(-1, 1, 1)


def fed(cache: KVCache, chunks: list[tuple[torch.Tensor, torch.Tensor]]) -> KVCache:
    """The cache after it has gone on with whole chunks of unrotated keys and values."""
    for key, value in chunks:
        turned = apply_rotary(key, rotary(list(cache.positions(key.shape[1] // TOKENS))))
        for layer in range(len(cache.keys)):
            cache.extend(layer, key * (layer + 1), turned * (layer + 1), value)
        cache.commit()
    return cache


def sink_of(cache: KVCache) -> tuple[torch.Tensor, torch.Tensor]:
    stop = cache.sink_frames * TOKENS
    return cache.keys[:, :, :, :stop].clone(), cache.values[:, :, :, :stop].clone()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(0, 5), st.integers(1, 4), st.integers(0, 6))
def test_new_frames_as_a_sink_are_what_a_stream_that_begins_with_them_holds(
    sink: int, window: int, chunk: int, more: int
) -> None:
    before = -(-sink // chunk) + more  # chunks: the sink is full
    later = [tagged(0, chunk) for _ in range(-(-sink // chunk))]
    fresh = fed(make_cache(sink, window, chunk), later)
    cache, first, parts = make_cache(sink, window, chunk), before * chunk, []
    fed(cache, [tagged(0, chunk) for _ in range(before)])
    for index, new in enumerate(later):
        fed(cache, [new])
        parts.append(cache.as_sink(first + index * chunk, min(chunk, sink - index * chunk), rank=index * chunk))
    got = parts[0]
    for part in parts[1:]:
        got = got.joined(part)
    assert got.num_tokens == sink * TOKENS
    for mine, theirs in zip(got, sink_of(fresh), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_a_sink_moves_to_its_target_by_a_weight_and_nothing_else_moves() -> None:
    cache = fed(make_cache(2, 3, 2), [tagged(2 * index, 2) for index in range(6)])
    (keys, values), rest = sink_of(cache), cache.keys[:, :, :, 2 * TOKENS :].clone()
    target = cache.as_sink(10, 2, rank=0)
    cache.blend_sink(target, 0.25)
    torch.testing.assert_close(cache.keys[:, :, :, : 2 * TOKENS], 0.75 * keys + 0.25 * target.keys)
    torch.testing.assert_close(cache.values[:, :, :, : 2 * TOKENS], 0.75 * values + 0.25 * target.values)
    cache.blend_sink(target, 1)
    assert all(map(torch.equal, sink_of(cache), target))
    assert torch.equal(cache.keys[:, :, :, 2 * TOKENS :], rest)


def test_frames_as_a_sink_are_copies() -> None:
    cache = fed(make_cache(2, 2, 2), [tagged(2 * index, 2) for index in range(4)])
    target = cache.as_sink(6, 2, rank=0)
    kept = target.keys.clone(), target.values.clone()
    fed(cache, [tagged(8, 2) for _ in range(5)])
    assert all(map(torch.equal, target, kept))


@pytest.mark.parametrize(("first", "count"), [(1, 2), (4, 2), (7, 2), (6, 0)])
def test_only_frames_of_the_newest_chunk_can_become_a_sink(first: int, count: int) -> None:
    cache = fed(make_cache(2, 2, 2), [tagged(2 * index, 2) for index in range(4)])
    with pytest.raises(ValueError, match=r"frames of the newest chunk"):
        cache.as_sink(first, count, rank=0)


def test_a_frame_in_the_sink_cannot_become_a_sink() -> None:
    with pytest.raises(ValueError, match=r"after the sink"):
        fed(make_cache(3, 2, 2), [tagged(0, 2), tagged(2, 2)]).as_sink(2, 2, rank=0)
