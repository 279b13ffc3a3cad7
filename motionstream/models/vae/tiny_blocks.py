"""The blocks of a tiny video autoencoder, and the walk that runs them over all frames of a chunk at once.

Frames are stacked in the batch dimension, time outermost: row `t * batch + b`. The frames before and after another
are then plain slices of a 4D tensor, which keeps the channels-last memory format that the CPU and tensor cores like.
Layout and parameter names are those of the public TAEHV (github.com/madebyollin/taehv, MIT).
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv3x3(channels_in: int, channels_out: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """Returns a 3x3 convolution that keeps height and width up to its stride."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, stride=stride, bias=bias)


class SoftClamp(nn.Module):
    """Squeezes latents smoothly into (-3, 3), so that an outlier cannot burn through the picture."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns a tensor of the same shape."""
        return torch.tanh(x / 3) * 3


def rectifier(negative_slope: float) -> nn.Module:
    """Returns a ReLU, leaky where the slope is not 0."""
    return nn.LeakyReLU(negative_slope, inplace=True) if negative_slope else nn.ReLU(inplace=True)


class MemBlock(nn.Module):
    """A residual block that sees each frame together with the frame before it: the only memory of the network."""

    def __init__(self, channels: int, negative_slope: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            conv3x3(2 * channels, channels),
            rectifier(negative_slope),
            conv3x3(channels, channels),
            rectifier(negative_slope),
            conv3x3(channels, channels),
        )
        self.act = rectifier(negative_slope)

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        """Returns new frames `tb c h w` from frames and the frames before them, both `tb c h w`."""
        y: Tensor = self.act(self.conv(torch.cat([x, past], 1)) + x)
        return y


class TPool(nn.Module):
    """Merges `stride` neighbouring frames into one; with stride 1 it is a 1x1 convolution."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels * stride, channels, 1, bias=False)

    def forward(self, x: Tensor, batch: int) -> Tensor:
        """Returns `(t/stride)b c h w`."""
        if self.stride > 1:
            rows, channels, height, width = x.shape
            pixels = x.permute(0, 2, 3, 1).reshape(-1, self.stride, batch, height, width, channels)
            pixels = pixels.permute(0, 2, 3, 4, 1, 5).reshape(rows // self.stride, height, width, -1)
            x = pixels.permute(0, 3, 1, 2)
        y: Tensor = self.conv(x)
        return y


class TGrow(nn.Module):
    """Makes `stride` frames of each frame and enlarges them; with both factors 1 it is a 1x1 convolution.

    The public network enlarges before this 1x1 convolution. Nearest neighbours commute with it, and at the small
    size it costs a quarter.

    Public checkpoints may hold rows for more frames than this layer makes, because one trained at full frame rate
    also serves for cheaper previews: the last rows, those of the latest frames, are the ones that count.
    """

    def __init__(self, channels: int, stride: int, scale: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.scale = scale
        self.conv = nn.Conv2d(channels, channels * stride, 1, bias=False)
        self._register_load_state_dict_pre_hook(self._keep_last_rows)  # type: ignore[no-untyped-call]  # torch's own

    def forward(self, x: Tensor, batch: int) -> Tensor:
        """Returns `(t*stride)b c h*scale w*scale`."""
        y: Tensor = self.conv(x)
        if self.stride > 1:
            rows, channels, height, width = y.shape
            pixels = y.permute(0, 2, 3, 1).reshape(-1, batch, height, width, self.stride, channels // self.stride)
            pixels = pixels.permute(0, 4, 1, 2, 3, 5).reshape(rows * self.stride, height, width, -1)
            y = pixels.permute(0, 3, 1, 2)
        return F.interpolate(y, scale_factor=self.scale) if self.scale > 1 else y

    def _keep_last_rows(self, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
        key, rows = f"{prefix}conv.weight", self.conv.out_channels
        if key in state_dict and len(state_dict[key]) > rows:
            state_dict[key] = state_dict[key][-rows:]


def run_blocks(
    blocks: Iterable[nn.Module], x: Tensor, batch: int, state: tuple[Tensor, ...] | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Runs a stack over all frames of a chunk at once.

    Args:
        blocks: The layers in order.
        x: Frames `tb c h w`, time outermost.
        batch: Number of streams b.
        state: The last input frame of each memory block, `b c h w`; None starts a stream with empty memories.

    Returns:
        The outputs, `tb c h w`, and the new state. The given state is not changed.
    """
    memories = iter(state or ())
    new_state: list[Tensor] = []
    for block in blocks:
        if isinstance(block, MemBlock):
            memory = torch.zeros_like(x[:batch]) if state is None else next(memories)
            # A copy: a view would keep the whole chunk's activations alive until the next chunk.
            new_state.append(x[-batch:].clone())
            x = block(x, torch.cat([memory, x[:-batch]]))
        elif isinstance(block, TPool | TGrow):
            x = block(x, batch)
        else:
            x = block(x)
    return x, tuple(new_state)
