"""NetworkDepth: a depth network of transformers, by folder or hub id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from motionstream.errors import CheckpointError, InputError
from motionstream_camera.depth.depth_map import DepthMap

_METRIC_TYPES = {"zoedepth", "depth_pro", "glpn"}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class _Preparation:
    """How a network wants its picture."""

    shorter_side: int
    multiple: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkDepth:
    """Any `AutoModelForDepthEstimation`; Depth Anything is one.

    Attributes:
        source: Folder or hub id.
        near: Depth of the nearest place, for networks that tell relative inverse depth.
        far: Depth of the farthest place, for those.
    """

    source: str
    near: float
    far: float

    @property
    def description(self) -> str:
        """What it is, for the user."""
        return f"{self.source}, {'metres' if self._is_metric else f'relative ({self.near:g} near, {self.far:g} far)'}"

    def estimate(self, image: UInt8[np.ndarray, "h w 3"] | None, aspect: float) -> DepthMap:
        """Run the network on the picture; takes seconds on a CPU.

        Raises:
            CheckpointError: The weights are missing or do not fit.
        """
        if image is None:
            raise InputError(f"Depth by {self.source}: wanted a picture, got none. Start the stream with one.")
        told = self._predict(image)
        if self._is_metric:
            return DepthMap(values=told, metric=True)
        return DepthMap.of_inverse(told, self.near, self.far)

    @cached_property
    def _model(self) -> Any:
        try:
            from transformers import AutoModelForDepthEstimation

            return AutoModelForDepthEstimation.from_pretrained(self.source, use_safetensors=True).eval()
        except (OSError, ValueError, ImportError, KeyError) as error:
            first = str(error).strip().splitlines()[:1]
            raise CheckpointError(
                f"Depth network {self.source}: could not be loaded: {''.join(first)} "
                "Give a folder with config.json and model.safetensors, a hub id, or depth=floor."
            ) from error

    @property
    def _is_metric(self) -> bool:
        config = self._model.config
        return getattr(config, "depth_estimation_type", None) == "metric" or config.model_type in _METRIC_TYPES

    def _predict(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
        import cv2
        import torch

        prepared = _prepared(image, self._preparation())
        with torch.inference_mode():
            told = self._model(pixel_values=torch.from_numpy(prepared)).predicted_depth[0].float().numpy()
        size = (image.shape[1], image.shape[0])
        return np.asarray(cv2.resize(told, size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _preparation(self) -> _Preparation:
        """What the checkpoint says, or what Depth Anything wants."""
        said = _processor_settings(self.source)
        size = said.get("size") or {}
        backbone = getattr(self._model.config, "backbone_config", None)
        patch, side = getattr(backbone, "patch_size", None) or 14, getattr(backbone, "image_size", None) or 518
        return _Preparation(
            shorter_side=int(size.get("height") or size.get("shortest_edge") or side),
            multiple=int(said.get("ensure_multiple_of") or patch),
            mean=tuple(said.get("image_mean") or _IMAGENET[0]),
            std=tuple(said.get("image_std") or _IMAGENET[1]),
        )


def _prepared(image: UInt8[np.ndarray, "h w 3"], wanted: _Preparation) -> Float32[np.ndarray, "1 3 h w"]:
    """Scaled so that the shorter side fits, both sides a multiple of the patch, normalised."""
    import cv2

    h, w = image.shape[:2]
    scale = wanted.shorter_side / min(h, w)
    height, width = (max(1, round(side * scale / wanted.multiple)) * wanted.multiple for side in (h, w))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(image, (width, height), interpolation=kind).astype(np.float32) / 255
    normalised = (pixels - np.array(wanted.mean, np.float32)) / np.array(wanted.std, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def _processor_settings(source: str) -> dict[str, Any]:
    folder = Path(source)
    if folder.is_dir():
        file = folder / "preprocessor_config.json"
    else:
        from transformers.utils import cached_file

        try:
            found = cached_file(source, "preprocessor_config.json")
        except OSError:
            return {}
        file = Path(found) if found else folder
    return json.loads(file.read_text()) if file.is_file() else {}
