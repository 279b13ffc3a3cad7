"""The newest picture with its parts carried along the tracks: what the next frames would be if nothing else changed.

Every point carries the part of the picture around it from where it was born, up to a reach; each place is given by
the nearest visible point, so that motion may jump from one place to the next as it does at an object's edge. Where no
point reaches, the newest picture stays; where points have left, the hole is filled smoothly from around it. Encoded as
a video, this is the image condition: Wan-Move copies latents along tracks, which cannot say where inside a latent cell
a thing is; pictures can.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from motionstream.models.track_memory import ChunkPoints

PLACES_PER_CELL = 2
"""Places along each side of a latent cell that follow a point of their own."""

_ALIKE_PLACES = 1.0
"""Difference of their ways, in places, up to which two points move alike."""

_BORDER = 2
"""Pixels repeated around an anchor, as many as cubic interpolation reads beyond a place."""


@dataclass(frozen=True, kw_only=True)
class MovedPicture:
    """Video frames and what they are worth.

    Attributes:
        video: values in [0, 1].
        carried: by latent cell, the share that came along with a point; -1 where what was there in the newest picture
            has gone with its points.
    """

    video: Float[Tensor, "t 3 y x"]
    carried: Float[Tensor, "t h w"]


def move_picture(
    points: ChunkPoints, newest: Float[Tensor, "3 y x"], height: int, width: int, reach: float
) -> MovedPicture:
    """Carries parts of pictures along the points of a chunk.

    Args:
        points: born on pictures.
        newest: the newest picture, values in [0, 1].
        height: latent cells of a column.
        width: latent cells of a row.
        reach: how far from a point its picture comes along, in latent cells.
    """
    rows, columns = height * PLACES_PER_CELL, width * PLACES_PER_CELL
    xy = torch.cat([points.was[None], points.xy])
    visible = torch.cat([points.was_visible[None], points.visible])
    nearest, reached = _nearest(xy, visible, rows, columns, reach)
    reached &= _own(points, torch.cat([points.was[None], points.seen]), visible, nearest)
    here, left = reached[1:], reached[:1] & ~reached[1:]
    share = F.avg_pool2d(reached.float()[:, None], PLACES_PER_CELL)[:, 0]
    carried = torch.where((share[:1] > 0) & (share[1:] == 0), -1.0, share[1:])
    if not len(points.ids):
        return MovedPicture(video=newest.expand(len(points.xy), -1, -1, -1), carried=carried)
    leader = nearest[1:]
    moved = (_at(points.xy, leader) - points.origins[leader]) * here[..., None]
    source = torch.where(here, points.anchor_of[leader], len(points.anchors))
    video = _read((*points.anchors, newest), source, moved)
    hole = F.interpolate(left[:, None].float(), newest.shape[-2:]) > 0
    return MovedPicture(video=_fill(video, hole), carried=carried)


def _at(xy: Float[Tensor, "t n 2"], chosen: Int[Tensor, "t r c"]) -> Float[Tensor, "t r c 2"]:
    """Returns the position in each frame of the point that is chosen for each place."""
    found = torch.gather(xy, 1, chosen.flatten(1)[..., None].expand(-1, -1, 2))
    return torch.unflatten(found, 1, chosen.shape[1:])


def _own(
    points: ChunkPoints, seen: Float[Tensor, "t n 2"], visible: Bool[Tensor, "t n"], nearest: Int[Tensor, "t r c"]
) -> Bool[Tensor, "t r c"]:
    """Whether what a place's nearest point would bring along is its own.

    It is not where another point was nearer at birth and has gone another way since (a still background must not
    bring back the thing that stood before it), and where it comes from outside the picture. Where a hidden point is
    said to be means nothing: it counts as where it was last seen. If that was at the border it may have gone on from
    there, out of the picture: it went another way only if the nearest point has not come by there.
    """
    if not len(points.ids):
        return torch.zeros_like(nearest, dtype=torch.bool)
    rows, columns = nearest.shape[1:]
    size = torch.tensor([columns, rows], device=seen.device)
    way = (seen - points.origins) * size
    moved = _at(way, nearest)
    source = _places(rows, columns, seen.device) - moved
    inside = ((source >= 0) & (source < size)).all(-1)
    column, row = torch.minimum(source.clamp(min=0).long(), size - 1).unbind(-1)
    owner = _owners(points, rows, columns)[points.anchor_of[nearest], row, column]
    at = seen * size
    gone_out = ~visible & ((at < PLACES_PER_CELL) | (at > size - PLACES_PER_CELL)).any(-1)
    went_out = torch.gather(gone_out, 1, owner.flatten(1)).view_as(owner)
    return inside & _alike(_at(way, owner), moved, went_out)


def _owners(points: ChunkPoints, rows: int, columns: int) -> Int[Tensor, "k r c"]:
    """Returns the point nearest at birth to each place, among those born on each of the k anchors."""
    born_on = points.anchor_of == torch.arange(len(points.anchors), device=points.anchor_of.device)[:, None]
    return _nearest(points.origins.expand(len(born_on), -1, -1), born_on, rows, columns, 1.0)[0]


def _alike(
    way: Float[Tensor, "t r c 2"], other: Float[Tensor, "t r c 2"], broken_off: Bool[Tensor, "t r c"]
) -> Bool[Tensor, "t r c"]:
    """Whether two ways end together; one that is broken off need only end beside the straight other one."""
    part = (way * other).sum(-1) / other.square().sum(-1).clamp(min=1e-6)
    part = torch.where(broken_off, part.clamp(0, 1), 1)
    return (way - part[..., None] * other).square().sum(-1) <= _ALIKE_PLACES**2


def _places(rows: int, columns: int, device: torch.device) -> Float[Tensor, "r c 2"]:
    """Returns the middle (x, y) of every place, in places."""
    y, x = torch.meshgrid(torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij")
    return torch.stack([x, y], dim=-1) + 0.5


def _nearest(
    xy: Float[Tensor, "t n 2"], visible: Bool[Tensor, "t n"], rows: int, columns: int, reach: float
) -> tuple[Int[Tensor, "t r c"], Bool[Tensor, "t r c"]]:
    """Returns the nearest visible point to each place, and whether it is within reach (in latent cells)."""
    if xy.shape[1] == 0:
        nothing = torch.zeros(len(xy), rows, columns, dtype=torch.int64, device=xy.device)
        return nothing, nothing.bool()
    places = _places(rows, columns, xy.device).flatten(0, 1)
    at = xy * torch.tensor([columns, rows], device=xy.device)
    at = at.masked_fill(~visible[..., None], 1e6)
    # |a - b|^2 = |b|^2 - 2 a b + |a|^2, whose last term does not change which is nearest: one matrix product a frame.
    found = [torch.addmm(frame.square().sum(-1), places, frame.T, alpha=-2).min(dim=-1) for frame in at]
    least, nearest = (torch.stack(part) for part in zip(*found, strict=True))
    reached = least + places.square().sum(-1) <= (reach * PLACES_PER_CELL) ** 2
    return torch.unflatten(nearest, 1, (rows, columns)), torch.unflatten(reached, 1, (rows, columns))


def _read(
    pictures: tuple[Float[Tensor, "3 y x"], ...], source: Int[Tensor, "t r c"], moved: Float[Tensor, "t r c 2"]
) -> Float[Tensor, "t 3 y x"]:
    """Returns what lies where each pixel came from in the picture that its place names."""
    height, width = pictures[0].shape[1:]
    padded = [F.pad(picture[None], (_BORDER,) * 4, mode="replicate")[0] for picture in pictures]
    atlas = torch.cat(padded, dim=1)  # one below the other: one reading for all of them
    fields = torch.cat([moved.movedim(-1, 1), source[:, None].to(moved.dtype)], dim=1)
    dx, dy, number = F.interpolate(fields, (height, width)).unbind(1)
    y = torch.arange(height, device=moved.device)[:, None] + 0.5 - dy * height
    x = torch.arange(width, device=moved.device) + 0.5 - dx * width
    y = y.clamp(0.5, height - 0.5) + _BORDER + number * (height + 2 * _BORDER)
    x = x.clamp(0.5, width - 0.5) + _BORDER
    grid = torch.stack([2 * x / atlas.shape[2] - 1, 2 * y / atlas.shape[1] - 1], dim=-1)
    every = atlas.expand(len(grid), -1, -1, -1)
    return F.grid_sample(every, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def _fill(video: Float[Tensor, "t 3 y x"], hole: Bool[Tensor, "t 1 y x"]) -> Float[Tensor, "t 3 y x"]:
    """Returns the video with holes filled smoothly from around them: means are pulled up a pyramid and pushed down
    where nothing finer is known (Gortler et al. 1996, section 3.4)."""
    known = (~hole).to(video.dtype)
    pulled = [(video * known, known)]
    while (size := pulled[-1][1].shape[-2:]) != (1, 1):
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        pulled.append((F.adaptive_avg_pool2d(pulled[-1][0], half), F.adaptive_avg_pool2d(pulled[-1][1], half)))
    colour, weight = pulled[-1]
    filled = torch.where(weight > 0, colour / weight.clamp(min=1e-6), video.mean((2, 3), keepdim=True))
    for colour, weight in reversed(pulled[:-1]):
        pushed = F.interpolate(filled, colour.shape[-2:], mode="bilinear")
        filled = torch.lerp(pushed, colour / weight.clamp(min=1e-6), (4 * weight).clamp(max=1))
    return torch.where(hole, filled, video)
