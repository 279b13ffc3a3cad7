"""Tracks of a chunk -> what the network receives: the packed motion map and the image condition.

Everything remembered between chunks is one value, `TrackMemory`; a chunk makes a new one. A point is born in the
chunk in which it is first visible: its origin is where it was then, its anchor the newest clean latent frame at that
time (the picture itself in chunk 0). Its identity code is made from the origin and its features are copied from the
anchor. Wan-Move copies the feature of the point's own cell; here the anchor is read bilinearly at the place that the
*centre of the visited cell* came from, so that copies stay aligned with the grid at any sub-cell movement.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHeadConfig, pack_frames
from motionstream.models.track_identity import origin_code, random_code
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class TrackMemory:
    """Where each living point was born, what it looked like, where it was last seen.

    Attributes:
        ids: points that have been visible, in ascending order.
        origins: their first visible position, in [0, 1].
        last_seen: their newest visible position, in [0, 1].
        anchor_of: index into `anchors` by point.
        anchors: pictures that living points were born on, as latents or dense latents.
    """

    ids: Int[Tensor, "n"]
    origins: Float[Tensor, "n 2"]
    last_seen: Float[Tensor, "n 2"]
    anchor_of: Int[Tensor, "n"]
    anchors: tuple[Float[Tensor, "c dh dw"], ...] = ()

    @classmethod
    def empty(cls, device: torch.device | str = "cpu") -> "TrackMemory":
        """Returns the memory of a stream that has seen no point."""
        none, nowhere = torch.zeros(0, dtype=torch.int64, device=device), torch.zeros(0, 2, device=device)
        return cls(ids=none, origins=nowhere, last_seen=nowhere, anchor_of=none)


@dataclass(frozen=True)
class TrackCondition:
    """A chunk's conditioning, for one stream.

    Attributes:
        motion: packed motion map `k f h w`, the track head's input.
        image: image condition `c f h w`: 4 mask channels, then latents where they are known.
    """

    motion: Float[Tensor, "k f h w"]
    image: Float[Tensor, "c f h w"]


@dataclass(frozen=True)
class _Points:
    """The born points of a chunk, all of them in the memory's order."""

    cell: Int[Tensor, "t n"]
    offset: Float[Tensor, "t n 2"]
    visible: Bool[Tensor, "t n"]
    hidden: Bool[Tensor, "t n"]
    last_cell: Int[Tensor, "t n"]


def condition_chunk(
    tracks: Tracks,
    memory: TrackMemory,
    newest: Float[Tensor, "c h w"],
    config: TrackHeadConfig,
    *,
    first: bool,
    anchor: Float[Tensor, "c dh dw"] | None = None,
) -> tuple[TrackCondition, TrackMemory]:
    """Encodes the tracks of one chunk.

    Args:
        tracks: the chunk's video frames: 4k, or 1+4k for the stream's first chunk.
        memory: what the chunks before left.
        newest: the newest clean latent frame: of the picture for the first chunk, else the last of the chunk before.
        config: the track head's configuration.
        anchor: what points born in this chunk are copied from: the newest picture's dense latents where
            `config.copy_density` is over 1; default `newest`.
        first: whether this is the stream's first chunk; its latent frame 0 is then given by the picture.

    Returns:
        The condition, and the memory for the next chunk. Points absent from `tracks` are forgotten.
    """
    height, width = newest.shape[-2:]
    ids, xy, visible = (torch.tensor(part, device=newest.device) for part in (tracks.ids, tracks.xy, tracks.visible))
    memory, rows, known = _remember(ids, xy, visible, memory, newest if anchor is None else anchor)
    points, memory = _place(xy[:, rows], visible[:, rows], known, memory, height, width)
    motion = pack_frames(_motion_map(points, memory, config, height, width))
    image = _image_condition(points, memory, newest, config, first=first, num_latents=motion.shape[1])
    return TrackCondition(motion, image), memory


def _remember(
    ids: Tensor, xy: Tensor, visible: Tensor, memory: TrackMemory, anchor: Tensor
) -> tuple[TrackMemory, Int[Tensor, "n"], Bool[Tensor, "n"]]:
    """Returns the memory with the chunk's births and without the absent, the tracks' rows in its order, and which of
    them were seen in a chunk before."""
    if ids.numel() == 0:
        return TrackMemory.empty(anchor.device), ids, ids.bool()
    place = torch.searchsorted(memory.ids, ids).clamp(max=max(len(memory.ids) - 1, 0))
    known = memory.ids[place] == ids if len(memory.ids) else torch.zeros_like(ids, dtype=torch.bool)
    first_seen = visible.int().argmax(0)
    born_at = xy[first_seen, torch.arange(len(ids), device=ids.device)]
    origins, last_seen = born_at.clone(), born_at.clone()
    anchor_of = torch.full_like(ids, len(memory.anchors))
    origins[known], last_seen[known] = memory.origins[place[known]], memory.last_seen[place[known]]
    anchor_of[known] = memory.anchor_of[place[known]]
    rows = torch.nonzero(known | visible.any(0)).squeeze(1)
    rows = rows[torch.argsort(ids[rows])]
    used, anchor_of = torch.unique(anchor_of[rows], return_inverse=True)
    anchors = (*memory.anchors, anchor)
    kept = tuple(anchors[i] for i in used.tolist())
    memory = TrackMemory(
        ids=ids[rows], origins=origins[rows], last_seen=last_seen[rows], anchor_of=anchor_of, anchors=kept
    )
    return memory, rows, known[rows]


