"""The measurements of the camera, on a made scene whose depth and poses are exact, and on real clips where they are."""

import json

import cv2
import numpy as np
import pytest
from motionstream_camera import CameraPath, Lens, write_camera_path
from motionstream_camera.depth import DepthMap, estimator_called
from motionstream_camera.measure.__main__ import main
from motionstream_camera.measure.clip import Clip
from motionstream_camera.measure.library import Student
from motionstream_camera.measure.posed_videos import find_clips
from motionstream_camera.measure.poses import pose_errors, pose_table
from motionstream_camera.measure.prediction import fitted_scale, real_tracks
from motionstream_camera.measure.reprojection import reprojected
from motionstream_camera.measure.views import REPEATED, REPROJECTED, STUDENT, STUDENT_FIRST, view_table, views
from motionstream_camera.pose import DOWN, make_pose, turn

from motionstream.errors import InputError

WIDTH, HEIGHT, FRAMES = 192, 128, 6
LENS = Lens(fx=0.9, fy=0.9 * WIDTH / HEIGHT)
FLOOR = estimator_called("floor")
SLANT = 0.5  # the made scene is the plane z = 3 + SLANT * x, seen from the origin


def depth_of(lens, height, width):
    """Exact depth of the slanted plane from the origin."""
    x = (np.arange(width) + 0.5) / width
    row = 3 / (1 - SLANT * (x - lens.cx) / lens.fx)
    return DepthMap(values=np.repeat(row[None], height, axis=0), metric=True)


