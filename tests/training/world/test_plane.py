import numpy as np
import pytest

from motionstream.training.world.deform import Bend, Deformation, Pull
from motionstream.training.world.plane import Plane, compose

_T = 5
_BEND = Bend(axis=0, amplitude=np.linspace(0, 3, _T), phase=np.linspace(0.2, 1, _T), rate=0.12, pivot=20.0)
_CROSS = Bend(axis=1, amplitude=np.linspace(0, -2, _T), phase=np.linspace(2, 1, _T), rate=0.09, pivot=15.0)
_PULL = Pull(centre=(22.0, 18.0), shift=np.linspace((0, 0), (9.0, -7.0), _T), sigma=10.5)


def _points() -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 40, (2, 200))


def _matrix() -> np.ndarray:
    angle = np.linspace(0, 0.7, _T)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], -2)
    shift = np.stack([np.linspace(0, 12, _T), np.linspace(0, -4, _T)], -1)[..., None]
    return np.concatenate([turn * np.linspace(1, 1.4, _T)[:, None, None], shift], -1)


@pytest.mark.parametrize("deformation", [_BEND, _CROSS, _PULL])
def test_undoing_a_deformation_gives_the_points_back(deformation: Deformation) -> None:
    x, y = (np.repeat(row[None], _T, 0) for row in _points())
    moved = deformation.apply(x, y)
    assert max(np.abs(moved[0] - x).max(), np.abs(moved[1] - y).max()) > 1
    assert np.allclose(deformation.undo(*moved), (x, y), atol=1e-6)


@pytest.mark.parametrize("deformation", [_BEND, _CROSS, _PULL])
def test_frame_0_is_drawn_as_it_is_and_reach_bounds_the_rest(deformation: Deformation) -> None:
    x, y = (np.repeat(row[None], _T, 0) for row in _points())
    moved = deformation.apply(x, y)
    assert np.allclose(moved[0][0], x[0], atol=1e-9)
    assert np.allclose(moved[1][0], y[0], atol=1e-9)
    assert max(np.abs(moved[0] - x).max(), np.abs(moved[1] - y).max()) <= deformation.reach + 1e-9


def test_a_pull_takes_its_centre_all_the_way_and_leaves_far_points() -> None:
    x, y = np.full((_T, 2), (22.0, 200.0)), np.full((_T, 2), (18.0, 200.0))
    moved = np.stack(_PULL.apply(x, y), axis=-1)
    assert np.allclose(moved[:, 0] - (22.0, 18.0), _PULL.shift, atol=1e-9)
    assert np.allclose(moved[:, 1], 200.0)


def test_a_plane_maps_to_the_frame_and_back() -> None:
    plane = Plane(matrix=_matrix(), bends=(_BEND, _CROSS, _PULL))
    points = _points()
    back = plane.to_texture(plane.to_frame(points))
    assert np.allclose(back, points, atol=1e-5)


def test_one_frame_of_a_plane_is_that_frame() -> None:
    plane = Plane(matrix=_matrix(), bends=(_BEND, _PULL))
    assert np.allclose(plane.at(3).to_frame(_points())[0], plane.to_frame(_points())[3])


def test_the_renderers_lookup_agrees_with_the_tracks_transform() -> None:
    plane = Plane(matrix=_matrix(), bends=(_BEND, _CROSS, _PULL))
    map_x, map_y = plane.lookup(4, 5, 7, 20, 10)
    row, column = 6, 13
    pixel = np.repeat(np.array([[[5 + column + 0.5], [7 + row + 0.5]]]), _T, 0)
    texel = plane.to_texture(pixel)[4, :, 0]
    assert np.allclose((map_x[row, column], map_y[row, column]), texel - 0.5, atol=1e-3)


def test_composing_applies_the_inner_map_first() -> None:
    inner, outer = _matrix(), _matrix()[::-1]
    both = Plane(matrix=compose(outer, inner)).to_frame(_points())
    step = Plane(matrix=inner).to_frame(_points())
    assert np.allclose(both, outer[:, :, :2] @ step + outer[:, :, 2:])


def test_a_plane_knows_whether_it_stands_still() -> None:
    still = np.repeat(_matrix()[2:3], _T, 0)
    assert Plane(matrix=still).still
    assert not Plane(matrix=_matrix()).still
    assert not Plane(matrix=still, bends=(_PULL,)).still