def _place(
    xy: Tensor, visible: Tensor, known: Tensor, memory: TrackMemory, height: int, width: int
) -> tuple[_Points, TrackMemory]:
    """Finds each point's cell in every frame, the cell it was last seen in, and its way from its origin in cells."""
    size = torch.tensor([width, height], device=xy.device, dtype=xy.dtype)
    frames = torch.arange(len(xy), device=xy.device)[:, None]
    latest = torch.where(visible, frames, -1).cummax(0).values
    seen = torch.gather(torch.cat([memory.last_seen[None], xy]), 0, (latest + 1)[..., None].expand(-1, -1, 2))

    def cells(at: Tensor) -> Tensor:
        grid = (at * size).floor().long()
        return grid[..., 1].clamp(0, height - 1) * width + grid[..., 0].clamp(0, width - 1)

    hidden = ~visible & (known | (latest >= 0))  # a point is not hidden before it is first seen
    points = _Points(cells(xy), (xy - memory.origins) * size, visible, hidden, cells(seen))
    return points, replace(memory, last_seen=seen[-1] if len(seen) else memory.last_seen)


def _scatter(values: Tensor, cell: Tensor, at: Tensor, height: int, width: int) -> Float[Tensor, "t c h w"]:
    """Adds the values `t n c` of the points chosen by `at` into their cells; points in one cell add up."""
    num_frames, _, channels = values.shape
    flat = torch.arange(num_frames, device=cell.device)[:, None] * (height * width) + cell
    sums = values.new_zeros(num_frames * height * width, channels)
    sums.index_add_(0, flat[at], values[at])
    return sums.view(num_frames, height, width, channels).permute(0, 3, 1, 2)


def _motion_map(
    points: _Points, memory: TrackMemory, config: TrackHeadConfig, height: int, width: int
) -> Float[Tensor, "t k h w"]:
    """Returns c[t, y, x] = sum of visible * phi (paper, equation 2), and the hidden points' channel."""
    code = origin_code(memory.origins, config.id_channels)
    if config.identity == "random":
        code = random_code(memory.ids, config.id_channels)
    codes = code.to(memory.origins.dtype).expand(len(points.cell), -1, -1)
    maps = _scatter(codes, points.cell, points.visible, height, width)
    if not config.hidden_channel:
        return maps
    hidden = _scatter(codes[..., :1] * 0 + 1, points.last_cell, points.hidden, height, width)
    return torch.cat([maps, hidden], dim=1)


def _copied(points: _Points, memory: TrackMemory, newest: Tensor) -> Float[Tensor, "t c h w"]:
    """Returns the anchors' features carried along the tracks, averaged where points share a cell, and a last channel
    that says where there are any."""
    channels, height, width = newest.shape
    size = torch.tensor([width, height], device=newest.device, dtype=newest.dtype)
    centre = torch.stack([points.cell % width, points.cell // width], dim=-1).to(newest.dtype) + 0.5
    source = 2 * (centre - points.offset) / size - 1
    carried = newest.new_zeros(*points.cell.shape, channels + 1)
    carried[..., channels] = 1
    for index, anchor in enumerate(memory.anchors):
        mine = memory.anchor_of == index
        on_edge = anchor.shape[-1] != width  # dense latents begin and end on the picture's edge, latents half a cell in
        read = F.grid_sample(anchor[None], source[None, :, mine], padding_mode="border", align_corners=on_edge)
        carried[:, mine, :channels] = read[0].permute(1, 2, 0)
    sums = _scatter(carried, points.cell, points.visible, height, width)
    count = sums[:, channels:]
    return torch.cat([sums[:, :channels] / count.clamp(min=1), count.clamp(max=1)], dim=1)


def _image_condition(
    points: _Points, memory: TrackMemory, newest: Tensor, config: TrackHeadConfig, *, first: bool, num_latents: int
) -> Float[Tensor, "c f h w"]:
    """Returns the mask and the known latents; with four copies a latent frame, the mask says frame by frame where."""
    channels, height, width = newest.shape
    slots = max(1, config.copy_frames)
    mask = newest.new_zeros(FRAMES_PER_LATENT, num_latents, height, width)
    known = newest.new_zeros(slots * channels, num_latents, height, width)
    if config.copy_frames and len(memory.ids):
        copied = _copied(points, memory, newest)
        packed = torch.unflatten(pack_frames(copied), 0, (FRAMES_PER_LATENT, channels + 1))
        known = packed[-slots:, :channels].flatten(0, 1).contiguous()
        if slots == FRAMES_PER_LATENT:
            mask = packed[:, channels].contiguous()
    if first:
        mask[:, 0] = 1
        known[:, 0] = newest.repeat(slots, 1, 1)
    return torch.cat([mask, known])
