"""Scenes: a camera and layers from far to near, planned at random."""

from dataclasses import dataclass, replace

import numpy as np

from motionstream.training.world.backdrop import make_backdrop, make_ground
from motionstream.training.world.camera import Camera, make_camera, still_camera
from motionstream.training.world.colour import make_palette
from motionstream.training.world.cutout import cut_out
from motionstream.training.world.deform import Deformation, Pull
from motionstream.training.world.layer import Layer
from motionstream.training.world.motion import Motion, dragged_motion, free_motion, make_bends, still_motion
from motionstream.training.world.newcomer import Newcomer
from motionstream.training.world.thing import Thing, make_thing


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A planned and painted scene: layers ordered from far to near; the first is the backdrop.

    `newcomer` says which layer comes into view only after frame 0, if one does.
    """

    layers: tuple[Layer, ...]
    camera: Camera
    num_frames: int
    height: int
    width: int
    newcomer: Newcomer | None = None


def make_scene(
    look: np.random.Generator, move: np.random.Generator, num_frames: int, height: int, width: int, *, calm: bool
) -> Scene:
    """Plan and paint a scene; what frame 0 shows comes from `look`, how it moves from `move`.

    Args:
        look: Randomness of shapes, places and textures.
        move: Randomness of camera and motion.
        num_frames: Video frames.
        height: Pixels.
        width: Pixels.
        calm: Keep the camera and most things exactly still.
    """
    camera = still_camera(num_frames) if calm else make_camera(move, num_frames, width)
    palette = make_palette(look)
    far = look.uniform(1.6, 5)
    backdrop = make_backdrop(look, camera, far, height, width, palette)
    things = []
    if look.random() < (0.35 if calm else 0.1):
        backdrop, piece = cut_out(look, backdrop, far, height, width)
        things.append(piece)
    layers = [backdrop]
    if look.random() < 0.35 and not things:
        own = palette if look.random() < 0.4 else make_palette(look)
        layers.append(make_ground(look, camera, look.uniform(1.4, far), height, width, own))
    num = int(look.integers(1, 6 if calm else 5)) if not things else int(look.integers(0, 3))
    for depth in np.sort(look.uniform(1, float(layers[-1].depth[0]), num))[::-1]:
        things.append(make_thing(look, float(depth), height, width, palette))
    motions = _motions(move, num_frames, len(things), calm)
    layers += [_moving(move, thing, motion, camera, height, width) for thing, motion in zip(things, motions)]
    layers[0] = _waving(move, layers[0], motions, width, calm)
    return Scene(layers=tuple(layers), camera=camera, num_frames=num_frames, height=height, width=width)


def _motions(rng: np.random.Generator, num_frames: int, num: int, calm: bool) -> list[Motion]:
    """One motion for each thing of the scene, in random depth order; in a calm one at most two things move."""
    if calm:
        moving = int(rng.choice((0, 1, 2), p=(0.03, 0.75, 0.22)))
        motions = [dragged_motion(rng, num_frames) for _ in range(min(num, moving))]
    else:
        motions = [free_motion(rng, num_frames) for _ in range(num) if rng.random() < 0.8]
    motions += [still_motion(num_frames) for _ in range(num - len(motions))]
    return [motions[i] for i in rng.permutation(num)]


def _moving(rng: np.random.Generator, thing: Thing, motion: Motion, camera: Camera, height: int, width: int) -> Layer:
    if motion.kind == "still":
        return thing.layer(camera, motion, (), height, width)
    if rng.random() > 0.08:  # the others may leave the frame
        motion = thing.kept_inside(motion, height, width)
    rows, columns = thing.rgba.shape[:2]
    bends = make_bends(rng, len(motion.turn), rows, columns, 0.09) if rng.random() < 0.28 else ()
    return thing.layer(camera, motion, bends, height, width)


def _waving(rng: np.random.Generator, backdrop: Layer, motions: list[Motion], width: int, calm: bool) -> Layer:
    """The backdrop, at times waving like cloth or water, or pulled softly at one place by a hand."""
    draw = rng.random()
    rows, columns = backdrop.rgba.shape[:2]
    num_frames = len(backdrop.depth)
    bends: tuple[Deformation, ...] = ()
    if not calm and draw < 0.08:
        bends = make_bends(rng, num_frames, rows, columns, 0.015)
    if calm and draw < 0.12:
        centre = (rng.uniform(0.15, 0.85) * columns, rng.uniform(0.15, 0.85) * rows)
        shift = dragged_motion(rng, num_frames).offset * width * rng.uniform(0.25, 0.6)
        longest = float(np.linalg.norm(shift, axis=1).max())
        bends = (Pull(centre=centre, shift=shift, sigma=max(rng.uniform(0.08, 0.2) * width, longest / 1.1)),)
    return replace(backdrop, plane=replace(backdrop.plane, bends=bends)) if bends else backdrop
