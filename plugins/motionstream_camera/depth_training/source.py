"""Layered clips with depth as a second source of examples, named as `module:function`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from motionstream.errors import InputError
from motionstream_camera.depth_training.rendering import Example


class ClipWithDepth(Protocol):
    """A clip whose depth is known."""

    @property
    def frames(self) -> UInt8[np.ndarray, "t h w 3"]:
        """RGB video."""

    @property
    def depth(self) -> Float32[np.ndarray, "t h w"]:
        """Distance of what every pixel shows."""


ClipMaker = Callable[[int, int, int, int], ClipWithDepth]
"""Takes a seed, how many frames, their height and their width."""


def clip_maker(name: str) -> ClipMaker | None:
    """The function of a name such as `package.module:function`; None for an empty name.

    Raises:
        InputError: There is none.
    """
    if not name:
        return None
    module, _, function = name.partition(":")
    try:
        made: ClipMaker = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"Clips: wanted module:function that makes a clip of (seed, frames, height, width), got {name!r}: {error}. "
            "Check the name, or leave it out."
        ) from error
    return made


def clip_example(make_clip: ClipMaker, seed: int, height: int, width: int) -> Example:
    """The first frame of a clip."""
    clip = make_clip(seed, 1, height, width)
    return Example(picture=np.asarray(clip.frames[0]), inverse=np.asarray(1 / clip.depth[0], np.float32))
