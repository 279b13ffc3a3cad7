"""Which points belong together, judged by their motion alone: what is known of objects where nobody drew them."""

import numpy as np
from jaxtyping import Bool, Float, Int64

from motionstream.tracks import Tracks
from motionstream.training.shard import NO_POINT

_SAMPLED_FRAMES = 6
_TRIALS = 200
_OFF_WIDTHS = 0.02  # as far as a point of track sampling may move and still count as resting
_NEAR_WIDTHS = 0.07  # two cells of the trackers' grid
_ALIKE_WIDTHS = 0.03
_FEWEST_POINTS = 4


def motion_layers(tracks: Tracks) -> Int64[np.ndarray, " n"]:
    """Groups points by motion.

    Layer 0 is the dominant motion: all points that one affine motion explains, the one with the most points of many
    that are tried. It is the background of most videos, and a face that fills the picture. Neighbours among the rest
    that move alike make a layer, numbered from 1 on, the largest first; what is left alone stays in layer 0.
    """
    chosen = np.unique(np.linspace(0, tracks.num_frames - 1, _SAMPLED_FRAMES + 1).round().astype(int)[1:])
    start, later = tracks.xy[0].astype(np.float64), tracks.xy[chosen].astype(np.float64)
    seen = tracks.visible[chosen] & tracks.visible[0]
    layer = np.zeros(tracks.num_points, np.int64)
    rest = np.flatnonzero(_off(_dominant(start, later, seen), start, later, seen))
    groups = _connected(_linked(start[rest], later[:, rest], seen[:, rest]))
    sizes = np.bincount(groups) if len(groups) else np.zeros(0, int)
    largest = [int(group) for group in np.argsort(-sizes, kind="stable") if sizes[group] >= _FEWEST_POINTS]
    for number, group in enumerate(largest[: NO_POINT - 1], 1):
        layer[rest[groups == group]] = number
    return layer


def _affine(start: Float[np.ndarray, "m 2"], later: Float[np.ndarray, "f m 2"]) -> Float[np.ndarray, "f 3 2"]:
    """The affine motion from frame 0 to each sampled frame that fits points best."""
    return np.asarray(np.linalg.pinv(np.column_stack([start, np.ones(len(start))])) @ later)


def _off(
    motion: Float[np.ndarray, "f 3 2"],
    start: Float[np.ndarray, "n 2"],
    later: Float[np.ndarray, "f n 2"],
    seen: Bool[np.ndarray, "f n"],
) -> Bool[np.ndarray, " n"]:
    """Which points are, in a frame in which they are seen, elsewhere than a motion takes them."""
    moved = np.column_stack([start, np.ones(len(start))]) @ motion
    return np.asarray(((np.linalg.norm(later - moved, axis=-1) > _OFF_WIDTHS) & seen).any(axis=0))


def _dominant(
    start: Float[np.ndarray, "n 2"], later: Float[np.ndarray, "f n 2"], seen: Bool[np.ndarray, "f n"]
) -> Float[np.ndarray, "f 3 2"]:
    """The affine motion that explains the most points, by random samples of three (RANSAC)."""
    always = np.flatnonzero(seen.all(axis=0))
    best = np.repeat(np.eye(3, 2)[None], len(later), axis=0)  # nothing moves
    if len(always) < 3:
        return best
    fewest, rng = _off(best, start, later, seen).sum(), np.random.default_rng(0)
    for _ in range(_TRIALS):
        sample = rng.choice(always, 3, replace=False)
        motion = _affine(start[sample], later[:, sample])
        if (count := _off(motion, start, later, seen).sum()) < fewest:
            best, fewest = motion, count
    agreeing = always[~_off(best, start, later, seen)[always]]
    if len(agreeing) < 3:
        return best
    refined = _affine(start[agreeing], later[:, agreeing])
    if _off(refined, start, later, seen).sum() <= fewest:
        best = refined
    return best


def _linked(
    start: Float[np.ndarray, "m 2"], later: Float[np.ndarray, "f m 2"], seen: Bool[np.ndarray, "f m"]
) -> Bool[np.ndarray, "m m"]:
    """Which points are neighbours in frame 0 and move alike wherever both are seen."""
    linked = np.linalg.norm(start[:, None] - start, axis=-1) < _NEAR_WIDTHS
    for positions, visible in zip(later, seen, strict=True):
        way = positions - start
        differs = np.linalg.norm(way[:, None] - way, axis=-1) > _ALIKE_WIDTHS
        linked &= ~(differs & visible[:, None] & visible)
    return np.asarray(linked)


def _connected(linked: Bool[np.ndarray, "m m"]) -> Int64[np.ndarray, " m"]:
    """The number of the connected component of each point: the lowest number spreads along the links."""
    lowest = np.arange(len(linked))
    while len(linked):
        spread = np.where(linked, lowest, len(linked)).min(axis=1)
        if np.array_equal(spread, lowest):
            break
        lowest = spread
    return lowest
