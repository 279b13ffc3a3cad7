"""What is wrong with pixels: the loss of the stages that see them."""

import torch
from torch import Tensor


def opponent(device: torch.device | str = "cpu") -> Tensor:
    """Returns the 3x3 matrix from RGB to brightness, blue against yellow and red against green (ITU-R BT.601)."""
    rows = [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.500], [0.500, -0.419, -0.081]]
    return torch.tensor(rows, device=device)


def reconstruction_loss(made: Tensor, wanted: Tensor, gradient_weight: float) -> Tensor:
    """L1 of the pixels and of their differences along x, y and t (`b t 3 h w`): flat areas and edges both count.

    Colour errors weigh twice: they are small numbers that the eye sees at once.
    """
    weights = opponent(made.device) * torch.tensor([[1.0], [2.0], [2.0]], device=made.device)
    error = torch.einsum("btchw,oc->btohw", made.float() - wanted, weights)
    loss = error.abs().mean()
    for dim in (1, 3, 4):
        loss = loss + gradient_weight * error.diff(dim=dim).abs().mean()
    return loss
