"""From the motion of camera points to that of the target's, on points whose motion is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from motionstream_webcam.pairing import pair
from motionstream_webcam.region import Region
from motionstream_webcam.settings import WebcamSettings
from motionstream_webcam.shake import background
from motionstream_webcam.similarity import Similarity
from motionstream_webcam.transfer import Transfer

quick = settings(deadline=None, max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
CAMERA = (0.3, 0.3, 0.7, 0.7)
PLAIN = {"dead_zone": 0, "smoothing_cutoff": 60, "smoothing_beta": 1000, "outlier_speed": 50}


class Known:
    """A transfer from a box of the camera to one half its size, and points that can be moved at will."""

    def __init__(self, **chosen: Any) -> None:
        region, target = Region.of_box(CAMERA, 1.0), Region.of_box((0.4, 0.4, 0.6, 0.6), 1.0)
        self.settings = WebcamSettings(**{**PLAIN, **chosen})
        self.pairing = pair(region, target, camera_aspect=1, target_aspect=1, num_points=100)
        self.around = background(region, 1.0)
        self.transfer = Transfer(self.settings, self.pairing, self.pairing.camera, self.around)
        self.seconds = 0.0
        self.show()

    def show(
        self, camera: np.ndarray | None = None, around: np.ndarray | None = None, seen: np.ndarray | None = None
    ) -> np.ndarray:
        """Where the target's points went, from where they rest."""
        camera = self.pairing.camera if camera is None else camera
        around = self.around if around is None else around
        seen = np.ones(len(camera), bool) if seen is None else seen
        self.seconds += 1.0
        pose = self.transfer.pose(self.seconds, camera, around, seen, np.ones(len(around), bool))
        return pose.places - self.pairing.target


def about_middle(turn: complex, shift: complex, places: np.ndarray) -> np.ndarray:
    middle = complex(*places.mean(axis=0))
    return Similarity(turn=turn, shift=middle + shift - turn * middle)(places)


@quick
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_a_shift_is_scaled_with_the_regions_and_by_the_gain(seed: int, gain: float) -> None:
    known, shift = Known(gain=gain), np.random.default_rng(seed).uniform(-0.1, 0.1, 2)
    np.testing.assert_allclose(known.show(known.pairing.camera + shift), np.tile(gain * shift / 2, (100, 1)), atol=2e-3)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_turning_and_growing_are_kept_whatever_the_gain(gain: float) -> None:
    known, turn = Known(gain=gain), 1.2 * np.exp(0.3j)
    wanted = about_middle(turn, 0, known.pairing.target) - known.pairing.target
    np.testing.assert_allclose(known.show(about_middle(turn, 0, known.pairing.camera)), wanted, atol=2e-3)


def test_turning_and_growing_can_be_left_out() -> None:
    turn = 1.2 * np.exp(0.3j)
    for chosen, left in (
        ({"follow_rotation": False}, 1.2),
        ({"follow_scale": False}, np.exp(0.3j)),
        ({"follow_rotation": False, "follow_scale": False}, 1.0),
    ):
        known = Known(**chosen)
        wanted = about_middle(left, 0, known.pairing.target) - known.pairing.target
        np.testing.assert_allclose(known.show(about_middle(turn, 0, known.pairing.camera)), wanted, atol=2e-3)


def bent(places: np.ndarray) -> np.ndarray:
    """One part moves by itself."""
    return places + np.where(places[:, :1] < 0.4, (0.0, 0.08), (0.0, 0.0))


def test_points_move_by_themselves_or_as_one() -> None:
    free, rigid = Known(), Known(shape="rigid")
    camera = bent(free.pairing.camera)
    np.testing.assert_allclose(free.show(camera), (camera - free.pairing.camera) / 2, atol=2e-3)
    moved = rigid.show(camera)
    assert np.abs(moved).max() < 0.005  # most do not move


def test_absolute_points_lie_over_the_camera_picture() -> None:
    known = Known(mode="absolute")
    camera = known.pairing.camera + 0.1
    np.testing.assert_allclose(known.pairing.target + known.show(camera), camera, atol=2e-3)


@quick
@given(st.integers(0, 2**32 - 1))
def test_the_cameras_own_motion_moves_nothing(seed: int) -> None:
    rng, known = np.random.default_rng(seed), Known()
    shake = Similarity(turn=np.exp(1j * rng.uniform(-0.1, 0.1)), shift=complex(*rng.uniform(-0.05, 0.05, 2)))
    moved = known.show(shake(known.pairing.camera), shake(known.around))
    assert np.abs(moved).max() < 1e-6
    shift = np.array((0.06, -0.02))
    both = known.show(shake(known.pairing.camera + shift), shake(known.around))
    np.testing.assert_allclose(both, np.tile(shift / 2, (100, 1)), atol=2e-3)
    kept = Known(remove_shake=False)
    camera = shake(kept.pairing.camera)
    np.testing.assert_allclose(kept.show(camera, shake(kept.around)), (camera - kept.pairing.camera) / 2, atol=2e-3)


def test_a_point_that_jumps_is_not_believed_and_then_moves_on_from_where_it_should_be() -> None:
    known, step = Known(outlier_speed=0.05), np.array((0.01, 0.0))
    jump = np.zeros((100, 2))
    jump[:10] = (0.0, 0.3)
    first = known.show(known.pairing.camera + step + jump)
    np.testing.assert_allclose(first, np.tile(step / 2, (100, 1)), atol=2e-3)
    second = known.show(known.pairing.camera + 2 * step + jump)
    np.testing.assert_allclose(second, np.tile(step, (100, 1)), atol=2e-3)


def test_points_that_are_not_seen_go_with_their_neighbours() -> None:
    known, step = Known(), np.array((0.05, 0.02))
    seen = np.arange(100) % 3 > 0
    camera = np.where(seen[:, None], known.pairing.camera + step, 0.9)
    np.testing.assert_allclose(known.show(camera, seen=seen), np.tile(step / 2, (100, 1)), atol=2e-3)
    np.testing.assert_allclose(known.show(camera * 0, seen=~seen & seen), np.tile(step / 2, (100, 1)), atol=2e-3)


def test_noise_of_the_sensor_moves_nothing() -> None:
    known, rng = Known(dead_zone=0.004), np.random.default_rng(0)
    for _ in range(20):
        moved = known.show(known.pairing.camera + rng.normal(0, 0.001, (100, 2)))
    assert np.abs(moved).max() < 1e-3
