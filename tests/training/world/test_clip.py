import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.training.world import Clip, make_clip
from motionstream.training.world.clip import GRID


def _digest(clip: Clip) -> str:
    parts = (clip.frames, clip.tracks.xy, clip.tracks.visible, clip.layer)
    return hashlib.sha256(b"".join(p.tobytes() for p in parts) + clip.caption.encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes() -> None:
    for seed in range(6):
        assert _digest(make_clip(seed, 9, 64, 64)) == _digest(make_clip(seed, 9, 64, 64))


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = (
        "import hashlib; from motionstream.training.world import make_clip; c = make_clip(11, 9, 64, 64);"
        "print(hashlib.sha256(b''.join(p.tobytes() for p in (c.frames, c.tracks.xy, c.tracks.visible, c.layer))"
        " + c.caption.encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert other.stdout.strip() == _digest(make_clip(11, 9, 64, 64))


def test_different_seeds_give_different_clips() -> None:
    assert len({_digest(make_clip(seed, 3, 32, 32)) for seed in range(20)}) == 20


@pytest.mark.parametrize(("num_frames", "height", "width"), [(1, 64, 64), (2, 40, 72), (70, 32, 32), (5, 96, 160)])
def test_any_length_and_any_size_that_is_a_multiple_of_8_works(num_frames: int, height: int, width: int) -> None:
    for calm in (True, False):
        clip = make_clip(1, num_frames, height, width, calm=calm)
        assert clip.frames.shape == (num_frames, height, width, 3)
        assert clip.frames.dtype == np.uint8
        assert clip.tracks.xy.shape == (num_frames, GRID * GRID, 2)
        assert clip.layer.shape == (GRID * GRID,)


@pytest.mark.parametrize(("num_frames", "height", "width"), [(0, 64, 64), (9, 60, 64), (9, 64, 0)])
def test_a_size_it_cannot_make_is_refused_by_name(num_frames: int, height: int, width: int) -> None:
    with pytest.raises(InputError, match="multiples of 8"):
        make_clip(0, num_frames, height, width)


def test_every_cell_of_frame_0_has_its_track_and_all_are_visible_there() -> None:
    clip = make_clip(4, 5, 64, 96)
    cell = np.floor(clip.tracks.xy[0] * GRID).astype(int)
    assert np.array_equal(cell[:, 1] * GRID + cell[:, 0], np.arange(GRID * GRID))
    assert clip.tracks.visible[0].mean() > 0.98


def test_in_a_calm_clip_the_camera_stands_and_most_of_the_picture_never_changes() -> None:
    for seed in range(12):
        clip = make_clip(seed, 17, 64, 64, calm=True)
        assert not clip.camera_moves
        changed = (clip.frames != clip.frames[:1]).any(axis=(0, 3))
        assert changed.mean() < 0.85


def test_calm_clips_drag_something_over_a_good_part_of_the_width() -> None:
    reach = []
    for seed in range(40):
        xy = make_clip(seed, 33, 32, 32, calm=True).tracks.xy
        reach.append(float(np.linalg.norm(xy - xy[:1], axis=2).max()))
    assert 0.15 < np.median(reach) < 0.5
    assert max(reach) > 0.4


def test_about_half_of_the_clips_are_calm() -> None:
    moving = [make_clip(seed, 2, 16, 16).camera_moves for seed in range(100)]
    assert 30 < sum(moving) < 70


def test_another_motion_seed_moves_the_same_first_frame_differently() -> None:
    for seed in range(8):
        first, second = (make_clip(seed, 17, 64, 64, calm=True, motion_seed=m) for m in (100, 205))
        assert np.abs(first.frames[0].astype(int) - second.frames[0]).max() <= 1
        assert np.array_equal(first.tracks.xy[0], second.tracks.xy[0])
        assert not np.array_equal(first.tracks.xy, second.tracks.xy)


def test_layer_map_and_depth_agree_with_the_layers_of_the_tracks() -> None:
    clip = make_clip(6, 9, 64, 64, calm=False)
    pixel = np.floor(clip.tracks.xy[0] * 64).astype(int)
    assert (clip.layer_map[0, pixel[:, 1], pixel[:, 0]] == clip.layer).mean() > 0.95
    assert clip.depth.shape == (9, 64, 64)
    for number, layer in enumerate(clip.scene.layers):
        assert np.allclose(clip.depth[3][clip.layer_map[3] == number], layer.depth[3])
    assert clip.depth.min() > 0


def test_following_the_grid_again_gives_the_same_tracks() -> None:
    clip = make_clip(8, 9, 64, 64, calm=False)
    again = clip.follow(clip.tracks.xy[0])
    assert np.allclose(again.xy, clip.tracks.xy, atol=1e-6)
    assert np.array_equal(again.visible, clip.tracks.visible)


def test_points_of_a_later_frame_are_followed_backwards_too() -> None:
    clip = make_clip(8, 9, 64, 64, calm=False)
    seen = clip.tracks.visible[6] & clip.tracks.visible[0]
    back = clip.follow(clip.tracks.xy[6, seen], frame=6)
    close = np.linalg.norm(back.xy[0] - clip.tracks.xy[0, seen], axis=1) < 1e-3
    assert seen.sum() > 100
    assert close.mean() > 0.97  # a point on a silhouette's half-covered rim may be owned by either side
