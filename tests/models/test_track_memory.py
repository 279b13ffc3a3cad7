"""The points of a stream, chunk by chunk: every field against a slow walk over the whole history, and the rules."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.track_memory import ChunkPoints, TrackMemory, follow_points
from motionstream.tracks import Tracks

CHUNKS = (9, 12, 12)


def picture(number: int) -> Tensor:
    """A picture that can be told from every other."""
    return torch.full((1, 2, 2), float(number))


def wandering(num_points: int, seed: int, num_frames: int = 33) -> Tracks:
    """Points on random ways that leave the picture and hide; each is first seen in some frame, one in ten never."""
    rng = np.random.default_rng(seed)
    xy = rng.random((1, num_points, 2)) + np.cumsum(rng.normal(0, 0.03, (num_frames, num_points, 2)), axis=0)
    birth, points = rng.integers(0, num_frames, num_points), np.arange(num_points)
    visible = (rng.random((num_frames, num_points)) < 0.8) & (np.arange(num_frames)[:, None] >= birth)
    xy[birth, points] = xy[birth, points].clip(0, 0.999)
    visible[birth, points] = True
    visible[:, ::10] = False
    return Tracks(ids=rng.permutation(10 * num_points)[:num_points], xy=xy, visible=visible)


def still(*places: tuple[float, float], num_frames: int = 12, ids: Any = None, visible: Any = None) -> Tracks:
    """Points that stay where they are."""
    xy = np.broadcast_to(np.asarray(places, float), (num_frames, len(places), 2))
    seen = np.ones(xy.shape[:2], bool) if visible is None else np.asarray(visible, bool)
    return Tracks(ids=np.arange(len(places)) if ids is None else np.asarray(ids), xy=xy, visible=seen)


def stream(told: Tracks, chunks: tuple[int, ...] = CHUNKS) -> list[tuple[ChunkPoints, TrackMemory]]:
    """Follows the points chunk by chunk; the newest picture before chunk k is `picture(k)`."""
    memory, made, start = TrackMemory.empty(), [], 0
    for index, length in enumerate(chunks):
        points, memory = follow_points(told.slice(start, start + length), memory, picture(index), first=index == 0)
        made.append((points, memory))
        start += length
    return made


def numbers(points: ChunkPoints | TrackMemory) -> list[int]:
    """The number of the picture that each point was born on."""
    return [int(points.anchors[anchor][0, 0, 0]) for anchor in points.anchor_of.tolist()]


def tensors(value: ChunkPoints | TrackMemory) -> dict[str, Tensor]:
    return {f.name: getattr(value, f.name) for f in fields(value) if isinstance(getattr(value, f.name), Tensor)}


def check_against_slow_walk(told: Tracks, chunks: tuple[int, ...]) -> None:
    """Compares every field of every chunk with loops over points and frames that see the whole history."""
    chunk_of, start = np.repeat(np.arange(len(chunks)), chunks), 0
    for (points, memory), length in zip(stream(told, chunks), chunks, strict=True):
        stop = start + length
        born = [k for k in np.argsort(told.ids) if told.visible[:stop, k].any()]
        births = [int(np.flatnonzero(told.visible[:, k])[0]) for k in born]
        assert points.ids.tolist() == memory.ids.tolist() == told.ids[born].tolist()
        assert numbers(points) == numbers(memory) == chunk_of[births].tolist()
        for place, (k, birth) in enumerate(zip(born, births, strict=True)):
            seen_at = np.flatnonzero(told.visible[:stop, k])
            before = seen_at[seen_at < start]
            was = told.xy[before[-1] if len(before) else birth, k]
            assert points.was[place].tolist() == was.tolist()
            assert bool(points.was_visible[place]) == told.visible[max(start - 1, 0), k]
            assert points.origins[place].tolist() == memory.origins[place].tolist() == told.xy[birth, k].tolist()
            assert memory.last_seen[place].tolist() == told.xy[seen_at[-1], k].tolist()
            assert bool(memory.visible[place]) == told.visible[stop - 1, k]
            for frame in range(start, stop):
                at = frame - start
                assert points.xy[at, place].tolist() == told.xy[frame, k].tolist()
                assert bool(points.visible[at, place]) == told.visible[frame, k]
                assert bool(points.hidden[at, place]) == (frame > birth and not told.visible[frame, k])
                if frame >= birth:
                    last = seen_at[seen_at <= frame][-1]
                    assert points.seen[at, place].tolist() == told.xy[last, k].tolist()
        start = stop


@pytest.mark.parametrize("chunks", [CHUNKS, (1, 4, 28), (21, 12), (33,), (1, 4, 4, 4, 4, 4, 4, 4, 4)])
@pytest.mark.parametrize("seed", range(3))
def test_points_and_memory_equal_a_slow_walk_over_the_whole_history(chunks: tuple[int, ...], seed: int) -> None:
    check_against_slow_walk(wandering(20, seed), chunks)


def test_the_order_of_the_tracks_does_not_matter() -> None:
    told = wandering(20, 0)
    shuffled = told.select(np.random.default_rng(0).permutation(told.ids))
    for one, other in zip(stream(told), stream(shuffled), strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert numbers(mine) == numbers(theirs)
            for name, tensor in tensors(mine).items():
                assert torch.equal(tensor, tensors(theirs)[name]), name


def test_a_point_is_born_where_it_is_first_visible_on_the_newest_picture_of_that_time() -> None:
    visible = np.arange(33)[:, None] >= (0, 8, 9, 25, 33)
    path = np.arange(33)[:, None, None] / 64 + np.zeros((1, 5, 2))
    made = stream(Tracks(ids=np.arange(5), xy=path, visible=visible))
    assert [memory.ids.tolist() for _, memory in made] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]
    points, memory = made[-1]
    assert points.origins[:, 0].tolist() == [0, 8 / 64, 9 / 64, 25 / 64]
    assert numbers(points) == numbers(memory) == [0, 0, 1, 2]


def test_a_point_that_hides_is_remembered_where_it_was_last_seen_and_as_not_visible() -> None:
    path = np.arange(33)[:, None, None] / 64 + np.zeros((1, 1, 2))
    visible = np.ones((33, 1), bool)
    visible[7:25] = False
    (first, after_first), (second, after_second), (third, _) = stream(
        Tracks(ids=np.array([3]), xy=path, visible=visible)
    )
    assert first.was_visible.tolist() == [True]
    for memory, points in ((after_first, second), (after_second, third)):
        assert memory.visible.tolist() == points.was_visible.tolist() == [False]
        assert memory.last_seen[0, 0] == points.was[0, 0] == 6 / 64
    assert second.hidden.all()
    assert second.seen[:, 0, 0].tolist() == [6 / 64] * 12
    assert third.seen[:, 0, 0].tolist() == [6 / 64] * 4 + [frame / 64 for frame in range(25, 33)]


def test_only_a_stream_s_first_frame_counts_as_the_frame_before_it() -> None:
    told = still((0.5, 0.5), num_frames=9)
    first, _ = follow_points(told, TrackMemory.empty(), picture(0), first=True)
    assert first.was_visible.tolist() == [True]
    later, _ = follow_points(still((0.5, 0.5)), TrackMemory.empty(), picture(0), first=False)
    assert later.was_visible.tolist() == [False]
    hidden_at_first = still((0.5, 0.5), num_frames=9, visible=np.arange(9)[:, None] > 0)
    late, _ = follow_points(hidden_at_first, TrackMemory.empty(), picture(0), first=True)
    assert late.was_visible.tolist() == [False]


def test_absent_points_are_forgotten_and_come_back_as_new() -> None:
    _, memory = follow_points(
        still((0.25, 0.25), (0.75, 0.5), num_frames=9), TrackMemory.empty(), picture(0), first=True
    )
    _, without = follow_points(still((0.75, 0.5), ids=[1]), memory, picture(1), first=False)
    assert without.ids.tolist() == [1]
    points, again = follow_points(still((0.5, 0.125), (0.75, 0.5)), without, picture(2), first=False)
    assert again.origins.tolist() == [[0.5, 0.125], [0.75, 0.5]]
    assert numbers(again) == [2, 0]
    assert points.was_visible.tolist() == [False, True]


def test_only_the_anchors_of_living_points_are_kept() -> None:
    memory = TrackMemory.empty()
    for chunk in range(40):  # every chunk two points are born; each lives for three chunks
        ids = np.arange(max(0, 2 * chunk - 4), 2 * chunk + 2)
        places = [(0.1 + 0.2 * (i % 4), 0.5) for i in ids]
        _, memory = follow_points(still(*places, ids=ids), memory, picture(chunk), first=False)
        assert memory.ids.tolist() == ids.tolist()
        assert [int(anchor[0, 0, 0]) for anchor in memory.anchors] == list(range(max(0, chunk - 2), chunk + 1))
        assert numbers(memory) == (ids // 2).tolist()


def test_a_chunk_without_births_keeps_no_picture() -> None:
    _, memory = follow_points(still((0.5, 0.5), num_frames=9), TrackMemory.empty(), picture(0), first=True)
    _, after = follow_points(still((0.5, 0.5)), memory, picture(1), first=False)
    assert len(after.anchors) == 1
    assert after.anchors[0] is memory.anchors[0]
    _, nobody = follow_points(Tracks.empty(12), after, picture(2), first=False)
    assert nobody.anchors == ()


@pytest.mark.parametrize(
    "told",
    [Tracks.empty(9), still((0.5, 0.5), num_frames=9, visible=np.zeros((9, 1)))],
    ids=["no points", "one never seen"],
)
def test_a_stream_that_sees_no_point_remembers_none(told: Tracks) -> None:
    points, memory = follow_points(told, TrackMemory.empty(), picture(0), first=True)
    empty = TrackMemory.empty()
    assert points.xy.shape == (9, 0, 2)
    assert points.visible.shape == points.hidden.shape == (9, 0)
    assert memory.anchors == points.anchors == ()
    for name, tensor in tensors(memory).items():
        assert torch.equal(tensor, tensors(empty)[name]), name
        assert tensor.dtype == tensors(empty)[name].dtype, name


def test_what_the_encoder_remembers_passes_through_untouched() -> None:
    state = (torch.ones(2), None)
    memory = replace(TrackMemory.empty(), encoder=state)
    for told in (still((0.5, 0.5)), Tracks.empty(12)):
        _, after = follow_points(told, memory, picture(0), first=False)
        assert after.encoder is state
    assert TrackMemory.empty().encoder is None


def test_a_memory_holds_no_more_than_it_says() -> None:
    for _, memory in stream(wandering(20, 0)):
        for name, tensor in tensors(memory).items():
            assert tensor.untyped_storage().nbytes() == tensor.nbytes, name  # a view would keep the whole chunk


def test_a_memory_is_a_value_that_later_chunks_leave_alone() -> None:
    told = wandering(20, 2)
    _, memory = follow_points(told.slice(0, 9), TrackMemory.empty(), picture(0), first=True)
    kept = {name: tensor.clone() for name, tensor in tensors(memory).items()}
    first, _ = follow_points(told.slice(9, 21), memory, picture(1), first=False)
    again, _ = follow_points(told.slice(9, 21), memory, picture(1), first=False)
    for name, tensor in tensors(first).items():
        assert torch.equal(tensor, tensors(again)[name]), name
    for name, tensor in tensors(memory).items():
        assert torch.equal(tensor, kept[name]), name
    assert len(memory.anchors) == 1
