from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from motionstream.errors import OutputError
from motionstream.training.shard_index import ShardEntry, ShardIndex
from motionstream.training.skipped import Skipped

NAMES = [f"{number:05d}.safetensors" for number in range(40)]


def test_shards_that_several_add_at_a_time_are_all_in_the_index(tmp_path: Path) -> None:
    """Threads stand for processes: each opens the lock's file for itself, and no more do processes."""
    empty = ShardIndex.load(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: empty.with_shard(name, ShardEntry(2, name)), NAMES))
    assert ShardIndex.load(tmp_path).shards == {name: ShardEntry(2, name) for name in NAMES}
    assert all(name in index.shards for name, index in zip(NAMES, made, strict=True))


def test_a_shard_that_is_made_anew_takes_the_old_one_s_place(tmp_path: Path) -> None:
    left_out = (Skipped("a.mp4", "too short"),)
    ShardIndex.load(tmp_path).with_shard(NAMES[0], ShardEntry(2, "old"))
    ShardIndex.load(tmp_path).with_shard(NAMES[0], ShardEntry(0, None, left_out))
    index = ShardIndex.load(tmp_path)
    assert index.shards == {NAMES[0]: ShardEntry(0, None, left_out)}
    assert index.is_done(NAMES[0])


def test_an_index_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"index.json cannot be written: .* Choose another folder"):
        ShardIndex(tmp_path / "missing").with_shard(NAMES[0], ShardEntry(1, "a"))
