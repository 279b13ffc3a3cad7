import cv2
import numpy as np
import pytest

from motionstream.training.world import make_clip
from motionstream.training.world.layer import Layer, to_bytes
from motionstream.training.world.plane import Plane
from motionstream.training.world.render import render_frames
from motionstream.training.world.tracking import topmost, track_points


def _shifts(x: list[float], y: list[float]) -> np.ndarray:
    return np.array([[[1, 0, a], [0, 1, b]] for a, b in zip(x, y)], float)


def _known_scene() -> tuple[Layer, ...]:
    """A grey wall, and a red 8x8 square whose left top corner is at (4 + 3 t, 10) in frame t of 6."""
    wall = to_bytes(np.full((32, 48, 3), 100, np.float32))
    square = to_bytes(np.full((8, 8, 3), (200, 0, 0), np.float32), np.ones((8, 8), np.float32))
    still, moving = _shifts([0] * 6, [0] * 6), _shifts([4 + 3 * t for t in range(6)], [10] * 6)
    depth = np.ones(6)
    return (
        Layer(rgba=wall, plane=Plane(matrix=still), depth=3 * depth, opaque=True, endless=True),
        Layer(rgba=square, plane=Plane(matrix=moving), depth=depth),
    )


def test_a_known_scene_is_painted_where_its_transform_says() -> None:
    frames = render_frames(_known_scene(), 6, 32, 48)
    for t in range(6):
        red = frames[t, ..., 0] == 200
        assert red.sum() == 64
        assert red[10:18, 4 + 3 * t : 12 + 3 * t].all()
        assert (frames[t][~red] == 100).all()


def test_a_point_belongs_to_the_nearest_layer_that_covers_it() -> None:
    pixel = np.array([[5.0, 13.0], [11.4, 13.0], [12.6, 13.0], [5.0, 20.0]]).T
    assert topmost(_known_scene(), pixel).tolist() == [1, 1, 0, 0]


def test_points_of_a_known_scene_move_with_their_layer_and_hide_behind_the_nearer_one() -> None:
    layers = _known_scene()
    pixel = np.array([[5.5, 13.5], [20.5, 13.5], [40.0, 30.0]]).T
    position, visible = track_points(layers, pixel, topmost(layers, pixel), 32, 48)
    assert np.allclose(position[:, 0, 0], 5.5 + 3 * np.arange(6))
    assert np.allclose(position[:, :, 1], [[20.5, 13.5]] * 6)
    assert visible[:, 0].all()
    covered = [4 + 3 * t <= 20.5 < 12 + 3 * t for t in range(6)]
    assert visible[:, 1].tolist() == [not hidden for hidden in covered]
    assert any(covered)
    assert visible[:, 2].all()


def test_a_point_outside_the_frame_is_not_visible_and_keeps_its_position() -> None:
    layers = _known_scene()
    position, visible = track_points(layers, np.array([[5.5], [13.5]]), np.array([1]), 32, 12)
    assert position[-1, 0, 0] == pytest.approx(20.5)
    assert visible[:, 0].tolist() == [True, True, True, False, False, False]


def _colour_at(frame: np.ndarray, xy: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    x, y = (xy * (width, height) - 0.5).astype(np.float32).T
    picture = frame.astype(np.float32)
    return np.asarray(cv2.remap(picture, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))[
        :, 0
    ]


@pytest.mark.parametrize("calm", [True, False])
def test_visible_points_that_moved_keep_their_colour(calm: bool) -> None:
    along, stayed = [], []
    for seed in range(20):
        clip = make_clip(seed, 17, 128, 128, calm=calm)
        xy, visible = clip.tracks.xy, clip.tracks.visible
        first = _colour_at(clip.frames[0], xy[0])
        moved = visible[0] & visible[16] & (np.linalg.norm(xy[16] - xy[0], axis=1) > 0.03)
        along.append(np.abs(_colour_at(clip.frames[16], xy[16]) - first).mean(axis=1)[moved])
        stayed.append(np.abs(_colour_at(clip.frames[16], xy[0]) - first).mean(axis=1)[moved])
    track, still = np.concatenate(along), np.concatenate(stayed)
    assert np.median(track) < 2
    assert track.mean() < 0.2 * still.mean()


def test_optical_flow_finds_the_tracks() -> None:
    errors = []
    for seed in range(12):
        clip = make_clip(seed, 9, 128, 128, calm=False)
        before, after = (cv2.cvtColor(clip.frames[t], cv2.COLOR_RGB2GRAY) for t in (7, 8))
        start, end = ((clip.tracks.xy[t] * 128 - 0.5).astype(np.float32) for t in (7, 8))
        found, there, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None, winSize=(11, 11))
        back, here, _ = cv2.calcOpticalFlowPyrLK(after, before, found, None, winSize=(11, 11))
        sure = (there[:, 0] > 0) & (here[:, 0] > 0) & (np.linalg.norm(back - start, axis=1) < 0.2)
        sure &= clip.tracks.visible[7] & clip.tracks.visible[8] & (np.linalg.norm(end - start, axis=1) > 0.2)
        errors.append(np.linalg.norm(found - end, axis=1)[sure])
    assert len(np.concatenate(errors)) > 1000
    assert np.median(np.concatenate(errors)) < 0.15


def test_points_hide_and_come_back_in_lively_clips() -> None:
    hidden = returned = 0
    for seed in range(20):
        clip = make_clip(seed, 33, 64, 64, calm=False)
        inside = ((clip.tracks.xy >= 0) & (clip.tracks.xy < 1)).all(axis=2)
        covered = inside & ~clip.tracks.visible
        hidden += int(covered.any(axis=0).sum())
        returned += int((covered[:-1] & clip.tracks.visible[1:]).any(axis=0).sum())
    assert hidden > 500
    assert returned > 100
