import numpy as np
import pytest

from motionstream.training.world.camera import Camera, make_camera, still_camera
from motionstream.training.world.motion import dragged_motion, free_motion, make_bends
from motionstream.training.world.path import make_path
from motionstream.training.world.plane import Plane

_KINDS = ("linear", "arc", "sinusoid", "drag", "zigzag", "wander")


@pytest.mark.parametrize("kind", _KINDS)
def test_a_path_starts_at_zero_and_moves_without_jumps(kind: str) -> None:
    for seed in range(20):
        path = make_path(np.random.default_rng(seed), 33, kind, 0.01)
        assert path.shape == (33, 2)
        assert np.allclose(path[0], 0)
        step = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert 0 < step.max() < 0.12


def test_a_dragged_thing_rests_at_times_and_keeps_to_the_speed_of_a_hand() -> None:
    rests = 0
    for seed in range(40):
        offset = dragged_motion(np.random.default_rng(seed), 33).offset
        step = np.abs(np.diff(offset, axis=0)).max(axis=1)
        assert step.max() <= 0.04 + 1e-9
        assert np.abs(offset).max() <= 0.55 + 1e-9
        rests += bool((step < 1e-9).any())
    assert rests > 20


def test_a_free_thing_is_unchanged_at_frame_0_and_mostly_slow() -> None:
    speed = []
    for seed in range(60):
        motion = free_motion(np.random.default_rng(seed), 33)
        assert np.allclose(motion.stretch[0], 1)
        assert motion.turn[0] == pytest.approx(0)
        speed.append(np.linalg.norm(np.diff(motion.offset, axis=0), axis=1).mean())
    assert np.percentile(speed, 75) < 0.025


def test_bends_are_zero_at_frame_0() -> None:
    for seed in range(10):
        for bend in make_bends(np.random.default_rng(seed), 9, 40, 30, 0.1):
            assert bend.amplitude[0] == pytest.approx(0)


def _camera(**change: np.ndarray) -> Camera:
    still = still_camera(3)
    return Camera(**{**{k: getattr(still, k) for k in ("pan", "zoom", "dolly", "roll")}, **change}, move="moves")


def test_panning_shifts_near_planes_more_than_far_ones_and_against_the_pan() -> None:
    camera = _camera(pan=np.array([(0, 0), (8, 0), (16, 0)], float))
    near, far = (camera.view(depth, 64, 64)[:, 0, 2] for depth in (1.0, 4.0))
    assert np.allclose(near, (0, -8, -16))
    assert np.allclose(far, (0, -2, -4))


def test_driving_forward_grows_near_planes_more_about_the_middle() -> None:
    camera = _camera(dolly=np.array([0, 0.2, 0.4]))
    near, far = (camera.view(depth, 64, 32) for depth in (1.0, 4.0))
    assert near[2, 0, 0] == pytest.approx(1 / 0.6)
    assert far[2, 0, 0] == pytest.approx(4 / 3.6)
    assert np.allclose(Plane(matrix=near).to_frame(np.array([[16.0], [32.0]]))[:, :, 0], (16, 32))


def test_every_camera_starts_at_the_identity_and_stays_behind_the_nearest_plane() -> None:
    for seed in range(40):
        camera = make_camera(np.random.default_rng(seed), 80, 64)
        assert np.allclose(camera.view(1.5, 64, 64)[0], [[1, 0, 0], [0, 1, 0]])
        assert (camera.depth_of(1.0) > 0.5).all()
        assert camera.move
