"""How much the channels of a latent matter: what an error of each does to the pixels."""

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.models.vae.protocol import VideoVAE

_NUDGE = 0.1


@torch.no_grad()
def channel_weights(vae: VideoVAE, device: torch.device | str = "cpu") -> Float[Tensor, "c"]:
    """Returns the squared change of the video for a small change of each channel in one cell, 1 on average.

    A weighted squared error of latents has the same minimum as a plain one in every channel; the weights only say
    where a network that cannot have all of it should be right first. Principal components are very unlike in this,
    the latents of an autoencoder that was trained with noise are not.
    """
    channels = vae.latent_channels
    still = torch.zeros(1, channels, 2, 3, 3, device=device)
    nudged = still.repeat(channels, 1, 1, 1, 1)
    nudged[torch.arange(channels), torch.arange(channels), 1, 1, 1] = _NUDGE
    change = vae.decode(nudged).float() - vae.decode(still).float()
    weights = change.square().flatten(1).sum(1)
    return weights / weights.mean()
