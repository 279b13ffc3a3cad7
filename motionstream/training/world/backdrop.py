"""Backdrops: the far plane and the ground in front of it, painted just as large as the camera will see."""

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.camera import Camera
from motionstream.training.world.colour import Palette, dominant_name
from motionstream.training.world.layer import Layer, to_bytes
from motionstream.training.world.noise import pink_noise
from motionstream.training.world.plane import Plane, compose
from motionstream.training.world.texture import Texture, defocus, make_texture

_MARGIN = 3


def make_backdrop(
    rng: np.random.Generator, camera: Camera, depth: float, height: int, width: int, palette: Palette
) -> Layer:
    """Paint the farthest layer, which fills the frame."""
    view = camera.view(depth, height, width)
    left, top, columns, rows = _seen(view, height, width)
    texture = _far_texture(rng, rows, columns, palette, height / 128)
    blur = rng.uniform(0.5, 3.5) * height / 128 if rng.random() < 0.35 else 0.0
    return Layer(
        rgba=to_bytes(defocus(texture.rgb, blur)),
        plane=Plane(matrix=_shifted(view, left, top)),
        depth=camera.depth_of(depth),
        opaque=True,
        endless=True,
        words=" ".join(w for w in (dominant_name(texture.rgb), texture.look) if w),
    )


def make_ground(
    rng: np.random.Generator, camera: Camera, depth: float, height: int, width: int, palette: Palette
) -> Layer:
    """Paint a nearer ground, hill or ledge that fills the frame below an uneven edge."""
    view = camera.view(depth, height, width)
    left, top, columns, rows = _seen(view, height, width)
    texture = make_texture(rng, rows, columns, palette, height / 128)
    alpha = _below_edge(rng, rows, columns, rng.uniform(0.45, 0.85) * height - top, height / 128)
    blur = rng.uniform(0, 1.2) * height / 128
    return Layer(
        rgba=to_bytes(defocus(texture.rgb, blur), defocus(alpha, blur)),
        plane=Plane(matrix=_shifted(view, left, top)),
        depth=camera.depth_of(depth),
        endless=True,
        words=" ".join(w for w in (dominant_name(texture.rgb, alpha), "ground") if w),
    )


def _seen(view: NDArray[np.float64], height: int, width: int) -> tuple[int, int, int, int]:
    """The rectangle of a plane that any frame shows: left, top, columns, rows in frame-0 pixels."""
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], float)
    points = Plane(matrix=view).to_texture(np.repeat(corners.T[None], len(view), 0))
    left, top = (int(v) for v in np.floor(points.min(axis=(0, 2))) - _MARGIN)
    right, bottom = (int(v) for v in np.ceil(points.max(axis=(0, 2))) + _MARGIN)
    return left, top, right - left, bottom - top


def _shifted(view: NDArray[np.float64], left: int, top: int) -> NDArray[np.float64]:
    """The same view from texels whose origin is at (left, top)."""
    return compose(view, np.array([[[1.0, 0.0, left], [0.0, 1.0, top]]]))


def _far_texture(rng: np.random.Generator, rows: int, columns: int, palette: Palette, unit: float) -> Texture:
    """A texture, at times with a second one beyond a straight or wavy border, as walls, floors and skies meet."""
    texture = make_texture(rng, rows, columns, palette, unit)
    if rng.random() > 0.3:
        return texture
    other = make_texture(rng, rows, columns, palette, unit)
    share = _below_edge(rng, rows, columns, rng.uniform(0.2, 0.8) * rows, unit)[..., None]
    return Texture(
        rgb=texture.rgb + (other.rgb - texture.rgb) * share,
        look=texture.look if texture.look == other.look else "mixed",
    )


def _below_edge(rng: np.random.Generator, rows: int, columns: int, level: float, unit: float) -> NDArray[np.float32]:
    """Alpha 1 below an uneven edge at about `level`, shape [rows columns]."""
    rough = rng.uniform(0, 8) * unit
    ridge = level + rng.normal(0, 0.12) * (np.arange(columns) - columns / 2)
    if rough > 2 * unit:
        ridge = ridge + rough * pink_noise(rng, 1, columns, 1, rng.uniform(1, 1.6))[0, 0]
    return np.clip(np.arange(rows)[:, None] + 0.5 - ridge + 0.5, 0, 1).astype(np.float32)
