"""A picture's latents at sub-cell shifts: what its features would be wherever the latent grid lay on it."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from motionstream.models.vae.protocol import VideoVAE


def dense_latents(vae: VideoVAE, pictures: Float[Tensor, "b 3 h w"], density: int) -> Float[Tensor, "b c dh dw"]:
    """Encodes pictures at all shifts by 1 / density of a cell and interleaves the results.

    Args:
        vae: encodes single video frames.
        pictures: values in [0, 1]; the border is repeated outwards.
        density: shifts along each side; it must divide the autoencoder's spatial stride.

    Returns:
        Features of blocks centred on the points of a grid over the whole picture, edges included: density cells + 1
        along each side.

    Raises:
        ValueError: If the density does not divide the stride.
    """
    stride = vae.spatial_stride
    if stride % density:
        raise ValueError(f"copy_density must divide the autoencoder's stride {stride}, got {density}.")
    b, _, height, width = pictures.shape
    padded = F.pad(pictures, (stride // 2, stride + stride // 2, stride // 2, stride + stride // 2), mode="replicate")
    step, rows, columns = stride // density, height + stride, width + stride
    shifts = [
        padded[:, None, :, y * step : y * step + rows, x * step : x * step + columns]
        for y in range(density)
        for x in range(density)
    ]
    coded = torch.unflatten(vae.encode(torch.cat(shifts))[:, :, 0], 0, (density, density, b))
    dense = coded.permute(2, 3, 4, 0, 5, 1).flatten(4, 5).flatten(2, 3)
    return dense[..., : density * height // stride + 1, : density * width // stride + 1]
