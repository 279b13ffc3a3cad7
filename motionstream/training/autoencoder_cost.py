"""What decoding costs: numbers of the published video autoencoders, counted on the real networks without weights.

Decoding runs in float32 (see `unroll.decoded`), three latent frames at a time after the first chunk. Everything grows
with the pixels of the video, so the numbers are for one pixel of one video frame.
"""

from dataclasses import dataclass

from motionstream.models.wan import WanConfig


@dataclass(frozen=True, kw_only=True)
class AutoencoderCost:
    """What one autoencoder takes.

    Attributes:
        name: What it is called.
        spatial_stride: Pixels along one side of a latent cell.
        num_parameters: Of encoder and decoder.
        flops: To decode one pixel.
        working_bytes: While one pixel is decoded, at the largest.
        saved_bytes: Of one decoded pixel, where the video has a gradient.
    """

    name: str
    spatial_stride: int
    num_parameters: int
    flops: float
    working_bytes: float
    saved_bytes: float


WAN21 = AutoencoderCost(
    name="Wan 2.1's",
    spatial_stride=8,
    num_parameters=126_892_531,
    flops=8.48e6,
    working_bytes=2964,
    saved_bytes=14_839,
)
WAN22 = AutoencoderCost(
    name="Wan 2.2's",
    spatial_stride=16,
    num_parameters=704_688_668,
    flops=18.4e6,
    working_bytes=3334,
    saved_bytes=11_875,
)
LINEAR = AutoencoderCost(
    name="the linear", spatial_stride=8, num_parameters=148_320, flops=576, working_bytes=36, saved_bytes=36
)
"""Two projections between 96 channels and blocks of 4 x 8 x 8 pixels."""


def autoencoder_of(config: WanConfig) -> AutoencoderCost:
    """Returns the autoencoder whose latents a preset's transformer makes."""
    return {16: WAN21, 48: WAN22}.get(config.out_channels, LINEAR)
