"""Arrivals: a newcomer is added to a scene, behind a cover that moves away or outside the frame, on its way in."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.camera import Camera
from motionstream.training.world.character import make_shape
from motionstream.training.world.colour import make_palette
from motionstream.training.world.layer import Layer
from motionstream.training.world.motion import Motion, dragged_motion, still_motion
from motionstream.training.world.newcomer import COLOURS, Newcomer, paint_newcomer
from motionstream.training.world.path import path_to, smooth_walk
from motionstream.training.world.render import layer_maps
from motionstream.training.world.scene import Scene
from motionstream.training.world.shape import Shape
from motionstream.training.world.sprite import Sprite, draw_silhouette, make_sprite
from motionstream.training.world.thing import Thing, with_shadow

_UNCOVERED_SHARE = 0.65
_SMALLEST = 0.024  # of the frame's area
_MOSTLY = 0.7
_TRIES = 16
_TRIES_ANY_DEPTH = 3  # later tries keep to the front, where nothing else can hide the newcomer
_TRIES_UNCOVERED = 10
_SIDES = {"left": (0, 0), "right": (0, 1), "top": (1, 0), "bottom": (1, 1)}  # axis, and 1 for its far end
_SIDE_ODDS = (0.35, 0.35, 0.18, 0.12)


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """One try: what is put in the scene, from far to near, the newcomer first."""

    layers: tuple[Layer, ...]
    colour: str
    side: str


def with_newcomer(rng: np.random.Generator, scene: Scene) -> Scene:
    """Add a thing that frame 0 does not show and that is mostly visible in the last frame.

    Draws again while other things, the camera or the cover leave too little of it in view, and keeps the best try.
    """
    uncovered, phrase = rng.random() < _UNCOVERED_SHARE, float(rng.random())
    best, most, shown = scene, -1.0, _areas(scene, 0)
    for attempt in range(_TRIES):
        at, depth, nearer = _place_in_depth(rng, scene, anywhere=attempt < _TRIES_ANY_DEPTH)
        behind = uncovered and attempt < _TRIES_UNCOVERED
        arrival = _uncovered(rng, scene, depth, nearer) if behind else _entering(rng, scene, depth)
        if arrival is None:
            continue
        tried = _added(scene, arrival, at, phrase)
        success = _success(tried, shown)
        if success >= 1:
            return tried
        if success > most:
            best, most = tried, success
    return best


def _place_in_depth(rng: np.random.Generator, scene: Scene, *, anywhere: bool) -> tuple[int, float, float]:
    """Before which layer to come, at times not the front, and two depths there, the farther one first."""
    top = len(scene.layers)
    at = int(rng.integers(1, top + 1)) if anywhere and rng.random() < 0.4 else top
    far, near = float(scene.layers[at - 1].depth[0]), float(scene.layers[at].depth[0]) if at < top else 1.0
    nearer, depth = sorted(rng.uniform(near, max(far, near), 2).tolist())
    return at, depth, nearer


def _added(scene: Scene, arrival: _Arrival, at: int, phrase: float) -> Scene:
    cover = None if arrival.side else at + 1
    newcomer = Newcomer(layer=at, colour=arrival.colour, cover=cover, side=arrival.side, phrase=phrase)
    return replace(scene, layers=(*scene.layers[:at], *arrival.layers, *scene.layers[at:]), newcomer=newcomer)


def _success(scene: Scene, shown: NDArray[np.int64]) -> float:
    """1 or more where the newcomer is seen well in the last frame and its cover in the first, else how nearly.

    A cover that hides one of the things that frame 0 had shown (pixels a layer: `shown`) could uncover that as well,
    unnamed; such a try is taken only for want of a better one.
    """
    newcomer, last = scene.newcomer, scene.num_frames - 1
    assert newcomer is not None
    seen = _areas(scene, last)[newcomer.layer]
    whole = _whole(scene.layers[newcomer.layer], last)
    success = float(min(seen / whole / _MOSTLY, seen / (_SMALLEST * scene.height * scene.width)))
    if newcomer.cover is None:
        return success
    areas = _areas(scene, 0)
    others = np.delete(areas, (newcomer.layer, newcomer.cover))
    fair = 0.9 if ((others < 0.4 * shown) & (shown > 0.004 * scene.height * scene.width)).any() else np.inf
    return float(min(success, areas[newcomer.cover] / _whole(scene.layers[newcomer.cover], 0) / _MOSTLY, fair))


def _areas(scene: Scene, frame: int) -> NDArray[np.int64]:
    """How many pixels every layer shows in one frame."""
    shown = layer_maps(tuple(layer.at(frame) for layer in scene.layers), 1, scene.height, scene.width)
    return np.bincount(shown.ravel(), minlength=len(scene.layers))


def _whole(layer: Layer, frame: int) -> float:
    """How many pixels a layer would show if nothing hid them."""
    return float((layer.alpha >= 128).sum() * abs(np.linalg.det(layer.plane.matrix[frame, :, :2])))


def _uncovered(rng: np.random.Generator, scene: Scene, depth: float, nearer: float) -> _Arrival | None:
    """A newcomer that stays behind a thing that hides it in frame 0 and moves away."""
    painted = _painted(rng, scene)
    hiding = None if painted is None else _hiding(rng, scene, painted[1])
    if painted is None or hiding is None or hiding[0].words.split()[0] == painted[0]:
        return None
    (colour, sprite), (cover, middle) = painted, hiding
    start = _inside(rng, cover.rgba, scene)
    offset = path_to(rng, scene.num_frames, _away(rng, cover.rgba, sprite.rgba, start, middle, scene) / scene.width)
    unit = min(scene.height, scene.width) / 128
    rgba, shadow = with_shadow(rng, cover.rgba, unit) if rng.random() < 0.4 else (cover.rgba, None)
    behind = _thing(sprite, start + middle, depth)
    front = Thing(rgba=rgba, shadow=shadow, words=cover.words, verb=cover.verb, start=start, depth=nearer)
    motions = _resting(rng, scene.num_frames), replace(dragged_motion(rng, scene.num_frames), offset=offset)
    layers = (t.layer(scene.camera, m, (), scene.height, scene.width) for t, m in zip((behind, front), motions))
    return _Arrival(layers=tuple(layers), colour=colour, side="")


def _hiding(rng: np.random.Generator, scene: Scene, sprite: Sprite) -> tuple[Sprite, NDArray[np.float64]] | None:
    """Paint a cover for the sprite; also where the sprite's middle is from the cover's. None where none fits."""
    cover, smaller = make_shape(rng), min(scene.height, scene.width)
    unit = smaller / 128
    blur = rng.uniform(0.4, 1.5) * unit if rng.random() < 0.25 else rng.uniform(0, 0.6) * unit
    fitted = _fitted(rng, cover, sprite, blur, 0.75 * smaller)
    if fitted is None:
        return None
    return make_sprite(rng, cover, fitted[0], make_palette(rng), unit, blur), fitted[1]


def _entering(rng: np.random.Generator, scene: Scene, depth: float) -> _Arrival | None:
    """A newcomer that is outside the frame at first and moves in."""
    painted = _painted(rng, scene)
    if painted is None:
        return None
    colour, sprite = painted
    side = str(rng.choice(tuple(_SIDES), p=_SIDE_ODDS))
    axis, far = _SIDES[side]
    limit, extent = np.array([scene.width, scene.height], float), np.array(sprite.rgba.shape[1::-1], float)
    end = _at_first(scene.camera, depth, _inside(rng, sprite.rgba, scene), scene)
    start = _inside(rng, sprite.rgba, scene) if rng.random() < 0.5 else end.copy()
    out = extent[axis] * rng.uniform(0.5, 0.7) + 1
    start[axis] = limit[axis] + out if far else -out
    offset = path_to(rng, scene.num_frames, (end - start) / scene.width)
    moves = replace(dragged_motion(rng, scene.num_frames), offset=offset)
    layer = _thing(sprite, start, depth).layer(scene.camera, moves, (), scene.height, scene.width)
    return _Arrival(layers=(layer,), colour=colour, side=side)


def _painted(rng: np.random.Generator, scene: Scene) -> tuple[str, Sprite] | None:
    """A newcomer's colour, which no other thing's caption has, and its picture; None where the shape is too thin."""
    taken = {layer.words.split()[0] for layer in scene.layers if layer.words}
    free = [colour for colour in COLOURS if colour not in taken] or list(COLOURS)
    colour = free[int(rng.integers(len(free)))]
    unit, shape = min(scene.height, scene.width) / 128, make_shape(rng)
    size = rng.uniform(0.16, 0.4) * min((scene.height * scene.width) ** 0.5, 1.4 * min(scene.height, scene.width))
    while draw_silhouette(shape, size, 0).sum() < 1.15 * _SMALLEST * scene.height * scene.width:
        size *= 1.1
    sprite = paint_newcomer(rng, colour, shape, size, unit, rng.uniform(0, 0.6) * unit)
    return None if sprite is None else (colour, sprite)


def _thing(sprite: Sprite, start: NDArray[np.float64], depth: float) -> Thing:
    return Thing(rgba=sprite.rgba, shadow=None, words=sprite.words, verb=sprite.verb, start=start, depth=depth)


def _inside(rng: np.random.Generator, rgba: NDArray[np.uint8], scene: Scene) -> NDArray[np.float64]:
    """A place in the frame that shows a picture nearly wholly."""
    limit, extent = np.array([scene.width, scene.height], float), np.array(rgba.shape[1::-1], float)
    edge = np.minimum(0.48 * extent, 0.5 * limit)
    return np.asarray(edge + rng.random(2) * (limit - 2 * edge))


def _at_first(camera: Camera, depth: float, place: NDArray[np.float64], scene: Scene) -> NDArray[np.float64]:
    """Where in frame-0 pixels lies what the last frame shows at `place`."""
    last = camera.view(depth, scene.height, scene.width)[-1]
    return np.asarray(np.linalg.solve(last[:, :2], place - last[:, 2]))


def _resting(rng: np.random.Generator, num_frames: int) -> Motion:
    """Exactly still, or swaying a little."""
    rest = still_motion(num_frames)
    return replace(rest, offset=smooth_walk(rng, num_frames, 2, 0.008, 20)) if rng.random() < 0.25 else rest


def _fitted(
    rng: np.random.Generator, cover: Shape, sprite: Sprite, blur: float, largest: float
) -> tuple[float, NDArray[np.float64]] | None:
    """A size at which `cover` hides the sprite wholly, and where the sprite's middle then is from the cover's."""
    rows, columns = sprite.rgba.shape[:2]
    # A pixel more than the silhouette: resampling reads the neighbours too.
    kernel = cv2.dilate((sprite.rgba[..., 3] > 0).astype(np.float32), np.ones((3, 3), np.uint8))
    size = max(rows, columns) * rng.uniform(1.0, 1.4)
    while size <= largest:
        alpha = draw_silhouette(cover, size, 2 + int(np.ceil(2.5 * blur)))
        alpha = alpha if blur < 0.33 else np.asarray(cv2.GaussianBlur(alpha, (0, 0), blur), np.float32)
        solid = (alpha > 0.998).astype(np.float32)
        y, x = np.nonzero(cv2.filter2D(solid, -1, kernel, borderType=cv2.BORDER_CONSTANT) > kernel.sum() - 0.5)
        if len(x):
            chosen = int(rng.integers(len(x)))
            corner = np.array([x[chosen] - columns // 2, y[chosen] - rows // 2])
            return size, corner + np.array([columns, rows]) / 2 - np.array(alpha.shape[::-1]) / 2
        size *= 1.1
    return None


def _away(
    rng: np.random.Generator,
    cover: NDArray[np.uint8],
    newcomer: NDArray[np.uint8],
    start: NDArray[np.float64],
    middle: NDArray[np.float64],
    scene: Scene,
) -> NDArray[np.float64]:
    """A way for the cover, in pixels, after which it no longer hides the newcomer; mostly to where there is room."""
    angle = rng.choice((0, np.pi)) + rng.normal(0, 0.5)
    heading = np.array([np.cos(angle), np.sin(angle)] if rng.random() < 0.75 else [np.sin(angle), np.cos(angle)])
    limit = np.array([scene.width, scene.height])
    if (start - limit / 2) @ heading > 0 and rng.random() < 0.75:
        heading = -heading
    own, other = (np.abs(heading) @ np.array(rgba.shape[1::-1]) for rgba in (cover, newcomer))
    clear = 0.5 * (own + other) + middle @ heading
    return np.asarray(heading * max(0.85 * own, clear * rng.uniform(0.85, 1.2)))
