"""Similarities, thin plates, regions and pairings: what holds for all of them, and against plain references."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from motionstream_webcam.pairing import pair
from motionstream_webcam.region import Region
from motionstream_webcam.similarity import Similarity, consensus
from motionstream_webcam.thin_plate import ThinPlate

seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
turns = st.builds(lambda size, angle: size * np.exp(1j * angle), st.floats(0.2, 4), st.floats(-3, 3))
shifts = st.builds(complex, st.floats(-2, 2), st.floats(-2, 2))


def places(seed: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, 2))


@quick
@given(seeds, turns, shifts)
def test_a_similarity_is_found_again_and_undone(seed: int, turn: complex, shift: complex) -> None:
    motion = Similarity(turn=turn, shift=shift)
    before = places(seed)
    found = Similarity.fit(before, motion(before))
    np.testing.assert_allclose([found.turn, found.shift], [turn, shift], atol=1e-9)
    np.testing.assert_allclose(found.inverse()(motion(before)), before, atol=1e-9)


def test_a_similarity_fits_as_a_least_squares_solver_does() -> None:
    before, after = places(1), places(2)
    x, y = before.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    system = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, p, q = np.linalg.lstsq(system, after.T.ravel(), rcond=None)[0]
    found = Similarity.fit(before, after)
    np.testing.assert_allclose([found.turn, found.shift], [a + 1j * b, p + 1j * q], atol=1e-12)


@quick
@given(seeds, turns, shifts)
def test_most_points_agree_whatever_the_others_do(seed: int, turn: complex, shift: complex) -> None:
    rng = np.random.default_rng(seed)
    before, wrong = places(seed, 60), np.arange(60) < 18
    motion = Similarity(turn=turn, shift=shift)
    after = motion(before) + np.where(wrong[:, None], rng.uniform(0.5, 1, (60, 2)), 0)
    found = consensus(before, after, 0.01)
    assert not found.agree[wrong].any()
    assert found.agree[~wrong].all()
    np.testing.assert_allclose(found.motion(before), motion(before), atol=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_points_have_a_finite_motion(count: int) -> None:
    before = np.full((count, 2), 0.5)
    found = consensus(before, before + 0.1, 0.01)
    np.testing.assert_allclose(found.motion(before), before + (0.1 if count else 0), atol=1e-12)


@quick
@given(seeds)
def test_a_thin_plate_goes_through_its_places_with_the_slope_it_says(seed: int) -> None:
    before, after, anywhere = places(seed, 9), places(seed + 1, 9), places(seed + 2, 5)
    plate = ThinPlate.fit(before, after)
    np.testing.assert_allclose(plate(before), after, atol=1e-5)
    step = 1e-6
    for axis in range(2):
        ahead = np.eye(2)[axis] * step
        slope = (plate(anywhere + ahead) - plate(anywhere - ahead)) / (2 * step)
        np.testing.assert_allclose(plate.jacobian(anywhere)[:, :, axis], slope, atol=1e-3, rtol=1e-3)


@quick
@given(seeds, turns, shifts)
def test_a_thin_plate_does_not_bend_what_need_not_be_bent(seed: int, turn: complex, shift: complex) -> None:
    motion, before, anywhere = Similarity(turn=turn, shift=shift), places(seed, 9), places(seed + 1)
    np.testing.assert_allclose(ThinPlate.fit(before, motion(before))(anywhere), motion(anywhere), atol=1e-5)


boxes = st.tuples(st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0.1, 0.4), st.floats(0.1, 0.4)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@quick
@given(boxes, st.floats(0.3, 2), st.integers(1, 900))
def test_a_grid_lies_in_its_box_and_has_about_as_many_points(box: tuple, aspect: float, count: int) -> None:
    region = Region.of_box(box, aspect)
    grid = region.grid(count)
    assert region.contains(grid).all()
    assert 0.4 * count - 1 <= len(grid) <= 2 * count + 1


@quick
@given(seeds, st.floats(0.02, 0.3), st.floats(0.5, 1.5), st.integers(1, 300))
def test_a_brush_holds_what_is_near_its_stroke_and_nothing_else(
    seed: int, radius: float, aspect: float, count: int
) -> None:
    stroke = places(seed, 3)
    region = Region.of_brush(stroke, radius, aspect)
    line = np.concatenate([np.linspace(a, b, 200) for a, b in pairwise(stroke)]) * (1, aspect)
    asked = places(seed + 1, 200) * (1, aspect)
    distance = np.linalg.norm(asked[:, None] - line[None], axis=-1).min(axis=1)
    held = region.contains(asked)
    assert not held[distance > radius * 1.01].any()
    assert held[distance < radius * 0.95].all()
    assert region.contains(region.grid(count)).all()
    assert len(region.grid(count)) >= 1


@quick
@given(boxes, boxes, st.floats(0.5, 1.5), st.floats(0.5, 1.5))
def test_by_similarity_the_target_fits_into_the_cameras_box_and_touches_it(
    camera_box: tuple, target_box: tuple, camera_aspect: float, target_aspect: float
) -> None:
    camera, target = Region.of_box(camera_box, camera_aspect), Region.of_box(target_box, target_aspect)
    found = pair(camera, target, camera_aspect=camera_aspect, target_aspect=target_aspect, num_points=200)
    assert len(found.target) == len(target.grid(200))
    scale = 1 / found.jacobian[0, 0, 0]
    np.testing.assert_allclose(found.camera - camera.middle, scale * (found.target - target.middle), atol=1e-9)
    np.testing.assert_allclose(max(scale * t / c for t, c in zip(target.size, camera.size, strict=True)), 1)


@quick
@given(boxes, boxes)
def test_by_thin_plate_a_box_fills_a_box_of_another_shape(camera_box: tuple, target_box: tuple) -> None:
    camera, target = Region.of_box(camera_box, 0.75), Region.of_box(target_box, 0.75)
    found = pair(camera, target, camera_aspect=0.75, target_aspect=0.75, num_points=200, kind="thin_plate")
    wanted = camera.middle + (found.target - target.middle) * np.divide(camera.size, target.size)
    assert np.abs((found.camera - wanted) / camera.size).max() < 0.1
    grown = np.divide(target.size, camera.size)
    np.testing.assert_allclose(np.median(found.jacobian[:, [0, 1], [0, 1]], axis=0), grown, rtol=0.15)


def test_the_whole_camera_picture_covers_the_whole_target() -> None:
    for camera, target in ((0.75, 0.5), (0.5, 1.6), (1.0, 1.0)):
        found = pair(
            Region.whole(camera), Region.whole(target), camera_aspect=camera, target_aspect=target, num_points=9
        )
        corners = found.over(np.array([[0, 0], [1, camera]]))
        assert (corners[0] <= 1e-9).all()
        assert (corners[1] >= np.array([1, target]) - 1e-9).all()
        np.testing.assert_allclose(found.over(np.array([[0.5, camera / 2]])), [[0.5, target / 2]])
