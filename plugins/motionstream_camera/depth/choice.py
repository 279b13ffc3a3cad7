"""Which source of depth a name means."""

from __future__ import annotations

from pathlib import Path

from motionstream.errors import InputError
from motionstream_camera.depth.file import SUFFIXES, FileDepth
from motionstream_camera.depth.floor import FloorDepth
from motionstream_camera.depth.network import NetworkDepth
from motionstream_camera.depth.protocol import DepthEstimator

HUB_IDS = {"depth-anything": "depth-anything/Depth-Anything-V2-Small-hf"}


def estimator_called(
    name: str, *, near: float = 1.0, far: float = 10.0, horizon: float = 0.45, unit: float = 0.0, inverse: bool = False
) -> DepthEstimator:
    """The source of depth of a name.

    Args:
        name: "floor", "depth-anything", a depth file, or a network's folder or hub id.
        near: Depth of the nearest place, where the source knows no unit.
        far: Depth of the farthest place, where the source knows no unit.
        horizon: Of the floor, 0 top, 1 bottom.
        unit: Of a file, in metres; 0 guesses by its numbers.
        inverse: A file holds relative inverse depth.

    Raises:
        InputError: Nothing is called so.
    """
    if name == "floor":
        return FloorDepth(near=near, far=far, horizon=horizon)
    if Path(name).suffix.lower() in SUFFIXES:
        return FileDepth(path=Path(name), unit=unit, inverse=inverse, near=near, far=far)
    if Path(name).is_dir():
        return NetworkDepth(source=name, near=near, far=far)
    if name in HUB_IDS or name.count("/") == 1:
        return NetworkDepth(source=HUB_IDS.get(name, name), near=near, far=far)
    raise InputError(
        f"Depth: nothing is called {name!r}; wanted floor, {', '.join(HUB_IDS)}, a file "
        f"({', '.join(SUFFIXES)}), or a depth network's folder or hub id."
    )
