"""The formulas against what the real networks compute and keep."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.vae.wan import WanVAE
from motionstream.models.wan import WanConfig, WanTransformer, teacher_forcing_mask
from motionstream.models.wan.transformer import StepModulation
from motionstream.training.autoencoder_cost import LINEAR, WAN21
from motionstream.training.network_cost import Evaluation, forward_flops, saved_bytes

CONFIG = WanConfig(
    num_attention_heads=4,
    attention_head_dim=32,
    text_dim=64,
    freq_dim=32,
    ffn_dim=512,
    num_layers=2,
    condition_channels=20,
    track_channels=32,
)
FRAMES, CHUNK, SIDE, PROMPT = 9, 3, 32, 20
FRAME_TOKENS = (SIDE // 2) ** 2

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


Prepared = tuple[Callable[[], Tensor], Evaluation]


def whole_clip(network: WanTransformer, clips: int) -> Prepared:
    latents, prompt, device = inputs(network, clips, FRAMES)
    times = torch.full((clips,), 500.0, device=device)
    return lambda: network(latents, times, prompt), Evaluation.of_clip(FRAMES, FRAME_TOKENS)


def masked_clip(network: WanTransformer, clips: int) -> Prepared:
    mask = teacher_forcing_mask(FRAMES, CHUNK, 1, 2)
    latents, prompt, device = inputs(network, clips, len(mask))
    times = torch.full((clips, len(mask)), 500.0, device=device)

    def run() -> Tensor:
        made: Tensor = network(latents, times, prompt, positions="rank", attention_mask=mask)
        return made

    return run, Evaluation.masked(mask, FRAME_TOKENS)


def third_chunk(network: WanTransformer, clips: int) -> Prepared:
    """The first chunk of a stream that sees a sink and a window."""
    latents, prompt, device = inputs(network, clips, CHUNK)
    half = device.type == "cpu"
    cache = network.new_cache(
        SIDE,
        SIDE,
        sink_frames=3,
        window_frames=3,
        chunk_frames=CHUNK,
        batch=clips,
        dtype=torch.bfloat16 if half else None,
    )
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        for _ in range(2):
            network.forward_chunk(latents, step_of(network, device), network.prompt_context(prompt), cache)
            cache.commit()

    def run() -> Tensor:
        return network.forward_chunk(latents, step_of(network, device), network.prompt_context(prompt), cache)

    third = Evaluation.of_chunks(FRAMES, CHUNK, 3, 3, FRAME_TOKENS)[2]
    return run, replace(third, prompt=True)


def step_of(network: WanTransformer, device: torch.device) -> StepModulation:
    return network.modulation(torch.tensor([500.0], device=device))[0]


def inputs(network: WanTransformer, clips: int, num_frames: int) -> tuple[Tensor, Tensor, torch.device]:
    device = network.proj_out.weight.device
    latents = torch.randn(clips, CONFIG.total_in_channels, num_frames, SIDE, SIDE, device=device)
    return latents, torch.randn(clips, PROMPT, CONFIG.text_dim, device=device), device


KINDS = pytest.mark.parametrize("prepare", [whole_clip, masked_clip, third_chunk])


@KINDS
def test_the_operations_are_those_that_torch_counts(prepare: Callable[[WanTransformer, int], Prepared]) -> None:
    with torch.device("meta"):
        network = WanTransformer(CONFIG)
    run, evaluation = prepare(network, 1)
    with FlopCounterMode(display=False) as counter:
        run()
    assert forward_flops(CONFIG, evaluation, PROMPT) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_backward_takes_two_forward_passes() -> None:
    with torch.device("meta"):
        network = WanTransformer(CONFIG)
    run, evaluation = whole_clip(network, 1)
    with FlopCounterMode(display=False) as counter:
        run().sum().backward()  # type: ignore[no-untyped-call]
    assert counter.get_total_flops() == pytest.approx(3 * forward_flops(CONFIG, evaluation, PROMPT), rel=0.02)


@KINDS
@pytest.mark.parametrize("clips", [1, 2])
def test_the_saved_memory_is_what_autograd_saves(
    prepare: Callable[[WanTransformer, int], Prepared], clips: int
) -> None:
    network = WanTransformer(CONFIG)
    run, evaluation = prepare(network, clips)
    formula = saved_bytes(CONFIG, evaluation, clips, PROMPT, checkpointing=False)
    cast = 2 * sum(p.numel() for p in network.parameters())
    assert saved(network, run) == pytest.approx(formula + cast, rel=0.03)


@KINDS
@pytest.mark.parametrize("clips", [1, 2])
def test_with_gradient_checkpointing_the_input_of_each_block_is_saved(
    prepare: Callable[[WanTransformer, int], Prepared], clips: int
) -> None:
    network = WanTransformer(CONFIG)
    network.gradient_checkpointing = True
    run, evaluation = prepare(network, clips)
    formula = saved_bytes(CONFIG, evaluation, clips, PROMPT, checkpointing=True)
    root = sum(p.numel() for name, p in network.named_parameters() if not name.startswith("blocks."))
    cast = 2 * (root + CONFIG.num_layers * 2 * CONFIG.dim**2)
    assert saved(network, run) == pytest.approx(formula + cast, rel=0.05)


def saved(network: WanTransformer, run: Callable[[], Tensor]) -> int:
    """Bytes of all tensors but the weights that one evaluation under autocast saves for the backward pass."""
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in weights:
            kept[place] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16):
        made = run()
    assert made.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_the_numbers_of_the_autoencoders_are_those_of_the_real_ones() -> None:
    diffusers = pytest.importorskip("diffusers")
    with torch.device("meta"):
        wan, linear = WanVAE(diffusers.AutoencoderKLWan()), TinyVAE(TinyVAEConfig.linear())
    for vae, cost in ((wan, WAN21), (linear, LINEAR)):
        latents = torch.empty(1, vae.latent_channels, 3, 24, 24, device="meta")
        with torch.no_grad():
            _, state = vae.decode_chunk(latents, None)
            with FlopCounterMode(display=False) as counter:
                video, _ = vae.decode_chunk(latents, state)
        pixels = video.numel() / 3
        assert vae.spatial_stride == cost.spatial_stride
        assert sum(p.numel() for p in vae.parameters()) == cost.num_parameters
        assert counter.get_total_flops() / pixels == pytest.approx(cost.flops, rel=0.02)
