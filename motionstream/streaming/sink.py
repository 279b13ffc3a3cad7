"""SinkPolicy: when the attention sink, the oldest chunk that a stream remembers, gives way to a newer one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from motionstream.errors import InputError
from motionstream.models.kv_cache import KVCache, SinkFrames

SinkMode = Literal["fixed", "refresh"]


@dataclass(frozen=True, kw_only=True)
class SinkPolicy:
    """What happens to the sink after a cut, and whether anything happens without one.

    Attributes:
        mode: "refresh" replaces it by the first chunk after a cut; "fixed" keeps the first chunk of the stream.
        crossover_chunks: Chunks over which the old keys and values turn into the new ones; 1 is a jump.
        refresh_every: Chunks after which it is replaced without a cut; None is never.
    """

    mode: SinkMode = "refresh"
    crossover_chunks: int = 1
    refresh_every: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(SinkMode):
            raise InputError(f"SinkPolicy.mode: wanted one of {', '.join(get_args(SinkMode))}, got {self.mode!r}.")
        if not _is_count(self.crossover_chunks):
            raise InputError(
                f"SinkPolicy.crossover_chunks: wanted a whole number of at least 1, got {self.crossover_chunks!r}."
            )
        if self.refresh_every is None:
            return
        if self.mode == "fixed":
            raise InputError('SinkPolicy: a "fixed" sink is never replaced. Leave out refresh_every, or use "refresh".')
        if not _is_count(self.refresh_every) or self.refresh_every < self.crossover_chunks:
            raise InputError(
                "SinkPolicy.refresh_every: wanted a whole number that is not below crossover_chunks "
                f"({self.crossover_chunks}), got {self.refresh_every!r}."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class SinkRefresh:
    """A sink on its way from old to new frames; it is a value, only the cache's sink is changed in place.

    Attributes:
        first_frame: Latent frame of the stream that becomes the sink's first.
        crossover_chunks: Chunks that the way takes once the new frames are there.
        target: Those of the new frames that are there.
        done: Chunks of the way that lie behind.
    """

    first_frame: int
    crossover_chunks: int
    target: SinkFrames | None = None
    done: int = 0

    @classmethod
    def begin(cls, cache: KVCache, policy: SinkPolicy) -> Self | None:
        """A refresh by the frames that come next; None where there is no sink."""
        if cache.sink_frames == 0:
            return None
        return cls(first_frame=max(cache.num_frames, cache.sink_frames), crossover_chunks=policy.crossover_chunks)

    def advance(self, cache: KVCache) -> SinkRefresh | None:
        """Go one chunk further, after the chunk was committed; None at the end of the way."""
        target = self._collect(cache)
        if target is None or target.num_tokens < cache.sink_frames * cache.tokens_per_frame:
            return replace(self, target=target)
        cache.blend_sink(target, _step_weight(self.done, self.crossover_chunks))
        done = self.done + 1
        return replace(self, target=target, done=done) if done < self.crossover_chunks else None

    def _collect(self, cache: KVCache) -> SinkFrames | None:
        """The target with the newest chunk's frames, as many as the sink has room for."""
        have = 0 if self.target is None else self.target.num_tokens // cache.tokens_per_frame
        first = self.first_frame + have
        count = min(cache.num_frames, self.first_frame + cache.sink_frames) - first
        if count <= 0:
            return self.target
        new = cache.as_sink(first, count, rank=have)
        return new if self.target is None else self.target.joined(new)


def advance_sink(refresh: SinkRefresh | None, policy: SinkPolicy, cache: KVCache, index: int) -> SinkRefresh | None:
    """What becomes of the sink's refresh after chunk `index` was committed to the cache."""
    refresh = None if refresh is None else refresh.advance(cache)
    due = policy.refresh_every is not None and (index + 1) % policy.refresh_every == 0
    return SinkRefresh.begin(cache, policy) if refresh is None and due else refresh


def _step_weight(done: int, total: int) -> float:
    """How far to go from where the sink is to its target, so that it has gone a smooth share of the whole way."""
    before, after = _smooth(done / total), _smooth((done + 1) / total)
    return (after - before) / (1 - before)


def _smooth(x: float) -> float:
    return x * x * (3 - 2 * x)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
