"""The loss: inverse depth up to scale and shift, and its edges at several sizes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_EDGE_WEIGHT = 0.5
_NUM_SCALES = 4
_LEAST_SPREAD = 1e-6


def depth_loss(told: Float[Tensor, "b h w"], true: Float[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Mean distance of two inverse depths, each freed of its scale and shift, plus that of their gradients.

    MiDaS's loss: the shift is the median, the scale the mean absolute deviation from it.
    """
    off = _freed(told) - _freed(true)
    return off.abs().mean() + _EDGE_WEIGHT * _edges(off)


def _freed(inverse: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    centred = inverse - inverse.flatten(1).median(dim=1).values[:, None, None]
    spread = centred.abs().mean(dim=(1, 2), keepdim=True)
    return centred / spread.clamp_min(_LEAST_SPREAD)


def _edges(off: Float[Tensor, "b h w"]) -> Float[Tensor, ""]:
    total = off.new_zeros(())
    for _ in range(_NUM_SCALES):
        total = total + (off[:, 1:] - off[:, :-1]).abs().mean() + (off[..., 1:] - off[..., :-1]).abs().mean()
        off = functional.avg_pool2d(off, 2)
    return total
