"""Scenes for the drag checks, built from clips whose layers are known and from pictures with a chosen place."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from motionstream.errors import InputError
from motionstream.evaluation.checks.clips import TrueClip
from motionstream.evaluation.checks.photographs import Photograph
from motionstream.evaluation.checks.two_drags import TwoDrags
from motionstream.evaluation.drag import Drag, background_points, disc_points, make_drag


@runtime_checkable
class LayeredClip(TrueClip, Protocol):
    """A clip of which is known what each point lies on."""

    @property
    def layer(self) -> Int64[np.ndarray, " n"]:
        """The object each point of the tracks is on; 0 is the background."""


def two_drags_on_clip(
    clip: LayeredClip, name: str, *, length_widths: float = 0.2, pin_background: bool = True
) -> TwoDrags | None:
    """The largest object of a clip's first frame, dragged sideways or up and down, each to the roomier side.

    Args:
        clip: Gives the picture and says what in it is an object.
        name: For the report.
        length_widths: Length of both drags in widths.
        pin_background: Whether a lattice of points says that the rest stays.

    Returns:
        None if the clip shows no object.
    """
    height, width = clip.frames.shape[1:3]
    start = clip.tracks.xy[0]
    chosen = _largest_object(clip)
    if not chosen.any():
        return None
    centre = start[chosen].mean(axis=0)
    right, down = (length_widths if place < 0.5 else -length_widths for place in centre)
    vectors = ((right, 0.0), (0.0, down))
    ways = [start[chosen] + part * np.array(v) * (1, width / height) for v in vectors for part in np.linspace(0, 1, 9)]
    pinned = background_points(np.stack(ways), height=height, width=width) if pin_background else None
    first, second = (
        make_drag(start[chosen], v, num_frames=len(clip.frames), height=height, width=width, pinned_xy=pinned)
        for v in vectors
    )
    return TwoDrags(name=name, image=clip.frames[0], prompt=clip.caption, drags=(first, second))


def two_drags_of_clips(first: TrueClip, second: TrueClip, name: str, *, least_widths: float = 0.08) -> TwoDrags | None:
    """Two clips that begin with the same frame but move differently: their own tracks are the two drags.

    Args:
        first: One clip.
        second: Another with the same first frame and the same points in it.
        name: For the report.
        least_widths: How far apart, at some time, the clips must bring a point for it to count, in widths.

    Returns:
        None if no point parts so far.

    Raises:
        InputError: The first frames or the points in them differ.
    """
    a, b = first.tracks, second.tracks
    if not np.array_equal(first.frames[0], second.frames[0]) or not np.array_equal(a.xy[:1], b.xy[:1]):
        raise InputError(f"Two drags of {name}: wanted clips with the same first frame and points, got different ones.")
    height, width = first.frames.shape[1:3]
    apart = np.linalg.norm((a.xy - b.xy) * (1, height / width), axis=-1)
    measured = (apart * (a.visible & b.visible)).max(axis=0, initial=0) >= least_widths
    if not measured.any():
        return None
    drags = (Drag(tracks=a, dragged=measured), Drag(tracks=b, dragged=measured))
    return TwoDrags(name=name, image=first.frames[0], prompt=first.caption, drags=drags)


def photograph(
    image: UInt8[np.ndarray, "h w 3"],
    name: str,
    *,
    num_frames: int,
    centre_xy: tuple[float, float],
    vector_widths: tuple[float, float],
    far_xy: tuple[float, float],
    prompt: str = "",
    radius: float = 0.1,
    far_radius: float = 0.1,
    pin_background: bool = True,
) -> Photograph:
    """A drag of a disc of a picture, and a disc far away that is pinned.

    Args:
        image: The picture at the model's size.
        name: For the report.
        num_frames: Video frames of the drag.
        centre_xy: Normalised middle of what is dragged.
        vector_widths: The drag to the right and downwards, in widths.
        far_xy: Normalised middle of what is to stay.
        prompt: What the picture shows.
        radius: Of what is dragged, in widths.
        far_radius: Of what is to stay, in widths.
        pin_background: Whether a lattice of points also says that all the rest stays.
    """
    height, width = image.shape[:2]
    dragged = disc_points(centre_xy, height=height, width=width, radius=radius)
    far = disc_points(far_xy, height=height, width=width, radius=far_radius)
    pinned = far
    if pin_background:
        way = make_drag(dragged, vector_widths, num_frames=9, height=height, width=width).tracks.xy
        rest = background_points(way, height=height, width=width)
        distant = np.linalg.norm((rest - far_xy) * (1, height / width), axis=-1) > far_radius
        pinned = np.concatenate([far, rest[distant]])
    drag = make_drag(dragged, vector_widths, num_frames=num_frames, height=height, width=width, pinned_xy=pinned)
    return Photograph(name=name, image=image, prompt=prompt, drag=drag, far_xy=far)


def _largest_object(clip: LayeredClip) -> Bool[np.ndarray, " n"]:
    """The points of the object that shows most points in frame 0."""
    seen = np.asarray(clip.tracks.visible[0] & (clip.layer > 0))
    if not seen.any():
        return seen
    layers, counts = np.unique(clip.layer[seen], return_counts=True)
    return np.asarray(seen & (clip.layer == layers[counts.argmax()]))