def texture():
    """Blobs of several sizes, smooth enough to be warped."""
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(
            rng.uniform(0, 255, (HEIGHT // cell, WIDTH // cell, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
        )
        for cell in (4, 8, 16)
    ]
    return np.clip(np.mean(layers, axis=0) * 1.6 - 76, 0, 255).astype(np.uint8)


def flight(step=0.06, yaw=0.01):
    """Sideways and a little round."""
    return np.stack([make_pose(turn(DOWN, yaw * i), np.array([step * i, 0.01 * i, 0.02 * i])) for i in range(FRAMES)])


def seen_from(picture, pose):
    """The plane as a camera sees it: rays are cut with it and look up frame 0, exactly and in the other direction."""
    x, y = np.meshgrid((np.arange(WIDTH) + 0.5) / WIDTH, (np.arange(HEIGHT) + 0.5) / HEIGHT)
    rays = LENS.unproject(np.stack([x, y], -1)) @ pose[:3, :3].T
    eye = pose[:3, 3]
    far = (3 + SLANT * eye[0] - eye[2]) / (rays[..., 2] - SLANT * rays[..., 0])
    point = eye + far[..., None] * rays
    u, v = (LENS.fx * point[..., 0] / point[..., 2] + LENS.cx, LENS.fy * point[..., 1] / point[..., 2] + LENS.cy)
    at = np.float32(u * WIDTH - 0.5), np.float32(v * HEIGHT - 0.5)
    return cv2.remap(picture, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def clip():
    picture, poses = texture(), flight()
    frames = np.stack([seen_from(picture, pose) for pose in poses])
    path = CameraPath(poses=poses, lenses=(LENS,) * FRAMES, size=(WIDTH, HEIGHT))
    return Clip(name="plane", group="made", frames=frames, path=path, depth=depth_of(LENS, HEIGHT, WIDTH))


def with_poses(clip, poses):
    path = CameraPath(poses=poses, lenses=clip.path.lenses, size=clip.path.size)
    return Clip(name="other", group=clip.group, frames=clip.frames, path=path, depth=clip.depth)


def test_exact_depth_and_poses_predict_the_real_tracks(clip):
    errors = pose_errors(clip, FLOOR, across=16)
    assert errors.points > 60
    assert errors.predicted.median_px < 0.15
    assert errors.epipolar.median_px < 0.1
    assert errors.scale == pytest.approx(1, abs=0.03)
    assert errors.rotation.median_px > 5
    assert errors.still.median_px > 5


def test_a_plane_is_a_homography_and_not_one_depth(clip):
    errors = pose_errors(clip, FLOOR, across=16)
    assert errors.homography.median_px < 0.15
    assert errors.constant.median_px > 4 * errors.predicted.median_px


def test_poses_of_another_flight_raise_the_error(clip):
    up = flight()
    up[:, :2, 3] = up[:, 1::-1, 3]  # what went to the right goes down
    right, wrong = pose_errors(clip, FLOOR, across=16), pose_errors(with_poses(clip, up), FLOOR, across=16)
    assert wrong.predicted.median_px > 10 * right.predicted.median_px
    assert wrong.epipolar.median_px > 10 * right.epipolar.median_px
    assert wrong.still == right.still


def test_the_unit_of_the_positions_is_found(clip):
    smaller = flight()
    smaller[:, :3, 3] /= 40
    real = real_tracks(clip, 16)
    assert fitted_scale(with_poses(clip, smaller), clip.depth, real) == pytest.approx(40, rel=0.03)


def test_a_camera_that_only_turns_needs_no_scale(clip):
    turning = flight(step=0)
    turning[:, :3, 3] = 0
    assert fitted_scale(with_poses(clip, turning), clip.depth, real_tracks(clip, 16)) == 0


def test_the_table_of_poses_has_a_row_for_each_clip_and_a_median(clip):
    rows = [pose_errors(clip, FLOOR, across=8)] * 2
    lines = pose_table(rows).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["clip", "---", "plane", "plane", "median of clips"]
    titles = "depth and poses | one depth | rotation only | best homography | no motion | off the epipolar line"
    assert titles in lines[0]
    assert len({line.count("|") for line in lines}) == 1
    assert str(rows[0].predicted) in lines[2]
    assert str(rows[0].predicted) in lines[4]


def test_a_square_of_a_clip_sees_the_same_points(clip):
    """A place in the middle of the cut keeps its depth and its ray."""
    square = clip.squared()
    assert square.frames.shape == (FRAMES, HEIGHT, HEIGHT, 3)
    wide, cut = np.array([[0.6, 0.3]]), np.array([[(0.6 - 1 / 6) * 1.5, 0.3]])
    rays = [one.lenses[0].unproject(xy, one.depth.at(xy, 0.15)) for one, xy in ((clip, wide), (square, cut))]
    np.testing.assert_allclose(*rays, rtol=1e-3)


def test_points_seen_from_where_they_were_taken_are_the_picture(clip):
    still = with_poses(clip, np.tile(np.eye(4), (FRAMES, 1, 1)))
    frames, holes = reprojected(still, clip.depth, 1.0, (WIDTH, HEIGHT))
    assert holes == 0
    assert np.abs(frames[1].astype(int) - clip.frames[0]).mean() < 2


def test_what_is_behind_is_not_drawn(clip):
    """A near strip of another colour moves over the far picture and hides it."""
    values = np.full((HEIGHT, WIDTH), 4.0)
    values[:, 80:112] = 2.0
    frames = clip.frames.copy()
    frames[0] = 40
    frames[0][:, 80:112] = 220
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[1:, 0, 3] = 4 * 8 / (LENS.fx * WIDTH)  # 8 px of the far and 16 px of the near
    path = CameraPath(poses=poses, lenses=clip.path.lenses, size=clip.path.size)
    near = Clip(name="strip", group="made", frames=frames, path=path, depth=DepthMap(values=values, metric=True))
    row = reprojected(near, near.depth, 1.0, (WIDTH, HEIGHT))[0][1][64, :, 0]
    assert (row[66:94] == 220).all()
    assert (row[:62] == 40).all()
    assert (row[106:180] == 40).all()  # what lies to the right of it came into the picture and was painted in


def test_reprojection_of_exact_depth_beats_the_repeated_frame(clip):
    rows = {row.method: row for row in views(clip, FLOOR, None)}
    assert list(rows) == [REPEATED, REPROJECTED]
    for name, better in (("psnr_db", 1), ("ssim", 1), ("perceptual", -1)):
        gain = rows[REPROJECTED].figures[name] - rows[REPEATED].figures[name]
        assert better * gain > 0.02, name
    assert rows[REPROJECTED].figures["psnr_db"] > rows[REPEATED].figures["psnr_db"] + 6
    assert 0 < rows[REPROJECTED].holes < 0.3
    assert rows[REPEATED].frames == FRAMES - 1


def test_the_table_of_views_states_clips_frames_mean_and_median(clip):
    rows = [*views(clip, FLOOR, None), *views(with_poses(clip, flight(step=0)), FLOOR, None)]
    lines = view_table(rows).splitlines()
    assert lines[0] == "| set | clips | frames | method | PSNR dB | SSIM | perceptual | painted in |"
    assert len(lines) == 4
    assert lines[2].startswith(f"| made | 2 | {2 * (FRAMES - 1)} | {REPEATED} |")
    values = [row.figures["psnr_db"] for row in rows if row.method == REPROJECTED]
    assert f"{np.mean(values):.2f} / {np.median(values):.2f}" in lines[3]


def test_the_student_is_measured_on_the_same_frames(clip):
    rows = {row.method: row for row in views(clip, FLOOR, Student(device="cpu"))}
    assert list(rows) == [REPEATED, REPROJECTED, STUDENT, STUDENT_FIRST]
    assert rows[STUDENT].frames == rows[REPEATED].frames == FRAMES - 1
    assert rows[STUDENT_FIRST].frames == 1
    assert rows[STUDENT_FIRST].figures["psnr_db"] > 20  # it is the picture, through the decoder


@pytest.fixture
def posed_folder(clip, tmp_path):
    """The made clip in 7-Scenes' layout, with a jump in the numbers."""
    folder = tmp_path / "data" / "kitchen"
    folder.mkdir(parents=True)
    for number, frame, pose in zip((0, 5, 10, 15, 40, 45), clip.frames, clip.path.poses, strict=True):
        stem = str(folder / f"frame-{number:06d}")
        large = cv2.resize(frame, (640, 480))[..., ::-1]
        cv2.imwrite(f"{stem}.color.png", large)
        cv2.imwrite(f"{stem}.depth.png", np.full((480, 640), 3000, np.uint16))
        np.savetxt(f"{stem}.pose.txt", pose)
    return folder.parent


def test_numbered_frames_become_clips_that_end_where_the_numbers_jump(posed_folder, clip):
    (found,) = find_clips(posed_folder, num_frames=16)
    assert found.frames.shape == (4, 480, 640, 3)
    np.testing.assert_allclose(found.path.poses, clip.path.poses[:4], atol=1e-9)
    assert found.depth.values[0, 0] == pytest.approx(3)
    assert found.lenses[0].fx == pytest.approx(525 / 640)
    assert [len(one.frames) for one in find_clips(posed_folder, num_frames=3)] == [3]


def test_a_video_with_realestate_text_becomes_a_clip(clip, tmp_path):
    """Colours come back in the right order, poses and lenses to the digits of the file."""
    writer = cv2.VideoWriter(str(tmp_path / "abc.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (WIDTH, HEIGHT))
    for frame in clip.frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    write_camera_path(clip.path, tmp_path / "abc.txt")
    (found,) = find_clips(tmp_path, num_frames=5)
    assert found.name == "abc"
    assert found.depth is None
    assert np.abs(found.frames[2].astype(int) - clip.frames[2]).mean() < 20
    np.testing.assert_allclose(found.path.relative, clip.path.relative[:5], atol=1e-6)
    assert found.lenses[0].fx == pytest.approx(LENS.fx)


def test_the_command_writes_where_its_figures_come_from(posed_folder, tmp_path, capsys):
    out = tmp_path / "poses.json"
    assert main(["poses", "--data", str(posed_folder), "--across", "8", "--json", str(out)]) == 0
    written = json.loads(out.read_text())
    assert {"command", "date", "machine", "depth", "rows"} <= written.keys()
    assert written["rows"][0]["clip"] == "kitchen frame-000000"
    assert "median of clips" in capsys.readouterr().out


def test_a_pose_without_its_picture_is_named(posed_folder):
    (posed_folder / "kitchen" / "frame-000010.color.png").unlink()
    with pytest.raises(InputError, match=r"wanted frame-000010\.color"):
        find_clips(posed_folder, num_frames=16)


def test_an_empty_folder_is_named(tmp_path, capsys):
    assert main(["views", "--data", str(tmp_path)]) != 0
    assert "wanted posed videos" in capsys.readouterr().err


def test_poses_explain_real_clips_better_than_rotation_alone(shared_data):
    clip = find_clips(shared_data("posed", "realestate10k"), num_frames=8)[0]
    errors = pose_errors(clip, estimator_called("floor", near=1, far=8), across=24)
    assert errors.epipolar.median_px < 1
    assert errors.predicted.median_px < 0.7 * errors.rotation.median_px
    assert errors.predicted.median_px < 0.5 * errors.still.median_px


def test_measured_depth_beats_the_repeated_frame_on_a_real_room(shared_data):
    (clip,) = find_clips(shared_data("rgbd", "redwood_livingroom"), num_frames=16)
    rows = {row.method: row.figures for row in views(clip, FLOOR, None)}
    assert rows[REPROJECTED]["psnr_db"] > rows[REPEATED]["psnr_db"] + 6
    assert rows[REPROJECTED]["perceptual"] < 0.3 * rows[REPEATED]["perceptual"]
