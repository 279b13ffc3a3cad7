"""A discriminator of patches of video (PatchGAN, Isola et al. 2017), and what it asks of the network it judges.

It sees each frame together with its two neighbours, so that flicker is as telling as blur. Its weights are normalised
by their spectral norm (Miyato et al. 2018), which keeps it from running away without a norm over the batch, and it is
trained by the hinge loss.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

FRAMES_SEEN = 3
DISCRIMINATOR = "discriminator"
"""The discriminator's name among a run's trainees."""


class PatchDiscriminator(nn.Module):
    """Says of every patch of 54x54 pixels and 3 frames how real it looks: above 0 for real.

    Args:
        width: Channels of the first layer; each halving of the picture doubles them.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3 * FRAMES_SEEN, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise(widths):
            layers += [_conv(channels_in, channels_out, 4, stride=2), nn.LeakyReLU(0.2)]
        layers += [_conv(widths[-1], widths[-1], 3), nn.LeakyReLU(0.2), _conv(widths[-1], 1, 3)]
        self.layers = nn.Sequential(*layers)

    def forward(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t2 h2 w2"]:
        """Returns the verdicts on all frames but the first and the last."""
        windows = video.unfold(1, FRAMES_SEEN, 1).permute(0, 1, 5, 2, 3, 4)
        verdicts: Tensor = self.layers((2 * windows - 1).flatten(2, 3).flatten(0, 1))
        return verdicts.view(len(video), -1, *verdicts.shape[2:])


def _conv(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(channels_in, channels_out, size, stride, padding=1)
    nn.init.orthogonal_(convolution.weight)
    return spectral_norm(convolution)


def hinge_loss(real: Float[Tensor, "*r"], fake: Float[Tensor, "*f"]) -> Float[Tensor, ""]:
    """Returns the discriminator's loss: verdicts on what is real should be above 1, on what is made below -1."""
    return 0.5 * ((1 - real).relu().mean() + (1 + fake).relu().mean())


def pull(
    discriminator: nn.Module, made: Float[Tensor, "b t 3 h w"], loss: Float[Tensor, ""], weight: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Returns a loss that draws a video towards what the discriminator takes for real, and the mean verdict on it.

    The drawing loss is 0 in value. Its gradient at the video's pixels has `weight` times the norm of that of `loss`,
    so that the balance of the two does not depend on their units (as in Esser et al. 2021, there at the last layer's
    weights). The discriminator's weights get no gradient.
    """
    seen = made.detach().requires_grad_()
    verdict = discriminator(seen).float().mean()
    (wish,) = torch.autograd.grad(-verdict, seen)
    (own,) = torch.autograd.grad(loss, made, retain_graph=True)
    wish = wish.float() * (weight * own.float().norm() / wish.float().norm().clamp_min(1e-12))
    return ((made.float() - made.detach().float()) * wish).sum(), verdict.detach()
