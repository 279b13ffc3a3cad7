"""Scenes for the checks that need to know everything about a clip, made from the procedural world.

Every maker takes seeds and yields one scene after the other; a seed without a fitting scene is passed over, so that
`itertools.islice(maker(itertools.count(seed), ...), count)` gives as many as wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from motionstream.evaluation.checks.colours import ColourScene
from motionstream.evaluation.checks.drift import LongClip
from motionstream.evaluation.checks.fast_drags import FastDrag
from motionstream.evaluation.checks.permanence import BehindScene
from motionstream.tracks import Tracks
from motionstream.training.world import Clip, make_clip
from motionstream.training.world.backdrop import make_backdrop
from motionstream.training.world.camera import still_camera
from motionstream.training.world.caption import describe
from motionstream.training.world.character import make_shape
from motionstream.training.world.clip import GRID
from motionstream.training.world.colour import make_palette
from motionstream.training.world.motion import still_motion
from motionstream.training.world.newcomer import COLOURS, paint_newcomer
from motionstream.training.world.path import path_to
from motionstream.training.world.render import layer_maps, render_frames
from motionstream.training.world.scene import Scene
from motionstream.training.world.shape import ball, blob, box
from motionstream.training.world.sprite import Sprite, make_sprite
from motionstream.training.world.thing import Thing
from motionstream.training.world.tracking import grid_points, topmost, track_points

_LEAST_REGION = 0.006  # of the frame's area
_TRIES = 24
_SCREENS = (ball, blob, box)
_LEAST_CONTRAST = 25.0  # in Lab
_LEAST_HIDDEN_FRAMES = 4
_LONGEST_DRAG = 0.6  # widths
_LARGEST_DRAGGED = 0.35  # widths
_LEAST_DEVIATION = 15.0  # of 255
_LEAST_MOTION = 1.0  # mean absolute change a frame, of 255


def colour_scenes(seeds: Iterable[int], *, num_frames: int, height: int, width: int) -> Iterator[ColourScene]:
    """Clips in which something of a named colour is uncovered or enters, told with all their tracks."""
    for seed in seeds:
        clip = make_clip(seed, num_frames, height, width, newcomer=True)
        if clip.newcomer is None or clip.newcomer_colour is None:
            continue
        region = _inside(clip.layer_map[-1] == clip.newcomer)
        if region.mean() < _LEAST_REGION or clip.caption.split().count(clip.newcomer_colour) != 1:
            continue
        newcomer = clip.scene.newcomer
        yield ColourScene(
            name=f"seed {seed}",
            kind="entering" if newcomer is None or newcomer.cover is None else "uncovered",
            image=clip.frames[0],
            tracks=clip.tracks,
            prompt=clip.caption,
            colour=clip.newcomer_colour,
            last=clip.frames[-1],
            region=region,
        )


def long_clips(
    seeds: Iterable[int], *, num_frames: int, height: int, width: int, period: int = 100, refresh_frames: int = 25
) -> Iterator[LongClip]:
    """Lively clips that run forwards and backwards for ever, a round in `period` frames, with refreshed points.

    A round that is as long as a block of the check makes all blocks show the same. Every `refresh_frames` new points
    begin wherever none is seen; before that they are unknown, as for a live tracker.
    """
    half = period // 2
    for seed in seeds:
        clip = make_clip(seed, half + 1, height, width, calm=False)
        if np.abs(np.diff(clip.frames.astype(np.int16), axis=0)).mean() < _LEAST_MOTION:
            continue
        frame = half - np.abs(np.arange(num_frames) % (2 * half) - half)
        tracks = _refreshed(clip, frame, refresh_frames)
        yield LongClip(name=f"seed {seed}", frames=clip.frames[frame], tracks=tracks, prompt=clip.caption)


def fast_drags(seeds: Iterable[int], *, height: int, width: int) -> Iterator[FastDrag]:
    """First frames of clips whose nearest thing is whole, has texture and has room for the longest drag."""
    for seed in seeds:
        clip = make_clip(seed, 2, height, width, calm=True)
        rng = np.random.default_rng((seed, 4))
        layer = int(clip.layer_map[0].max())
        region = clip.layer_map[0] == layer
        heading = None if layer == 0 or clip.scene.layers[layer].path is None else _roomy_heading(rng, region)
        points = clip.tracks.xy[0]
        column, row = (points * (width, height)).astype(int).clip(0, (width - 1, height - 1)).T
        points = points[_inside(region)[row, column]]
        if heading is None or len(points) < 4 or clip.frames[0][region].std() < _LEAST_DEVIATION:
            continue
        yield FastDrag(
            name=f"seed {seed}",
            image=clip.frames[0],
            prompt=clip.caption,
            region=region,
            points_xy=points.astype(np.float64),
            heading=heading,
        )


def behind_scenes(
    seeds: Iterable[int], *, num_frames: int, height: int, width: int, told_share: float = 1.0
) -> Iterator[BehindScene]:
    """Still scenes in which a thing passes behind a nearer one, wholly hidden for some frames, and comes out again.

    Told is a share of the points of the thing, of the screen and of the background, at least one of each.
    """
    for seed in seeds:
        rng = np.random.default_rng((seed, 5))
        tries = (_behind(rng, seed, num_frames, height, width, told_share) for _ in range(_TRIES))
        found = next((scene for scene in tries if scene is not None), None)
        if found is not None:
            yield found


def _behind(
    rng: np.random.Generator, seed: int, num_frames: int, height: int, width: int, told_share: float
) -> BehindScene | None:
    """One try; None if the thing is not hidden long enough or looks like what is around it."""
    scene = _passing_scene(rng, num_frames, height, width)
    if scene is None:
        return None
    layers, size = scene.layers, (num_frames, height, width)
    shown = layer_maps(layers, *size) == 1
    whole = layer_maps(layers[:2], *size) == 1  # the thing without its screen
    hidden = ~shown.any(axis=(1, 2))
    if not (shown[[0, -1]] == whole[[0, -1]]).all() or hidden.sum() < _LEAST_HIDDEN_FRAMES:
        return None
    frames, middle = render_frames(layers, *size), int(np.median(np.flatnonzero(hidden)))
    found = BehindScene(
        name=f"seed {seed}",
        image=frames[0],
        tracks=_grid_tracks(rng, scene, told_share),
        prompt=describe(scene),
        last=frames[-1],
        region=_inside(shown[-1]),
        screen=_inside(layer_maps(layers, *size)[0] == 2),
        hidden_frame=middle,
        hidden_region=_inside(whole[middle]),
    )
    return found if found.contrast >= _LEAST_CONTRAST else None


def _passing_scene(rng: np.random.Generator, num_frames: int, height: int, width: int) -> Scene | None:
    """A backdrop, a thing in one strong colour that crosses the frame, and a screen in the middle before it."""
    camera, smaller = still_camera(num_frames), min(height, width)
    unit = smaller / 128
    backdrop = make_backdrop(rng, camera, 3.0, height, width, make_palette(rng))
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    thing = paint_newcomer(rng, colour, make_shape(rng), rng.uniform(0.17, 0.24) * smaller, unit, 0.4 * unit)
    shape = _SCREENS[int(rng.integers(len(_SCREENS)))](rng)
    screen = make_sprite(rng, shape, rng.uniform(0.4, 0.46) * smaller, make_palette(rng), unit, 0.4 * unit)
    if thing is None:
        return None
    centre, side = np.array([width, height]) / 2, rng.choice((-1, 1))
    upright = rng.random() < 0.25
    start = np.array([0.0, side * 0.35 * height] if upright else [side * 0.35 * width, 0.0])
    motion = replace(still_motion(num_frames), offset=path_to(rng, num_frames, -2 * start / width), kind="linear")
    placed = ((thing, centre + start, 2.0, motion), (screen, centre, 1.0, still_motion(num_frames)))
    layers = (backdrop, *(_thing(s, at, d).layer(camera, m, (), height, width) for s, at, d, m in placed))
    return Scene(layers=layers, camera=camera, num_frames=num_frames, height=height, width=width)


def _thing(sprite: Sprite, start: Float[np.ndarray, " 2"], depth: float) -> Thing:
    return Thing(rgba=sprite.rgba, shadow=None, words=sprite.words, verb=sprite.verb, start=start, depth=depth)


def _grid_tracks(rng: np.random.Generator, scene: Scene, told_share: float) -> Tracks:
    """Points of frame 0, followed exactly: a share of a grid's on each layer."""
    pixel = grid_points(rng, GRID, scene.height, scene.width)
    owner = topmost(scene.layers, pixel)
    on_each = [rng.permutation(np.flatnonzero(owner == number)) for number in range(len(scene.layers))]
    told = np.sort(np.concatenate([points[: int(np.ceil(told_share * len(points)))] for points in on_each]))
    pixel, owner = pixel[:, told], owner[told]
    position, visible = track_points(scene.layers, pixel, owner, scene.height, scene.width)
    xy = (position / ((scene.width,), (scene.height,))).transpose(0, 2, 1)
    return Tracks(ids=np.arange(xy.shape[1]), xy=xy.astype(np.float32), visible=visible)


