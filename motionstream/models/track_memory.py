"""What a stream remembers of its points between two chunks, and where they are during one.

A point is born in the chunk in which it is first visible: its origin is where it was then, its anchor the newest
picture at that time (the given one in chunk 0).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from motionstream.models.vae.protocol import StreamState
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class TrackMemory:
    """Where each living point was born, what it looked like, where it was last seen.

    Attributes:
        ids: points that have been visible, in ascending order.
        origins: their first visible position, in [0, 1].
        last_seen: their newest visible position, in [0, 1].
        visible: whether they are visible in the newest video frame.
        anchor_of: index into `anchors` by point.
        anchors: what living points were born on: pictures, or their latent frames.
        encoder: what the encoder remembers of the pictures that were moved along the tracks.
    """

    ids: Int[Tensor, "n"]
    origins: Float[Tensor, "n 2"]
    last_seen: Float[Tensor, "n 2"]
    visible: Bool[Tensor, "n"]
    anchor_of: Int[Tensor, "n"]
    anchors: tuple[Float[Tensor, "c y x"], ...] = ()
    encoder: StreamState | None = None

    @classmethod
    def empty(cls, device: torch.device | str = "cpu") -> "TrackMemory":
        """Returns the memory of a stream that has seen no point."""
        none, nowhere = torch.zeros(0, dtype=torch.int64, device=device), torch.zeros(0, 2, device=device)
        return cls(ids=none, origins=nowhere, last_seen=nowhere, visible=none.bool(), anchor_of=none)


@dataclass(frozen=True, kw_only=True)
class ChunkPoints:
    """The born points of a chunk in ascending order of their ids, frame by frame.

    Attributes:
        ids: their ids.
        xy: where they are, in [0, 1].
        visible: in which frames they are.
        hidden: in which frames they are specified but not visible; a point is not hidden before it is first seen.
        seen: where each was last visible, up to and including each frame.
        origins: where they were born.
        anchor_of: index into `anchors` by point.
        anchors: what they were born on.
        was: where they were in the video frame before the chunk; in a stream's first chunk, in its first frame.
        was_visible: whether they were visible there.
    """

    ids: Int[Tensor, "n"]
    xy: Float[Tensor, "t n 2"]
    visible: Bool[Tensor, "t n"]
    hidden: Bool[Tensor, "t n"]
    seen: Float[Tensor, "t n 2"]
    origins: Float[Tensor, "n 2"]
    anchor_of: Int[Tensor, "n"]
    anchors: tuple[Float[Tensor, "c y x"], ...]
    was: Float[Tensor, "n 2"]
    was_visible: Bool[Tensor, "n"]


def follow_points(
    tracks: Tracks, memory: TrackMemory, anchor: Float[Tensor, "c y x"], *, first: bool
) -> tuple[ChunkPoints, TrackMemory]:
    """Finds the points of a chunk in the memory, or lets them be born on `anchor`.

    Args:
        tracks: the chunk's video frames.
        memory: what the chunks before left.
        anchor: the newest picture, or its latent frame.
        first: whether this is the stream's first chunk, whose first video frame is the picture itself.

    Returns:
        The points, and the memory for the next chunk. Points absent from `tracks` are forgotten.
    """
    device = anchor.device
    ids, xy, visible = (torch.tensor(part, device=device) for part in (tracks.ids, tracks.xy, tracks.visible))
    place = torch.searchsorted(memory.ids, ids).clamp(max=max(len(memory.ids) - 1, 0))
    known = memory.ids[place] == ids if len(memory.ids) else torch.zeros_like(ids, dtype=torch.bool)
    rows = torch.nonzero(known | visible.any(0)).squeeze(1)
    rows = rows[torch.argsort(ids[rows])]
    ids, xy, visible, known, place = ids[rows], xy[:, rows], visible[:, rows], known[rows], place[rows]

    born_at = xy[visible.int().argmax(0), torch.arange(len(ids), device=device)]
    origins, before = born_at.clone(), born_at.clone()
    anchor_of = torch.full_like(ids, len(memory.anchors))
    was_visible = visible[0].clone() if first else torch.zeros_like(known)
    origins[known], before[known] = memory.origins[place[known]], memory.last_seen[place[known]]
    anchor_of[known], was_visible[known] = memory.anchor_of[place[known]], memory.visible[place[known]]
    used, anchor_of = torch.unique(anchor_of, return_inverse=True)
    anchors = (*memory.anchors, anchor)

    seen, ever = _last_seen(xy, visible, before)
    points = ChunkPoints(
        ids=ids,
        xy=xy,
        visible=visible,
        hidden=~visible & (known | ever),
        seen=seen,
        origins=origins,
        anchor_of=anchor_of,
        anchors=tuple(anchors[i] for i in used.tolist()),
        was=before,
        was_visible=was_visible,
    )
    return points, TrackMemory(
        ids=ids,
        origins=origins,
        last_seen=seen[-1].clone(),  # views would keep the whole chunk
        visible=visible[-1].clone(),
        anchor_of=anchor_of,
        anchors=points.anchors,
        encoder=memory.encoder,
    )


def _last_seen(
    xy: Float[Tensor, "t n 2"], visible: Bool[Tensor, "t n"], before: Float[Tensor, "n 2"]
) -> tuple[Float[Tensor, "t n 2"], Bool[Tensor, "t n"]]:
    """Returns where each point was last visible up to each frame, else `before`, and whether it was in the chunk."""
    latest = torch.where(visible, torch.arange(len(xy), device=xy.device)[:, None], -1).cummax(0).values
    seen = torch.gather(torch.cat([before[None], xy]), 0, (latest + 1)[..., None].expand(-1, -1, 2))
    return seen, latest >= 0
