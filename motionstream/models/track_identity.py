"""Identity codes phi of points: sinusoids of where a point was first seen, or of an integer id."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def origin_code(origins: Float[Tensor, "n 2"], channels: int) -> Float[Tensor, "n c"]:
    """Codes positions in [0, 1]: half a period over the picture up to 16, sines and cosines of x, then of y."""
    num_bands = channels // 4
    bands = math.pi * torch.logspace(0, 5, num_bands, base=2.0, device=origins.device)
    angles = (origins[:, :, None] * bands).flatten(1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def random_code(ids: Int[Tensor, "n"], channels: int) -> Float[Tensor, "n c"]:
    """Codes integer ids, scattered over 0..9,999, with the sinusoids of a transformer's positions."""
    num_bands = channels // 2
    ids = ids * 2_654_435_761 % 10_000  # Knuth's multiplicative hash: neighbours in a grid get unlike codes
    bands = torch.exp(-math.log(10_000) * torch.arange(num_bands, device=ids.device) / num_bands)
    angles = ids[:, None].float() * bands
    return torch.cat([angles.sin(), angles.cos()], dim=1)
