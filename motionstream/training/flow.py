"""Rectified flow: noise, times and the error of a prediction; what teacher, critic and distillation share."""

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_TIME = 1e-3


def shifted_times(num: int, shift: float, generator: torch.Generator) -> Float[Tensor, "num"]:
    """Draws times in (0, 1], uniform and then shifted towards noise: `t' = k t / (1 + (k-1) t)`."""
    uniform = torch.rand(num, generator=generator).clamp(min=SMALLEST_TIME)
    return shift * uniform / (1 + (shift - 1) * uniform)


def add_noise(
    clean: Float[Tensor, "b c f h w"], noise: Float[Tensor, "b c f h w"], times: Float[Tensor, "b"]
) -> Float[Tensor, "b c f h w"]:
    """Returns `(1 - t) z_0 + t noise`."""
    mix = times.to(clean.device).view(-1, 1, 1, 1, 1)
    return (1 - mix) * clean + mix * noise


def velocity_error(
    predicted: Float[Tensor, "b c f h w"],
    clean: Float[Tensor, "b c f h w"],
    times: Float[Tensor, "b"],
    least_time: float,
    weights: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, ""]:
    """Returns the mean squared error of the velocity that predicted clean latents stand for.

    The error of `v = (z_t - z_0) / t` is that of z_0 over t. Latent frame 0 is given and does not count.

    Args:
        predicted: What the network takes for the clean latents.
        clean: The clean latents.
        times: Of the noise, in (0, 1].
        least_time: Smaller times count as this one: with predicted samples the weight 1 / t^2 has no other limit.
        weights: Of the channels, see `channel_weights`; all the same by default.
    """
    error = latent_error(predicted, clean, weights)
    return (error / times.clamp(min=least_time).to(clean.device).square()).mean()


def latent_error(
    made: Float[Tensor, "b c f h w"], wanted: Float[Tensor, "b c f h w"], weights: Float[Tensor, "c"] | None = None
) -> Float[Tensor, "b"]:
    """Returns the mean squared error of each clip; the given latent frame 0 does not count."""
    error = (made - wanted).square()[:, :, 1:].mean((2, 3, 4))
    return (error if weights is None else error * weights.to(error.device)).mean(1)
