"""Tracks of a chunk -> what the network receives: the packed motion map and the image condition.

Everything remembered between chunks is one value, `TrackMemory`; a chunk makes a new one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from motionstream.models.canvas import renew
from motionstream.models.moved_picture import move_picture
from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHeadConfig, pack_frames
from motionstream.models.track_identity import origin_code, random_code
from motionstream.models.track_memory import ChunkPoints, TrackMemory, follow_points
from motionstream.models.vae.protocol import StreamState
from motionstream.tracks import Tracks

EncodeChunk: TypeAlias = Callable[
    [Float[Tensor, "1 t 3 y x"], StreamState | None], tuple[Float[Tensor, "1 c f h w"], StreamState]
]
"""`VideoVAE.encode_chunk`, or it with a change of number type around it."""


@dataclass(frozen=True)
class Newest:
    """What a stream shows before its next chunk; before the first chunk, the given picture.

    Attributes:
        canvas: its pixels, values in [0, 1], free of drift (see `canvas.renew`).
        latent: the newest clean latent frame.
    """

    canvas: Float[Tensor, "3 y x"]
    latent: Float[Tensor, "c h w"]

    def renewed(self, frame: Float[Tensor, "3 y x"], latent: Float[Tensor, "c h w"]) -> "Newest":
        """Returns what is shown after a chunk that ends in a video frame and its latent frame; it holds no view."""
        return Newest(renew(self.canvas, frame), latent.clone())


@dataclass(frozen=True)
class TrackCondition:
    """A chunk's conditioning, for one stream.

    Attributes:
        motion: packed motion map `k f h w`, the track head's input.
        image: image condition `4+c f h w`: 4 mask channels, one a video frame, then the latents that are known.
    """

    motion: Float[Tensor, "k f h w"]
    image: Float[Tensor, "m f h w"]


def condition_chunk(
    tracks: Tracks,
    memory: TrackMemory,
    newest: Newest,
    config: TrackHeadConfig,
    encode: EncodeChunk,
    *,
    first: bool,
) -> tuple[TrackCondition, TrackMemory]:
    """Encodes the tracks of one chunk.

    Args:
        tracks: the chunk's video frames: 4k, or 1+4k for the stream's first chunk.
        memory: what the chunks before left.
        newest: the newest picture.
        config: the track head's configuration.
        encode: the autoencoder; called where `config.copy` is "picture".
        first: whether this is the stream's first chunk; its latent frame 0 is then given by the picture.

    Returns:
        The condition, and the memory for the next chunk. Points absent from `tracks` are forgotten.
    """
    height, width = newest.latent.shape[-2:]
    picture = config.copy == "picture"
    points, memory = follow_points(tracks, memory, newest.canvas if picture else newest.latent, first=first)
    motion = pack_frames(_motion_map(points, config, height, width))
    if picture:
        moved = move_picture(points, newest.canvas, height, width, config.reach)
        known, encoder = encode(moved.video[None], memory.encoder)
        image, memory = torch.cat([pack_frames(moved.carried[:, None]), known[0]]), replace(memory, encoder=encoder)
    elif config.copy == "latents" and len(points.ids):
        image = _latent_copies(points, newest.latent)
    else:
        image = newest.latent.new_zeros(FRAMES_PER_LATENT + len(newest.latent), *motion.shape[1:])
    if first:
        image[:FRAMES_PER_LATENT, 0] = 1
        image[FRAMES_PER_LATENT:, 0] = newest.latent
    return TrackCondition(motion, image), memory


def _cells(xy: Float[Tensor, "t n 2"], height: int, width: int) -> Int[Tensor, "t n"]:
    """Returns the number of the cell that each position lies in, row by row; outside, the nearest one."""
    grid = (xy * torch.tensor([width, height], device=xy.device, dtype=xy.dtype)).floor().long()
    return grid[..., 1].clamp(0, height - 1) * width + grid[..., 0].clamp(0, width - 1)


def _scatter(
    values: Float[Tensor, "t n c"], cell: Int[Tensor, "t n"], at: Bool[Tensor, "t n"], height: int, width: int
) -> Float[Tensor, "t c h w"]:
    """Adds the values of the points chosen by `at` into their cells; points in one cell add up."""
    num_frames, _, channels = values.shape
    flat = torch.arange(num_frames, device=cell.device)[:, None] * (height * width) + cell
    sums = values.new_zeros(num_frames * height * width, channels)
    sums.index_add_(0, flat[at], values[at])
    return sums.view(num_frames, height, width, channels).permute(0, 3, 1, 2)


def _motion_map(points: ChunkPoints, config: TrackHeadConfig, height: int, width: int) -> Float[Tensor, "t k h w"]:
    """Returns c[t, y, x] = sum of visible * phi (paper, equation 2), and the hidden points' channel."""
    code = origin_code(points.origins, config.id_channels)
    if config.identity == "random":
        code = random_code(points.ids, config.id_channels)
    codes = code.to(points.origins.dtype).expand(len(points.xy), -1, -1)
    maps = _scatter(codes, _cells(points.xy, height, width), points.visible, height, width)
    if not config.hidden_channel:
        return maps
    hidden = _scatter(codes[..., :1] * 0 + 1, _cells(points.seen, height, width), points.hidden, height, width)
    return torch.cat([maps, hidden], dim=1)


def _latent_copies(points: ChunkPoints, newest: Float[Tensor, "c h w"]) -> Float[Tensor, "m f h w"]:
    """Returns the image condition of Wan-Move: latents carried along the tracks, averaged where points share a cell.

    Only the last video frame of each latent frame is told, and the mask stays 0, as published models know it. The
    anchor is read bilinearly at the place that the centre of the visited cell came from, so that copies stay aligned
    with the grid at any movement.
    """
    channels, height, width = newest.shape
    size = torch.tensor([width, height], device=newest.device, dtype=newest.dtype)
    cell = _cells(points.xy, height, width)
    centre = torch.stack([cell % width, cell // width], dim=-1).to(newest.dtype) + 0.5
    source = 2 * (centre / size - (points.xy - points.origins)) - 1
    carried = newest.new_zeros(*cell.shape, channels + 1)
    carried[..., channels] = 1
    for index, anchor in enumerate(points.anchors):
        mine = points.anchor_of == index
        read = F.grid_sample(anchor[None], source[None, :, mine], padding_mode="border", align_corners=False)
        carried[:, mine, :channels] = read[0].permute(1, 2, 0)
    sums = _scatter(carried, cell, points.visible, height, width)
    copied = pack_frames(sums[:, :channels] / sums[:, channels:].clamp(min=1))[-channels:]
    return torch.cat([copied.new_zeros(FRAMES_PER_LATENT, *copied.shape[1:]), copied])
