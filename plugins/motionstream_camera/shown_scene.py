"""ShownScene: what a page shows of a scene: its depth as a picture, a thin cloud, where presets would fly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from motionstream_camera.depth.picture import depth_picture
from motionstream_camera.presets import PRESETS, PresetFlight, PresetName
from motionstream_camera.settings import CameraSettings
from motionstream_camera.surface import Surface

MOST_POINTS = 900
_PREVIEW_POINTS = 24
_GREY = 160  # of points of a scene without a picture


def shown_scene(
    surface: Surface, image: UInt8[np.ndarray, "h w 3"] | None, source: str, settings: CameraSettings
) -> Mapping[str, Any]:
    """JSON values by name, made once for each scene.

    Args:
        surface: The scene.
        image: The picture whose depth it is.
        source: Where the depth is from, for the user.
        settings: Of the provider.
    """
    known = surface.depth.values[surface.depth.values > 0]
    return {
        "depth": depth_picture(surface.depth, surface.lens.aspect),
        "depth_source": source,
        "near": _rounded(known.min()),
        "far": _rounded(known.max()),
        "unit": "m" if surface.depth.metric else "",
        "reach": _rounded(surface.reach),
        "lens": [round(value, 5) for value in (surface.lens.fx, surface.lens.fy, surface.lens.cx, surface.lens.cy)],
        "cloud": _cloud(surface, image),
        "presets": {name: _preview(name, settings, surface.reach) for name in PRESETS},
    }


def _cloud(surface: Surface, image: UInt8[np.ndarray, "h w 3"] | None) -> dict[str, list[Any]]:
    """Points of the picture in the world, `xyz` one after another, and their colours, `rgb` from 0 to 255."""
    across = int(np.clip(np.sqrt(MOST_POINTS / surface.lens.aspect), 1, MOST_POINTS))
    columns, rows = ((np.arange(count) + 0.5) / count for count in (across, max(1, MOST_POINTS // across)))
    xy = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    points, known = surface.lift(xy)
    return {
        "xyz": _significant(points[known], surface.reach).ravel().tolist(),
        "rgb": _colours(image, xy[known]).ravel().tolist(),
    }


def _colours(image: UInt8[np.ndarray, "h w 3"] | None, xy: Float64[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n 3"]:
    if image is None:
        return np.full((len(xy), 3), _GREY, np.uint8)
    height, width = image.shape[:2]
    column, row = (xy * (width, height)).astype(np.int64).T
    return np.asarray(image[row, column])


def _preview(name: PresetName, settings: CameraSettings, reach: float) -> list[float]:
    """Positions of one round of a preset, seen from where it begins, one after another."""
    size, seconds = settings.path_amount, settings.path_seconds
    flight = PresetFlight(name=name, pivot_distance=reach, amount=size, period_seconds=seconds)
    times = np.linspace(0, seconds, _PREVIEW_POINTS).tolist()
    places = np.stack([flight.at(time)[0][:3, 3] for time in times])
    return _significant(places, reach).ravel().tolist()


def _significant(points: Float64[np.ndarray, "n 3"], reach: float) -> Float64[np.ndarray, "n 3"]:
    """Rounded to about a thousandth of the scene."""
    return np.round(points, max(0, 3 - int(np.floor(np.log10(reach)))))


def _rounded(value: float) -> float:
    return float(f"{float(value):.4g}")
