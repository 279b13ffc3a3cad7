"""A perceptual loss without trained weights: oriented derivatives at several scales, in units of the local contrast.

The filters are derivatives of a Gaussian in four directions: the first ones answer to edges, the second ones to lines.
At every scale two things count, both divided by the contrast that the wanted picture has there, because the eye judges
an error by what is around it:

1. The responses themselves: edges in their places.
2. The energy of each filter around a place, whatever the sign and the exact place of what it answered to. A blurred
   texture costs here what it lost, while one that is only shifted by a pixel costs next to nothing: regression alone
   prefers the blur.

It takes the place of LPIPS where no trained backbone is at hand. It is kept apart from the evaluation's perceptual
distance on purpose: a training must not be measured by its own loss.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from motionstream.models.derivative_filters import derivative_filters
from motionstream.training.pixel_loss import opponent

_SCALES = 3
_DIRECTIONS = 4
_REACH, _SIGMA = 2, 0.9  # pixels of each scale
_AROUND = 5  # pixels of each scale, along the side of the square whose energy is one number
_FLOOR = 0.03  # contrast that is added to the picture's own, so that flat places do not count without bound
_ROUNDED = 1e-3
_SMALLEST_SIDE = 8


def feature_loss(made: Float[Tensor, "b t 3 h w"], wanted: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, ""]:
    """Returns how far the features of two videos are apart: 0 if they are equal, about 1 if a colourful one is lost."""
    with torch.autocast(made.device.type, enabled=False):
        filters = derivative_filters(_DIRECTIONS, _REACH, _SIGMA).to(made.device)
        return _over_scales(_planes(made), _planes(wanted), filters)


def _over_scales(made: Tensor, wanted: Tensor, filters: Tensor) -> Tensor:
    losses = []
    for scale in range(_SCALES):
        if scale:
            made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
        if min(made.shape[-2:]) < _SMALLEST_SIDE:
            break
        losses.append(_distance(_responses(made, filters), _responses(wanted, filters)))
    return torch.stack(losses).mean()


def _planes(video: Tensor) -> Float[Tensor, "n 3 h w"]:
    """Frames as brightness and two colours, in float32."""
    return torch.einsum("btchw,oc->btohw", video.float(), opponent(video.device)).flatten(0, 1)


def _distance(made: Float[Tensor, "n 3 k h w"], wanted: Float[Tensor, "n 3 k h w"]) -> Tensor:
    aims = _energy(wanted)
    contrast = aims.square().sum(2, keepdim=True).sqrt() + _FLOOR
    edges, texture = (_length(error) / contrast for error in (made - wanted, _energy(made) - aims))
    return 0.5 * (edges.mean() + texture.mean())


def _length(error: Float[Tensor, "n 3 k h w"]) -> Float[Tensor, "n 3 1 h w"]:
    """Length over the filters, rounded off at 0, where a length has no gradient."""
    return (error.square().sum(2, keepdim=True) + _ROUNDED**2).sqrt() - _ROUNDED


def _energy(responses: Float[Tensor, "n 3 k h w"]) -> Float[Tensor, "n 3 k h w"]:
    """Root mean square of each filter's responses around every place."""
    around = F.avg_pool2d(responses.square().flatten(0, 1), _AROUND, 1, _AROUND // 2, count_include_pad=False)
    return (around + _ROUNDED**2).sqrt().view_as(responses)


def _responses(planes: Float[Tensor, "n 3 h w"], filters: Float[Tensor, "k 1 y x"]) -> Float[Tensor, "n 3 k h w"]:
    n, c, h, w = planes.shape
    framed = F.pad(planes.reshape(n * c, 1, h, w), (_REACH,) * 4, mode="reflect")
    return F.conv2d(framed, filters).view(n, c, -1, h, w)
