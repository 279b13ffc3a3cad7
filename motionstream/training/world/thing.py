"""Things: painted things with their place in frame 0; a motion makes a layer of one."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.camera import Camera
from motionstream.training.world.character import make_shape
from motionstream.training.world.colour import Palette, make_palette
from motionstream.training.world.deform import Deformation
from motionstream.training.world.layer import Layer, Shadow
from motionstream.training.world.motion import Motion
from motionstream.training.world.plane import Plane, compose
from motionstream.training.world.sprite import make_sprite


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What can move in a scene.

    Attributes:
        rgba: Premultiplied colour and alpha, 8 bits, shape [h w 4].
        shadow: What it casts on the layers behind, if anything.
        words: What a caption calls it.
        verb: How a caption says it moves.
        start: Where its middle is in frame 0, in pixels, shape [2].
        depth: Distance from the camera in frame 0.
    """

    rgba: NDArray[np.uint8]
    shadow: Shadow | None
    words: str
    verb: str
    start: NDArray[np.float64]
    depth: float

    def layer(self, camera: Camera, motion: Motion, bends: tuple[Deformation, ...], height: int, width: int) -> Layer:
        """The thing as a layer that moves under a camera."""
        rows, columns = self.rgba.shape[:2]
        way = self.start + motion.offset * width
        world = motion.matrix(way, (columns / 2, rows / 2))
        return Layer(
            rgba=self.rgba,
            plane=Plane(matrix=compose(camera.view(self.depth, height, width), world), bends=bends),
            depth=camera.depth_of(self.depth),
            shadow=self.shadow,
            words=self.words,
            verb=self.verb,
            path=way,
        )

    def kept_inside(self, motion: Motion, height: int, width: int) -> Motion:
        """The motion mirrored, and shortened by a third at most, so that the thing stays inside as well as it can."""
        limit = np.array([width, height], float)
        edge = np.minimum(0.35 * np.array(self.rgba.shape[1::-1]), 0.25 * limit)

        def excess(offset: NDArray[np.float64]) -> float:
            way = self.start + offset * width
            return float((np.maximum(edge - way, 0) + np.maximum(way - limit + edge, 0)).sum(axis=1).mean())

        options = [motion.offset * (x, y) * s for s in (1.0, 0.8, 0.65) for x in (1, -1) for y in (1, -1)]
        return replace(motion, offset=min(options, key=excess))


def make_thing(rng: np.random.Generator, depth: float, height: int, width: int, palette: Palette) -> Thing:
    """Paint a sprite and choose its place; a few wait outside the frame."""
    unit = min(height, width) / 128
    size = float(np.exp(rng.uniform(np.log(14), np.log(90)))) * unit
    blur = rng.uniform(0.4, 2) * unit if rng.random() < 0.25 else rng.uniform(0, 0.6) * unit
    own = palette if rng.random() < 0.45 else make_palette(rng)
    sprite = make_sprite(rng, make_shape(rng), size, own, unit, min(blur, size / 12))
    rgba, shadow = with_shadow(rng, sprite.rgba, unit) if rng.random() < 0.4 else (sprite.rgba, None)
    start = _place(rng, size, height, width)
    return Thing(rgba=rgba, shadow=shadow, words=sprite.words, verb=sprite.verb, start=start, depth=depth)


def _place(rng: np.random.Generator, size: float, height: int, width: int) -> NDArray[np.float64]:
    limit = np.array([width, height], float)
    if rng.random() < 0.04:
        side = int(rng.integers(2))
        place = rng.random(2) * limit
        place[side] = -0.55 * size if rng.random() < 0.5 else limit[side] + 0.55 * size
        return np.asarray(place)
    edge = np.minimum(0.5 * size, 0.3 * limit)
    return np.asarray(edge + rng.random(2) * (limit - 2 * edge))


def with_shadow(rng: np.random.Generator, rgba: NDArray[np.uint8], unit: float) -> tuple[NDArray[np.uint8], Shadow]:
    """Add a soft drop shadow; the picture grows by the margin that the shadow's blur needs."""
    sigma = rng.uniform(0.8, 4) * unit
    pad = int(np.ceil(2.5 * sigma))
    grown = np.asarray(cv2.copyMakeBorder(rgba, pad, pad, pad, pad, cv2.BORDER_CONSTANT), np.uint8)
    alpha = cv2.GaussianBlur(cv2.extractChannel(grown, 3), (0, 0), sigma)
    alpha = cv2.convertScaleAbs(alpha, alpha=rng.uniform(0.2, 0.6))
    angle, distance = rng.uniform(0, np.pi), rng.uniform(0.5, 7) * unit
    return grown, Shadow(alpha=alpha, offset=(distance * float(np.cos(angle)), distance * float(np.sin(angle))))
