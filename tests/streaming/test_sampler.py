"""Few-step sampling of a chunk: the rule itself, what it leaves in the cache, where gradients flow."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from motionstream.models.components import load_transformer
from motionstream.models.kv_cache import KVCache
from motionstream.models.wan import PromptContext, WanTransformer
from motionstream.streaming.sampler import DenoisingSteps, denoise_chunk, sample_chunk, write_chunk

TIMESTEPS = (1000.0, 927.0, 771.0)


@pytest.fixture(scope="module", params=["velocity", "sample"])
def network(request: pytest.FixtureRequest, tiny_checkpoint: Path) -> WanTransformer:
    """Both kinds of prediction; the checkpoint's is the sample."""
    network, _ = load_transformer(tiny_checkpoint / "transformer")
    if request.param == "sample":
        return network
    torch.manual_seed(0)
    return WanTransformer(replace(network.config, prediction="velocity", gated_condition=False)).eval()


def clean_estimate(network: WanTransformer, z: Tensor, sigma: float, prediction: Tensor) -> Tensor:
    """x0, predicted as it is or as v = noise - x0 of z = (1 - s) x0 + s noise."""
    return prediction if network.config.prediction == "sample" else z - sigma * prediction


@pytest.fixture
def context(network: WanTransformer) -> PromptContext:
    with torch.no_grad():
        return network.prompt_context(torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(3)))


def steps_of(network: WanTransformer, timesteps: tuple[float, ...] = TIMESTEPS) -> DenoisingSteps:
    with torch.no_grad():
        return DenoisingSteps.of(network, timesteps)


def new_cache(network: WanTransformer) -> KVCache:
    return network.new_cache(4, 4, sink_frames=3, window_frames=3, chunk_frames=3)


def condition_of(network: WanTransformer, seed: int = 0) -> Tensor:
    channels = network.config.total_in_channels - network.config.out_channels
    return torch.randn(1, channels, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def noise(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_hand(
    network: WanTransformer, condition: Tensor, context: PromptContext, cache: KVCache, generator: torch.Generator
) -> list[Tensor]:
    """The clean estimate after each step, from the formula z = (1 - s) x0 + s noise."""
    estimates: list[Tensor] = []
    for timestep in TIMESTEPS:
        sigma = timestep / 1000
        drawn = torch.randn(1, 4, 3, 4, 4, generator=generator)
        z = (1 - sigma) * estimates[-1] + sigma * drawn if estimates else drawn
        modulation = network.modulation(torch.tensor([timestep]))[0]
        prediction = network.forward_chunk(torch.cat([z, condition], dim=1), modulation, context, cache)
        estimates.append(clean_estimate(network, z, sigma, prediction))
    return estimates


@torch.no_grad()
def test_each_step_renoises_the_estimate_of_the_step_before(network: WanTransformer, context: PromptContext) -> None:
    condition = condition_of(network)
    made = denoise_chunk(network, condition, steps_of(network), context, new_cache(network), noise())
    wanted = by_hand(network, condition, context, new_cache(network), noise())
    torch.testing.assert_close(made, wanted[-1])
    assert not torch.allclose(made, wanted[0], atol=1e-3)


@torch.no_grad()
def test_a_list_cut_after_two_steps_gives_the_second_estimate(network: WanTransformer, context: PromptContext) -> None:
    condition = condition_of(network)
    made = denoise_chunk(network, condition, steps_of(network).first(2), context, new_cache(network), noise())
    torch.testing.assert_close(made, by_hand(network, condition, context, new_cache(network), noise())[1])


@torch.no_grad()
def test_the_first_latent_stays_as_given_and_steers_the_others(network: WanTransformer, context: PromptContext) -> None:
    condition, steps = condition_of(network), steps_of(network)
    given = torch.full((1, 4, 4, 4), 2.0)
    held = sample_chunk(network, condition, steps, context, new_cache(network), noise(), given)
    free = sample_chunk(network, condition, steps, context, new_cache(network), noise())
    assert torch.equal(held[:, :, 0], given)
    assert not torch.allclose(held[:, :, 1:], free[:, :, 1:], atol=1e-4)


@torch.no_grad()
def test_the_seed_decides_the_chunk(network: WanTransformer, context: PromptContext) -> None:
    condition, steps = condition_of(network), steps_of(network)
    once, again, other = (
        sample_chunk(network, condition, steps, context, new_cache(network), noise(seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(once, again)
    assert not torch.allclose(once, other)


@torch.no_grad()
def test_the_cache_keeps_the_clean_chunk_not_a_noisy_one(network: WanTransformer, context: PromptContext) -> None:
    condition, steps, cache = condition_of(network), steps_of(network), new_cache(network)
    latents = sample_chunk(network, condition, steps, context, cache, noise())
    clean = new_cache(network)
    write_chunk(network, latents, condition, steps, context, clean)
    assert cache.num_frames == clean.num_frames == 3
    assert torch.equal(cache.keys, clean.keys)
    assert torch.equal(cache.values, clean.values)
    noisy = new_cache(network)
    denoise_chunk(network, condition, steps, context, noisy, noise())
    assert not torch.allclose(noisy.keys, cache.keys)


@torch.no_grad()
def test_what_is_in_the_cache_changes_the_next_chunk(network: WanTransformer, context: PromptContext) -> None:
    steps, told = steps_of(network), []
    for first_seed in (1, 2):
        cache = new_cache(network)
        sample_chunk(network, condition_of(network, first_seed), steps, context, cache, noise())
        told.append(sample_chunk(network, condition_of(network, 5), steps, context, cache, noise(9)))
    assert not torch.allclose(told[0], told[1], atol=1e-4)


def test_gradients_flow_through_the_last_step_alone(network: WanTransformer, context: PromptContext) -> None:
    condition, steps = condition_of(network), steps_of(network)
    wanted_condition, made_condition = (condition.clone().requires_grad_() for _ in range(2))
    with torch.no_grad():
        before = by_hand(network, condition, context, new_cache(network), noise())[1]
    generator, sigma = noise(), TIMESTEPS[2] / 1000
    drawn = [torch.randn(1, 4, 3, 4, 4, generator=generator) for _ in range(3)][2]
    z = (1 - sigma) * before + sigma * drawn
    prediction = network.forward_chunk(
        torch.cat([z, wanted_condition], dim=1), steps.modulations[2], context, new_cache(network)
    )
    clean_estimate(network, z, sigma, prediction).square().sum().backward()
    wanted = network.blocks[0].ffn.net[2].weight.grad
    network.zero_grad()
    made = denoise_chunk(network, made_condition, steps, context, new_cache(network), noise())
    made.square().sum().backward()
    got = network.blocks[0].ffn.net[2].weight.grad
    network.zero_grad()
    assert wanted is not None
    assert got is not None
    assert made_condition.grad is not None
    assert wanted.abs().max() > 0
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(made_condition.grad, wanted_condition.grad)


def test_what_is_written_while_training_carries_no_gradient(network: WanTransformer, context: PromptContext) -> None:
    cache = new_cache(network)
    latents = sample_chunk(network, condition_of(network), steps_of(network), context, cache, noise())
    assert latents.requires_grad
    assert not cache.keys.requires_grad
    assert cache.num_frames == 3
    with torch.no_grad():
        untrained = new_cache(network)
        sample_chunk(network, condition_of(network), steps_of(network), context, untrained, noise())
    torch.testing.assert_close(cache.keys, untrained.keys)
