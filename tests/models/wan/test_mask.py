import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionstream.models.wan.mask import (
    attention_plan,
    bidirectional_mask,
    causal_mask,
    teacher_forcing_mask,
)


def rows(mask: torch.Tensor) -> list[str]:
    return ["".join("x" if seen else "." for seen in row) for row in mask.tolist()]


def test_bidirectional_frames_see_everything() -> None:
    assert rows(bidirectional_mask(2)) == ["xx", "xx"]


def test_without_a_window_a_chunk_sees_all_past_chunks_and_itself() -> None:
    assert rows(causal_mask(5, 2)) == ["xx...", "xx...", "xxxx.", "xxxx.", "xxxxx"]


def test_with_sink_and_window_a_chunk_sees_the_first_the_last_and_its_own_frames() -> None:
    assert rows(causal_mask(8, 2, sink_frames=1, window_frames=2))[::2] == [
        "xx......",
        "xxxx....",
        "x.xxxx..",
        "x...xxxx",
    ]
    assert rows(causal_mask(6, 2, sink_frames=0, window_frames=0))[::2] == ["xx....", "..xx..", "....xx"]


def test_teacher_forcing_lets_a_noisy_chunk_see_itself_and_the_clean_past() -> None:
    assert rows(teacher_forcing_mask(4, 1, sink_frames=1, window_frames=1)) == [
        "x......",
        "xx.....",
        "xxx....",
        "...x...",
        "x...x..",
        "xx...x.",
        "x.x...x",
    ]


def test_teacher_forcing_of_one_chunk_has_no_clean_part() -> None:
    assert rows(teacher_forcing_mask(3, 3, 3, 3)) == ["xxx", "xxx", "xxx"]


def test_teacher_forcing_leaves_out_the_last_clean_chunk_even_when_it_is_short() -> None:
    assert rows(teacher_forcing_mask(3, 2)) == ["xx...", "xx...", "..xx.", "..xx.", "xx..x"]


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_a_plan_says_what_its_mask_says(table: list[list[bool]]) -> None:
    mask = torch.tensor(table)
    again = torch.zeros_like(mask)
    for group in attention_plan(mask):
        for start, stop in group.runs:
            again[group.start : group.stop, start:stop] = True
    assert torch.equal(again, mask)


def test_a_plan_computes_allowed_pairs_only() -> None:
    mask = teacher_forcing_mask(9, 3, 3, 3)
    pairs = sum((group.stop - group.start) * sum(b - a for a, b in group.runs) for group in attention_plan(mask))
    assert pairs == int(mask.sum())


@pytest.mark.parametrize(("index", "rank"), [(0, 0), (1, 1), (4, 2), (5, 3)])
def test_rank_counts_the_attended_before(index: int, rank: int) -> None:
    (group,) = attention_plan(torch.tensor([[True, True, False, False, True, True]] * 6))
    assert group.rank(index) == rank
    assert group.in_tokens(10).rank(index * 10) == rank * 10