def _refreshed(clip: Clip, frame: Int[np.ndarray, " t"], refresh_frames: int) -> Tracks:
    """Points of frame 0 over the frames that `frame` names, with new ones where none is seen."""
    lattice = (np.stack(np.meshgrid(np.arange(GRID // 2), np.arange(GRID // 2)), axis=-1) + 0.5) / (GRID // 2)
    tracks = _at(clip.tracks, frame, birth=0, first_id=0)
    for birth in range(refresh_frames, len(frame), refresh_frames):
        seen = tracks.xy[birth, tracks.visible[birth]]
        taken = np.zeros(lattice.shape[:2], bool)
        cell = (seen * (GRID // 2)).astype(int)
        taken[cell[:, 1], cell[:, 0]] = True
        if not taken.all():
            born = clip.follow(lattice[~taken], int(frame[birth]))
            tracks = tracks.merge(_at(born, frame, birth=birth, first_id=tracks.num_points))
    return tracks


def _at(tracks: Tracks, frame: Int[np.ndarray, " t"], *, birth: int, first_id: int) -> Tracks:
    """Tracks over the named frames, unseen before their birth."""
    known = np.arange(len(frame)) >= birth
    ids = np.arange(first_id, first_id + tracks.num_points)
    return Tracks(ids=ids, xy=tracks.xy[frame], visible=tracks.visible[frame] & known[:, None])


def _roomy_heading(rng: np.random.Generator, region: Bool[np.ndarray, "h w"]) -> tuple[float, float] | None:
    """A direction in which a region can go by the longest drag and stay inside; None without one."""
    rows, columns = np.nonzero(region)
    height, width = region.shape
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1
    whole = (low > 0).all() and (high < (width, height)).all()
    if not whole or len(rows) < _LEAST_REGION * region.size or (high - low).max() > _LARGEST_DRAGGED * width:
        return None
    for angle in rng.permutation(16) * np.pi / 8:
        heading = np.array([np.cos(angle), np.sin(angle)])
        way = _LONGEST_DRAG * width * heading
        if (low + way >= 1).all() and (high + way <= np.array([width, height]) - 1).all():
            return float(heading[0]), float(heading[1])
    return None


def _inside(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """A mask without its edge, where colours mix."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
