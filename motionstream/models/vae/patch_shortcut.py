"""A linear autoencoder of video patches that a deep one learns to correct."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class PatchShortcut(nn.Module):
    """Projects each latent cell's block of pixels (all its video frames) to the latent, and back.

    Started as the principal components of such blocks it is a working autoencoder before any training; the deep
    stacks beside it start at zero and only ever have to learn what it misses. Not part of the public layouts.
    """

    def __init__(self, latent_channels: int, temporal_stride: int, spatial_stride: int) -> None:
        super().__init__()
        self.temporal_stride = temporal_stride
        self.spatial_stride = spatial_stride
        block = 3 * temporal_stride * spatial_stride**2
        self.project = nn.Conv2d(block, latent_channels, 1)
        self.expand = nn.Conv2d(latent_channels, block, 1)

    def fold(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "bf k h2 w2"]:
        """Returns each cell's pixels as channels; t must be a multiple of the temporal stride."""
        frames = torch.unflatten(video, 1, (-1, self.temporal_stride)).flatten(2, 3).flatten(0, 1)
        return F.pixel_unshuffle(frames, self.spatial_stride)

    def encode(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b c f h2 w2"]:
        """Returns the linear part of the latents."""
        latents: Tensor = self.project(self.fold(video))
        return torch.unflatten(latents, 0, (len(video), -1)).transpose(1, 2)

    def decode(self, latents: Float[Tensor, "b c f h2 w2"]) -> Float[Tensor, "b t 3 h w"]:
        """Returns the linear part of the pixels."""
        frames = F.pixel_shuffle(self.expand(latents.transpose(1, 2).flatten(0, 1)), self.spatial_stride)
        blocks = torch.unflatten(frames, 0, (len(latents), -1))
        return torch.unflatten(blocks, 2, (self.temporal_stride, 3)).flatten(1, 2)

    @torch.no_grad()
    def start_at_components(self, blocks: Float[Tensor, "n k"], equalise: float = 0.5) -> None:
        """Sets both projections to the blocks' principal components.

        Args:
            blocks: pixels of many cells, as `fold` orders them.
            equalise: 0 keeps the components' spread, 1 whitens them. Between, detail is heard over the noise of
                diffusion without being made as loud as brightness.
        """
        mean = blocks.mean(0)
        channels = self.project.out_channels
        _, spread, directions = torch.linalg.svd(blocks - mean, full_matrices=False)
        spread = spread[:channels] / len(blocks) ** 0.5
        gain = spread**-equalise * (spread.square().sum() / channels) ** (equalise / 2 - 0.5)
        into = directions[:channels] * gain[:, None]
        back = directions[:channels] / gain[:, None]
        self.project.weight.copy_(into[:, :, None, None])
        self.project.bias.copy_(-into @ mean)  # type: ignore[union-attr]  # made with a bias above
        self.expand.weight.copy_(back.T[:, :, None, None])
        self.expand.bias.copy_(mean)  # type: ignore[union-attr]
