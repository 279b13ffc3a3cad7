"""Few-step sampling of one chunk of latents: the same code makes videos and rolls the student out in training.

Rectified flow with renoising (method: Student): at time s = t / 1000 the network predicts v = noise - x0, so
x0 = z - s v, or x0 itself; the next, lower time s' starts from z = (1 - s') x0 + s' noise with fresh noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.models.kv_cache import KVCache
from motionstream.models.scheduler import NUM_TRAIN_TIMESTEPS
from motionstream.models.wan.transformer import PromptContext, StepModulation, WanTransformer


@dataclass(frozen=True, kw_only=True, eq=False)
class DenoisingSteps:
    """The timesteps of a sampler with what they do to the network: made once, used for every chunk.

    Attributes:
        times: Falling, within (0, 1]; 1 is pure noise.
        modulations: The network's modulation at each time.
        clean: Its modulation at time 0, for the pass that writes the finished chunk into the cache.
    """

    times: tuple[float, ...]
    modulations: tuple[StepModulation, ...]
    clean: StepModulation

    @classmethod
    def of(cls, transformer: WanTransformer, timesteps: tuple[float, ...]) -> DenoisingSteps:
        """Prepare a list of timesteps within (0, 1000], such as (1000, 927, 771)."""
        device = transformer.proj_out.weight.device
        *modulations, clean = transformer.modulation(torch.tensor([*timesteps, 0.0], device=device))
        times = tuple(timestep / NUM_TRAIN_TIMESTEPS for timestep in timesteps)
        return cls(times=times, modulations=tuple(modulations), clean=clean)

    def first(self, num_steps: int) -> DenoisingSteps:
        """The list cut off after `num_steps`: a rollout stops early at its exit step (Self-Forcing)."""
        return replace(self, times=self.times[:num_steps], modulations=self.modulations[:num_steps])


def sample_chunk(
    transformer: WanTransformer,
    condition: Float[Tensor, "b m f h w"],
    steps: DenoisingSteps,
    context: PromptContext,
    cache: KVCache,
    generator: torch.Generator,
    first_latent: Float[Tensor, "b c h w"] | None = None,
) -> Float[Tensor, "b c f h w"]:
    """Make the next chunk of a stream and commit it to the cache; the parts are `denoise_chunk` and `write_chunk`."""
    latents = denoise_chunk(transformer, condition, steps, context, cache, generator, first_latent)
    write_chunk(transformer, latents, condition, steps, context, cache)
    return latents


def denoise_chunk(
    transformer: WanTransformer,
    condition: Float[Tensor, "b m f h w"],
    steps: DenoisingSteps,
    context: PromptContext,
    cache: KVCache,
    generator: torch.Generator,
    first_latent: Float[Tensor, "b c h w"] | None = None,
) -> Float[Tensor, "b c f h w"]:
    """Make the latents of the next chunk from noise.

    Where gradients are recorded they flow through the last of the steps only, to the network and to the condition:
    cut the list with `steps.first(k + 1)` to choose step k.

    Args:
        transformer: The student.
        condition: The chunk's channels behind the noisy latents (image condition, then encoded tracks), the same at
            every step.
        steps: When, and how often, to denoise.
        context: The prompt, from `WanTransformer.prompt_context`.
        cache: The stream's past. Nothing of it is lost; the chunk's noisy keys lie beyond its committed part.
        generator: Where the noise comes from. It is drawn on the generator's own device: a CPU generator gives the
            same noise whatever the network runs on.
        first_latent: Latent frame 0 of a stream's first chunk, given by the picture.

    Returns:
        Normalised latents in float32.
    """
    b, _, f, h, w = condition.shape
    shape = (b, transformer.config.out_channels, f, h, w)
    recording = torch.is_grad_enabled()
    x0, last = None, len(steps.times) - 1
    for step, (time, modulation) in enumerate(zip(steps.times, steps.modulations, strict=True)):
        noise = torch.randn(shape, generator=generator, device=generator.device).to(condition.device)
        with torch.set_grad_enabled(recording and step == last):
            z = noise if x0 is None else (1 - time) * x0 + time * noise
            x0 = transformer.clean(_predict(transformer, z, condition, modulation, context, cache), z, time)
            if first_latent is not None:
                x0 = torch.cat([first_latent[:, :, None].to(x0.dtype), x0[:, :, 1:]], dim=2)
    assert x0 is not None  # a step list is never empty
    return x0


@torch.no_grad()
def write_chunk(
    transformer: WanTransformer,
    latents: Float[Tensor, "b c f h w"],
    condition: Float[Tensor, "b m f h w"],
    steps: DenoisingSteps,
    context: PromptContext,
    cache: KVCache,
) -> None:
    """Write the clean keys and values of a finished chunk, by one pass at time 0, and commit them to the cache."""
    transformer.write_chunk(_joined(latents, condition), steps.clean, context, cache)
    cache.commit()


def _predict(
    transformer: WanTransformer,
    latents: Float[Tensor, "b c f h w"],
    condition: Float[Tensor, "b m f h w"],
    modulation: StepModulation,
    context: PromptContext,
    cache: KVCache,
) -> Float[Tensor, "b c f h w"]:
    """One evaluation of the network, in its own type; the result in float32."""
    return transformer.forward_chunk(_joined(latents, condition), modulation, context, cache).float()


def _joined(latents: Float[Tensor, "b c f h w"], condition: Float[Tensor, "b m f h w"]) -> Float[Tensor, "b k f h w"]:
    return torch.cat([latents.to(condition.dtype), condition], dim=1)
