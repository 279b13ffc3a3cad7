"""A fixed bank of oriented filters, for what looks at pictures without trained weights."""

import torch
from jaxtyping import Float
from torch import Tensor


def derivative_filters(directions: int, reach: int, sigma: float) -> Float[Tensor, "k 1 y x"]:
    """Returns first and second derivatives of a Gaussian in every direction, each of sum 0 and length 1.

    Args:
        directions: Over half a turn.
        reach: Pixels from the middle of a filter to its border.
        sigma: Deviation of the Gaussian in pixels.
    """
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    bell = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
    made = []
    for direction in range(directions):
        angle = torch.tensor(torch.pi * direction / directions, dtype=torch.float64)
        along = x * angle.cos() + y * angle.sin()
        for kernel in (along * bell, (along**2 - sigma**2) * bell):
            centred = kernel - kernel.mean()
            made.append(centred / centred.norm())
    return torch.stack(made)[:, None].float()
