"""Clips: the public value of this package, a short video with everything that is known about it."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from numpy.typing import NDArray

from motionstream.errors import InputError
from motionstream.tracks import Tracks
from motionstream.training.world.arrival import with_newcomer
from motionstream.training.world.caption import describe
from motionstream.training.world.render import layer_maps, render_frames
from motionstream.training.world.scene import Scene, make_scene
from motionstream.training.world.tracking import grid_points, topmost, track_points

GRID = 32
_CALM_SHARE, _CALM_SHARE_WITH_NEWCOMER = 0.5, 0.8
_FEWEST_WITH_NEWCOMER = 9


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A rendered clip and its ground truth.

    Attributes:
        frames: RGB video, uint8 [t h w 3].
        tracks: GRID x GRID points of frame 0 (one at a random place in each cell, row by row, ids 0..n-1), each on the
            layer that is topmost there, followed exactly; visible where inside the frame and less than half covered.
        layer: Which layer each point is on, int64 [n]; 0 is the backdrop, larger is nearer.
        caption: Plain English, at most 95 bytes.
        camera_moves: Whether the camera does.
        scene: Layers and camera the clip was made from.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    tracks: Tracks
    layer: Int64[np.ndarray, " n"]
    caption: str
    camera_moves: bool
    scene: Scene = field(repr=False)

    @property
    def newcomer(self) -> int | None:
        """Index of the layer that comes into view after frame 0; None where none was asked for."""
        return None if self.scene.newcomer is None else self.scene.newcomer.layer

    @property
    def newcomer_colour(self) -> str | None:
        """The word for the newcomer's colour, which the caption contains."""
        return None if self.scene.newcomer is None else self.scene.newcomer.colour

    def follow(self, xy: Float[np.ndarray, "n 2"], frame: int = 0) -> Tracks:
        """Follow the points seen at `xy` (normalised) in one frame, backwards and forwards through the whole clip."""
        height, width = self.frames.shape[1:3]
        pixel = (np.asarray(xy, np.float64) * (width, height)).T
        owner = topmost(self.scene.layers, pixel, frame)
        return _tracks(*track_points(self.scene.layers, pixel, owner, height, width, frame), height, width)

    @cached_property
    def layer_map(self) -> UInt8[np.ndarray, "t h w"]:
        """Which layer every pixel shows (the nearest that covers at least half of it)."""
        return layer_maps(self.scene.layers, len(self.frames), *self.frames.shape[1:3])

    @cached_property
    def depth(self) -> Float32[np.ndarray, "t h w"]:
        """Distance from the camera of what every pixel shows; the nearest thing at frame 0 is at 1 or more."""
        per_layer = np.stack([layer.depth for layer in self.scene.layers], axis=1).astype(np.float32)
        return np.asarray(per_layer[np.arange(len(per_layer))[:, None, None], self.layer_map], np.float32)


def make_clip(
    seed: int,
    num_frames: int = 33,
    height: int = 128,
    width: int = 128,
    calm: bool | None = None,
    *,
    motion_seed: int | None = None,
    newcomer: bool = False,
) -> Clip:
    """Make a clip; the same arguments give the same bytes.

    Args:
        seed: Any non-negative integer.
        num_frames: Video frames.
        height: Pixels, a multiple of 8.
        width: Pixels, a multiple of 8.
        calm: True for a still camera and mostly still things of which one or two are dragged; False for a lively scene;
            None lets the seed choose.
        motion_seed: Another motion for the same look: calm clips of one seed and different motion seeds share
            frame 0 (to rounding, one level of 255), unless they have a newcomer.
        newcomer: Add something that frame 0 does not show, that is mostly visible in the last frame and that the
            caption names with its colour: it is uncovered or comes in. Without `calm`, most such clips are calm.

    Raises:
        InputError: A size is not a positive multiple of 8, or there are too few frames.
    """
    scene = _plan(seed, num_frames, height, width, calm, motion_seed, newcomer)
    pixel = grid_points(np.random.default_rng((seed, 2)), GRID, height, width)
    owner = topmost(scene.layers, pixel)
    position, visible = track_points(scene.layers, pixel, owner, height, width)
    return Clip(
        frames=render_frames(scene.layers, num_frames, height, width),
        tracks=_tracks(position, visible, height, width),
        layer=owner,
        caption=describe(scene),
        camera_moves=bool(scene.camera.move),
        scene=scene,
    )


def caption_of(
    seed: int,
    num_frames: int = 33,
    height: int = 128,
    width: int = 128,
    calm: bool | None = None,
    *,
    motion_seed: int | None = None,
    newcomer: bool = False,
) -> str:
    """The caption of the clip that `make_clip` makes of the same arguments, without rendering and tracking it."""
    return describe(_plan(seed, num_frames, height, width, calm, motion_seed, newcomer))


def caption_and_newcomer(seed: int, *, newcomer: bool) -> tuple[str, str | None]:
    """The caption of a clip of the usual size, and the colour of its newcomer, without rendering and tracking it."""
    scene = _plan(seed, 33, 128, 128, None, None, newcomer)
    return describe(scene), None if scene.newcomer is None else scene.newcomer.colour


def _plan(
    seed: int, num_frames: int, height: int, width: int, calm: bool | None, motion_seed: int | None, newcomer: bool
) -> Scene:
    """Check the sizes, then plan and paint the scene."""
    if num_frames < 1 or min(height, width) < 8 or height % 8 or width % 8:
        raise InputError(
            f"make_clip: wanted at least 1 frame and sizes that are multiples of 8, "
            f"got {num_frames} frames of {height}x{width}. Round the sizes to multiples of 8."
        )
    if newcomer and num_frames < _FEWEST_WITH_NEWCOMER:
        raise InputError(
            f"make_clip: a newcomer needs time to come into view: wanted at least {_FEWEST_WITH_NEWCOMER} frames, "
            f"got {num_frames}. Make the clip longer or leave newcomer=False."
        )
    cv2.setNumThreads(0)  # clips are made in parallel processes; OpenCV's own threads would only fight over the cores
    look = np.random.default_rng((seed, 0))
    move = np.random.default_rng((seed if motion_seed is None else motion_seed, 1))
    drawn = bool(look.random() < _CALM_SHARE)
    arriving = np.random.default_rng((seed, 3))
    if newcomer:
        drawn = bool(arriving.random() < _CALM_SHARE_WITH_NEWCOMER)
    scene = make_scene(look, move, num_frames, height, width, calm=drawn if calm is None else calm)
    return with_newcomer(arriving, scene) if newcomer else scene


def _tracks(position: NDArray[np.float64], visible: NDArray[np.bool_], height: int, width: int) -> Tracks:
    """Tracks of pixel positions [t 2 n], ids in their order."""
    xy = (position / ((width,), (height,))).transpose(0, 2, 1).astype(np.float32)
    return Tracks(ids=np.arange(xy.shape[1], dtype=np.int64), xy=xy, visible=visible)
