"""FlexAttention against one dense attention a group: the same numbers, the same gradients."""

import pytest
import torch
import torch.nn.attention.flex_attention as torch_flex
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.models.wan import WanConfig, WanTransformer, causal_mask, teacher_forcing_mask
from motionstream.models.wan.flex import block_mask
from motionstream.models.wan.mask import attention_plan
from motionstream.models.wan.rank_parts import rank_parts

pytestmark = [
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile"),
    pytest.mark.filterwarnings(
        "ignore:The .grad attribute of a Tensor that is not a leaf"
    ),  # torch.compile looks at it
]

CONFIG = WanConfig(
    num_attention_heads=2, attention_head_dim=28, in_channels=4, out_channels=4, text_dim=10, freq_dim=16, ffn_dim=40,
    num_layers=2,
)  # fmt: skip
MASKS = {
    "causal": causal_mask(8, 2),
    "short last chunk": causal_mask(8, 3, 2, 2),
    "window": causal_mask(9, 3, 0, 3),
    "sink and window": causal_mask(12, 2, 2, 3),
    "sink alone": causal_mask(9, 3, 4, 0),
    "chunks alone": causal_mask(6, 2, 0, 0),
    "teacher forcing": teacher_forcing_mask(6, 2),
    "teacher forcing, window": teacher_forcing_mask(8, 2, 0, 3),
    "teacher forcing, sink and window": teacher_forcing_mask(12, 3, 3, 3),
    "teacher forcing, uneven": teacher_forcing_mask(10, 2, 3, 1),
}
CPU = torch.device("cpu")


def make() -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def run(model: WanTransformer, attention: str, mask: torch.Tensor, positions: str | None) -> torch.Tensor:
    device = model.proj_out.weight.device
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 4, len(mask), 4, 6, generator=generator).to(device)
    timesteps = (torch.rand(2, len(mask), generator=generator) * 1000).to(device)
    text = torch.randn(2, 5, 10, generator=generator).to(device)
    model.attention = attention  # type: ignore[assignment]
    return model(latents, timesteps, text, positions=positions, attention_mask=mask)  # type: ignore[no-any-return]


def gradients(model: WanTransformer, attention: str, mask: torch.Tensor, positions: str | None) -> list[torch.Tensor]:
    out = run(model, attention, mask, positions)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(out.device)
    return list(torch.autograd.grad((out * weights).mean(), list(model.parameters())))


@pytest.mark.parametrize("positions", [None, "rank"])
@pytest.mark.parametrize("name", MASKS)
@torch.no_grad()
def test_flex_attention_equals_dense_groups(name: str, positions: str | None) -> None:
    model = make()
    got, want = (run(model, attention, MASKS[name], positions) for attention in ("flex", "groups"))
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(got, run(model, "groups", torch.ones_like(MASKS[name]), positions), atol=1e-3)


@pytest.mark.parametrize("positions", [None, "rank"])
@pytest.mark.parametrize("name", ["causal", "window", "sink and window", "teacher forcing, sink and window"])
def test_gradients_of_flex_attention_equal_those_of_dense_groups(
    name: str, positions: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PyTorch has a reference for these gradients that runs anywhere, and refuses the CPU as not officially supported.
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *_: None)
    model = make()
    got, want = (gradients(model, attention, MASKS[name], positions) for attention in ("flex", "groups"))
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    assert max(float(part.abs().max()) for part in want) > 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the fused kernel needs CUDA")
@pytest.mark.parametrize("positions", [None, "rank"])
@pytest.mark.parametrize("name", MASKS)
def test_the_fused_kernel_equals_dense_groups_with_its_gradients(name: str, positions: str | None) -> None:
    model = make().cuda()
    got, want = (run(model, attention, MASKS[name], positions) for attention in ("flex", "groups"))
    torch.testing.assert_close(got, want, atol=5e-3, rtol=5e-3)  # the kernel may multiply in TF32
    got, want = (gradients(model, attention, MASKS[name], positions) for attention in ("flex", "groups"))
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs, atol=5e-3, rtol=5e-2)


@settings(deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_parts_hold_every_pair_once_at_its_difference_by_rank(table: list[list[bool]]) -> None:
    mask = torch.tensor(table)
    keys, parts = rank_parts(mask)
    assert torch.equal(sum((part.mask.int() for part in parts), torch.zeros_like(mask, dtype=torch.int)), mask.int())
    for group in attention_plan(mask):
        for query in range(group.start, group.stop):
            rank = group.rank(group.start) + query - group.start
            for part in parts:
                for key in part.mask[query].nonzero().flatten().tolist():
                    assert part.queries[query] - keys[key] == rank - group.rank(key)


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 5), st.none() | st.integers(0, 6))
def test_a_stream_needs_two_parts_at_most(frames: int, chunk: int, sink: int, window: int | None) -> None:
    for mask in (causal_mask(frames, chunk, sink, window), teacher_forcing_mask(frames, chunk, sink, window)):
        keys, parts = rank_parts(mask)
        assert len(parts) <= 2
        assert max(keys) < frames


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(MASKS)), st.sampled_from([1, 24, 64, 100, 128, 200]))
def test_blocks_are_those_that_pytorch_finds_among_all_pairs_of_tokens(name: str, tokens: int) -> None:
    mask = MASKS[name]
    length = len(mask) * tokens
    want = torch_flex.create_block_mask(
        lambda b, h, q, k: mask[q // tokens, k // tokens], None, None, length, length, device="cpu"
    )
    got = block_mask(mask, tokens, CPU)
    assert got.shape == want.shape
    for part in ("kv_num_blocks", "full_kv_num_blocks", "q_num_blocks", "full_q_num_blocks"):
        assert torch.equal(getattr(got, part), getattr(want, part).to(torch.int32)), part
    assert torch.equal(got.to_dense(), want.to_dense())
    assert torch.equal(listed(got), listed(want))


def listed(blocks: torch_flex.BlockMask) -> torch.Tensor:
    """Which blocks are computed without asking the mask."""
    chosen = torch.zeros(blocks.full_kv_indices.shape[-2:], dtype=torch.bool)
    for row, (count, columns) in enumerate(zip(blocks.full_kv_num_blocks[0, 0], blocks.full_kv_indices[0, 0])):
        chosen[row, columns[:count].long()] = True
    return chosen


def test_the_same_mask_is_worked_out_once() -> None:
    assert block_mask(causal_mask(4, 2), 6, CPU) is block_mask(causal_mask(4, 2), 6, CPU)
    assert block_mask(causal_mask(4, 2), 6, CPU) is not block_mask(causal_mask(4, 1), 6, CPU)
