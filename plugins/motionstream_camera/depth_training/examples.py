"""ExampleStore: drawn examples by number, each rendered once and kept in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from motionstream_camera.depth_training.rendering import Example, drawn_example
from motionstream_camera.depth_training.source import ClipMaker, clip_example

HEIGHT, WIDTH = 152, 200  # multiples of 8, as clips want; a little more than the network sees


class ExampleStore:
    """Examples 0 to `size - 1` of a seed; the same number is the same example, now and after a restart.

    Args:
        folder: Keeps what is rendered.
        seed: Of the scenes.
        size: How many there are.
        make_clip: Makes layered clips with depth; None for ray-cast scenes alone.
        clip_share: Part of the examples that are frames of such clips.
    """

    def __init__(self, folder: Path, *, seed: int, size: int, make_clip: ClipMaker | None, clip_share: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.size = size
        self._seed, self._make_clip, self._clip_share = seed, make_clip, clip_share
        kind = f"{seed}_{size}_{clip_share if make_clip is not None else 0:g}.npy"
        self._pictures = _array(folder / f"pictures_{kind}", np.uint8, (size, HEIGHT, WIDTH, 3))
        self._inverses = _array(folder / f"inverses_{kind}", np.float16, (size, HEIGHT, WIDTH))

    def __getitem__(self, number: int) -> Example:
        if not self._inverses[number].any():
            drawn = self._drawn(number)
            scaled = drawn.inverse / drawn.inverse.max()  # half precision keeps four digits of it
            self._pictures[number], self._inverses[number] = drawn.picture, scaled
        return Example(picture=self._pictures[number], inverse=self._inverses[number].astype(np.float32))

    def _drawn(self, number: int) -> Example:
        rng = np.random.default_rng((self._seed, number))
        if self._make_clip is not None and rng.random() < self._clip_share:
            return clip_example(self._make_clip, int(rng.integers(2**31)), HEIGHT, WIDTH)
        return drawn_example(rng, HEIGHT, WIDTH)


def _array(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray[np.generic]:
    if path.is_file():
        return open_memmap(path, mode="r+")
    return open_memmap(path, mode="w+", dtype=dtype, shape=shape)
