"""The tiny autoencoder as a stream: chunks, clocks, states and gradients."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from motionstream.models.vae.protocol import StreamState
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.tiny_config import TinyVAEConfig

SMALL = replace(
    TinyVAEConfig.embedded(),
    latent_channels=4,
    encoder_channels=8,
    decoder_channels=(12, 8, 8, 8),
    latents_mean=(0.1, -0.2, 0.3, 0.0),
    latents_std=(0.5, 2.0, 1.0, 1.5),
)


def small_vae() -> TinyVAE:
    """Returns a random autoencoder whose weights are large enough for its memory to show in the picture."""
    torch.manual_seed(0)
    vae = TinyVAE(SMALL)
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    last = vae.decoder.get_submodule(str(len(vae.decoder) - 1))
    assert isinstance(last, nn.Conv2d)
    assert vae.shortcut is not None
    assert vae.shortcut.expand.bias is not None
    last.weight.data *= 0.02  # most pixels within [0, 1], so that the clamp hides nothing
    last.bias.data.fill_(0.5)
    vae.shortcut.expand.weight.data *= 0.02
    vae.shortcut.expand.bias.data.fill_(0.0)
    return vae


@pytest.fixture(scope="module")
def vae() -> TinyVAE:
    return small_vae().use_channels_last().eval()


def video(num_frames: int, batch: int = 2) -> Tensor:
    return torch.rand(batch, num_frames, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def latents(num_frames: int, seed: int = 2, batch: int = 2) -> Tensor:
    return 3 * torch.randn(batch, 4, num_frames, 2, 3, generator=torch.Generator().manual_seed(seed))


def assert_same(values: Tensor, wanted: Tensor) -> None:
    """Fails unless two tensors are the same to float error, compared with how much the wanted one varies."""
    assert values.shape == wanted.shape
    assert (values - wanted).abs().max() < 1e-5 * wanted.std()


@pytest.mark.parametrize("sizes", [[3, 3, 3], [1, 1, 7], [2, 5, 2]])
@torch.inference_mode()
def test_decoding_chunk_by_chunk_gives_the_whole_clip_and_no_frame_twice(vae: TinyVAE, sizes: list[int]) -> None:
    z = latents(sum(sizes))
    whole = vae.decode(z)
    assert ((whole > 0) & (whole < 1)).float().mean() > 0.5
    state: StreamState | None = None
    parts = []
    for chunk in z.split(sizes, dim=2):
        part, state = vae.decode_chunk(chunk, state)
        parts.append(part)
    assert [part.shape[1] for part in parts] == [4 * sizes[0] - 3, *(4 * size for size in sizes[1:])]
    assert_same(torch.cat(parts, 1), whole)


@pytest.mark.parametrize("sizes", [[9, 12, 12], [1, 4, 28], [5, 20, 8]])
@torch.inference_mode()
def test_encoding_chunk_by_chunk_gives_the_whole_clip(vae: TinyVAE, sizes: list[int]) -> None:
    clip = video(33)
    state: StreamState | None = None
    parts = []
    for chunk in clip.split(sizes, dim=1):
        part, state = vae.encode_chunk(chunk, state)
        parts.append(part)
    assert_same(torch.cat(parts, 2), vae.encode(clip))


@torch.inference_mode()
def test_a_stream_s_memory_matters(vae: TinyVAE) -> None:
    z = latents(6)
    alone = vae.decode_raw(z[:, :, 3:])
    assert not torch.allclose(vae.decode_raw(z)[:, -alone.shape[1] :], alone, atol=1e-3)


@torch.inference_mode()
def test_latent_0_is_video_frame_0_alone_and_latent_i_ends_at_frame_4i(vae: TinyVAE) -> None:
    clip = video(9)
    z = vae.encode(clip)
    assert_same(vae.encode(clip[:, :1]), z[:, :, :1])
    for frame, latent in [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)]:
        changed = clip.clone()
        changed[:, frame] = 1 - changed[:, frame]
        differs = (vae.encode(changed) - z).abs().amax((0, 1, 3, 4)) > 1e-3
        assert differs.tolist().index(True) == latent


@torch.inference_mode()
def test_latent_i_decides_the_video_frames_from_4i_minus_3_on(vae: TinyVAE) -> None:
    z = latents(3)
    frames = vae.decode_raw(z)
    for latent, first_frame in [(0, 0), (1, 1), (2, 5)]:
        changed = z.clone()
        changed[:, :, latent] = -changed[:, :, latent]
        differs = (vae.decode_raw(changed) - frames).abs().amax((0, 2, 3, 4)) > 1e-3
        assert differs.tolist().index(True) == first_frame


@torch.inference_mode()
def test_the_streams_of_a_batch_do_not_mix(vae: TinyVAE) -> None:
    clip = video(5)
    assert_same(vae.encode(clip)[1:], vae.encode(clip[1:]))
    z = latents(2)
    assert_same(vae.decode(z)[1:], vae.decode(z[1:]))


@torch.inference_mode()
def test_a_state_is_a_snapshot_that_later_calls_leave_alone(vae: TinyVAE) -> None:
    ours, theirs = latents(5, seed=3, batch=1), latents(5, seed=4, batch=1)
    _, snapshot = vae.decode_chunk(ours[:, :, :2], None)
    kept = [tensor.clone() for tensor in snapshot]
    first, _ = vae.decode_chunk(ours[:, :, 2:], snapshot)
    vae.decode_chunk(theirs, snapshot)
    again, _ = vae.decode_chunk(ours[:, :, 2:], snapshot)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(kept, snapshot, strict=True))


@torch.inference_mode()
def test_a_state_holds_one_frame_a_block_and_no_more_memory_behind_it(vae: TinyVAE) -> None:
    state: StreamState | None = None
    sizes = []
    for _ in range(3):
        _, state = vae.decode_chunk(latents(3), state)
        sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in state))
        assert len(state) == 3 * SMALL.blocks_per_stage
        assert all(t.untyped_storage().nbytes() == t.numel() * t.element_size() for t in state)
    assert all(a == b for a, b in pairwise(sizes))


@torch.inference_mode()
def test_latents_are_normalised_by_the_configured_statistics(vae: TinyVAE) -> None:
    mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in (SMALL.latents_mean, SMALL.latents_std))
    clip = video(5)
    raw = vae.encode_raw(clip)
    assert_same(vae.encode(clip), (raw - mean) / std)
    assert_same(vae.decode((raw - mean) / std), vae.decode_raw(raw).clamp(0, 1))


def test_the_training_path_is_differentiable_everywhere_and_not_clamped() -> None:
    vae = small_vae()
    made = vae.decode_raw(vae.encode_raw(video(5)) * 10)
    (made - 5).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in vae.parameters())


def test_gradients_flow_across_chunks_through_the_state() -> None:
    vae = small_vae()
    first = latents(2).requires_grad_()
    _, state = vae.decode_chunk_raw(first, None)
    vae.decode_chunk_raw(latents(1, seed=3), state)[0].sum().backward()
    assert first.grad is not None
    assert first.grad.any()


@torch.inference_mode()
def test_the_memory_format_changes_no_numbers() -> None:
    vae, z, clip = small_vae().double(), latents(3).double(), video(9).double()  # so that rounding hides nothing
    frames, encoded = vae.decode(z), vae.encode(clip)
    vae.use_channels_last()
    assert_same(vae.decode(z), frames)
    assert_same(vae.encode(clip), encoded)


def test_the_embedded_layout_decodes_a_chunk_of_128x128_within_12_gflop() -> None:
    with torch.device("meta"):
        vae = TinyVAE(TinyVAEConfig.embedded())
        state = tuple(torch.empty(1, *shape) for shape in [(96, 16, 16)] * 3 + [(64, 32, 32)] * 3 + [(48, 32, 32)] * 3)
        with FlopCounterMode(display=False) as counter:
            frames, _ = vae.decode_chunk_raw(torch.empty(1, 16, 3, 16, 16), state)
    assert frames.shape == (1, 12, 3, 128, 128)
    assert counter.get_total_flops() < 12e9


@torch.inference_mode()
def test_wrong_shapes_say_what_was_wanted(vae: TinyVAE) -> None:
    with pytest.raises(ValueError, match="starts with 1 \\+ 4k video frames, got 8"):
        vae.encode(video(8))
    _, state = vae.encode_chunk(video(5), None)
    with pytest.raises(ValueError, match="goes on with 4k video frames, k >= 1, got 5"):
        vae.encode_chunk(video(5), state)
    with pytest.raises(ValueError, match="multiples of 8, got 16x20"):
        vae.encode(video(5)[..., :20])
    with pytest.raises(ValueError, match=r"\[b 4 f h w\], f >= 1, got \[1, 5, 2, 2, 3\]"):
        vae.decode(torch.zeros(1, 5, 2, 2, 3))
