"""Which source of depth a name means."""

from __future__ import annotations

from pathlib import Path

from motionstream.errors import CheckpointError, InputError
from motionstream_camera.depth.file import SUFFIXES, FileDepth
from motionstream_camera.depth.floor import FloorDepth
from motionstream_camera.depth.network import NetworkDepth
from motionstream_camera.depth.protocol import DepthEstimator

HUB_IDS = {"depth-anything": "depth-anything/Depth-Anything-V2-Small-hf"}
_CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints"


def estimator_called(
    name: str, *, near: float = 1.0, far: float = 10.0, horizon: float = 0.45, unit: float = 0.0, inverse: bool = False
) -> DepthEstimator:
    """The source of depth of a name.

    Args:
        name: "floor", "depth-tiny", "depth-anything", a depth file, or a network's folder or hub id.
        near: Depth of the nearest place, where the source knows no unit.
        far: Depth of the farthest place, where the source knows no unit.
        horizon: Of the floor, 0 top, 1 bottom.
        unit: Of a file, in metres; 0 guesses by its numbers.
        inverse: A file holds relative inverse depth.

    Raises:
        InputError: Nothing is called so.
        CheckpointError: depth-tiny is not in the repository.
    """
    if name == "floor":
        return FloorDepth(near=near, far=far, horizon=horizon)
    if name == "depth-tiny":
        return NetworkDepth(source=str(_embedded(name)), near=near, far=far)
    if Path(name).suffix.lower() in SUFFIXES:
        return FileDepth(path=Path(name), unit=unit, inverse=inverse, near=near, far=far)
    if Path(name).is_dir():
        return NetworkDepth(source=name, near=near, far=far)
    if name in HUB_IDS or name.count("/") == 1:
        return NetworkDepth(source=HUB_IDS.get(name, name), near=near, far=far)
    raise InputError(
        f"Depth: nothing is called {name!r}; wanted floor, depth-tiny, {', '.join(HUB_IDS)}, a file "
        f"({', '.join(SUFFIXES)}), or a depth network's folder or hub id."
    )


def _embedded(name: str) -> Path:
    folder = _CHECKPOINTS / name
    if not (folder / "model.safetensors").is_file():
        raise CheckpointError(
            f"Depth network {name}: wanted weights in {folder}, found none. Run from a clone of the repository, train "
            "it (python -m motionstream_camera.train_depth), or give depth=floor."
        )
    return folder
