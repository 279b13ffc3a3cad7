"""The picture that a stream has come to, without the small errors of every chunk that would add up to drift."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PLACE_PIXELS = 4
"""Side of the squares that are kept or renewed as a whole."""

CHANGE = 0.06
"""Mean difference of a square's values, of 1, from which on something has really changed there."""


def renew(canvas: Float[Tensor, "3 y x"], frame: Float[Tensor, "3 y x"]) -> Float[Tensor, "3 y x"]:
    """Returns the canvas with the newest video frame wherever that shows something else.

    What nothing has happened to stays as it was, however often it goes through the network: a chunk's own small error
    is below the threshold, and the next chunk starts from the canvas again.

    Args:
        canvas: the picture before the chunk, values in [0, 1].
        frame: the last video frame of the chunk.
    """
    size = frame.shape[-2:]
    difference = (frame - canvas).abs().mean(0, keepdim=True)[None]
    changed = F.avg_pool2d(difference, PLACE_PIXELS, ceil_mode=True) > CHANGE
    everywhere = F.interpolate(changed.float(), scale_factor=PLACE_PIXELS)[0, :, : size[0], : size[1]]
    return torch.where(everywhere > 0, frame, canvas)
