import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_camera import CameraPath, Lens, read_camera_path, write_camera_path
from motionstream_camera.pose import DOWN, RIGHT, inverse, make_pose, turn

from motionstream.errors import InputError, OutputError

FILES = {
    "realestate10k": "clip.txt",
    "nerfstudio": "transforms.json",
    "llff": "poses_bounds.npy",
    "poses": "poses.npy",
    "colmap": "sparse",
}


def some_path(seed, num_poses=5, centred=True):
    rng = np.random.default_rng(seed)
    poses = np.stack(
        [make_pose(turn(DOWN, a) @ turn(RIGHT, b), rng.normal(size=3)) for a, b in rng.uniform(-3, 3, (num_poses, 2))]
    )
    shift = 0 if centred else 0.03
    lenses = tuple(Lens(fx=f, fy=f * 16 / 9, cx=0.5 + shift) for f in rng.uniform(0.5, 1.5, num_poses))
    return CameraPath(poses=poses, lenses=lenses, size=(640, 360))


@pytest.mark.parametrize("format_name", FILES)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_what_is_written_is_read_back(tmp_path_factory, format_name, seed):
    path = some_path(seed)
    file = tmp_path_factory.mktemp("poses") / FILES[format_name]
    write_camera_path(path, file)
    back = read_camera_path(file)
    if format_name == "poses":  # does not tell its size: 832 x 480 is assumed
        back = CameraPath(poses=back.poses, lenses=tuple(_resized(lens) for lens in back.lenses))
    np.testing.assert_allclose(back.poses, path.poses, atol=1e-7)
    for lens, wanted in zip(back.lenses, path.lenses, strict=True):
        assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx((wanted.fx, wanted.fy, wanted.cx, wanted.cy))


def _resized(lens):
    pixels = (lens.fx * 832, lens.fy * 480, lens.cx * 832, lens.cy * 480)
    return Lens.of_pixels(*pixels, width=640, height=360)


def test_llff_refuses_a_principal_point_that_it_cannot_tell(tmp_path):
    with pytest.raises(InputError, match="principal point"):
        write_camera_path(some_path(0, centred=False), tmp_path / "poses_bounds.npy")


def test_a_path_without_lenses_is_refused_where_the_format_wants_them(tmp_path):
    bare = CameraPath(poses=np.eye(4)[None])
    write_camera_path(bare, tmp_path / "poses.npy")
    assert read_camera_path(tmp_path / "poses.npy").lenses is None
    with pytest.raises(InputError, match="intrinsics"):
        write_camera_path(bare, tmp_path / "clip.txt")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("clip.txt", "address\n1 2 3\n", "line 2: wanted 19 numbers"),
        ("clip.txt", "", "wanted lines"),
        ("transforms.json", "{", "transforms.json"),
        ("transforms.json", json.dumps({"frames": []}), "frames"),
        ("transforms.json", json.dumps({"frames": [{"transform_matrix": np.eye(4).tolist()}]}), "fl_x"),
        ("poses.npy", "not an array", "plain"),
        ("path.docx", "", "wanted RealEstate10K"),
    ],
)
def test_a_file_that_is_none_says_what_was_wanted(tmp_path, name, content, problem):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=problem):
        read_camera_path(tmp_path / name)


def test_a_missing_file_and_an_impossible_place_are_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_camera_path(tmp_path / "none.txt")
    with pytest.raises(OutputError, match="could not be written"):
        write_camera_path(some_path(0), tmp_path / "no" / "folder.txt")
    with pytest.raises(InputError, match="format"):
        write_camera_path(some_path(0), tmp_path / "x.txt", "vrml")


def test_a_mirrored_rotation_is_refused():
    with pytest.raises(InputError, match="rotations"):
        CameraPath(poses=np.diag([1.0, 1, -1, 1])[None])


def test_between_the_poses_the_camera_goes_straight():
    path = CameraPath(poses=np.stack([make_pose(position=RIGHT * i) for i in (2.0, 3.0, 5.0)]))
    positions = [path.at(index)[0, 3] for index in (0, 0.5, 1, 1.25, 2, 9)]
    assert positions == pytest.approx([0, 0.5, 1, 1.5, 3, 3])


def test_realestate_clips_are_world_to_camera_and_their_intrinsics_are_normalised(shared_data):
    file = shared_data("posed", "realestate10k", "2c80f9eb0d3b2bb4.txt")
    path = read_camera_path(file)
    row = np.array(file.read_text().splitlines()[1].split(), float)
    assert len(path) == 16
    np.testing.assert_allclose(inverse(path.poses[0])[:3].ravel(), row[7:], atol=1e-6)
    assert (path.lenses[0].fx, path.lenses[0].fy) == pytest.approx((row[1], row[2]))


def test_fox_looks_at_one_place_from_all_sides(shared_data):
    """In OpenGL axes read as OpenCV the views would look away from the fox."""
    path = read_camera_path(shared_data("posed", "fox", "transforms.json"))
    assert path.size == (540, 960)
    assert path.lenses[0].fx * 540 == pytest.approx(687.76)
    eyes, forward = path.poses[:, :3, 3], path.poses[:, :3, 2]
    normal = np.eye(3) - forward[:, :, None] * forward[:, None]
    middle = np.linalg.solve(normal.sum(0), (normal @ eyes[..., None]).sum(0)[:, 0])  # nearest to all axes
    assert (((middle - eyes) * forward).sum(-1) > 0).all()
    down = path.poses[:, :3, 1]
    assert (down[:, 2] < 0).all()  # its world has z up


def test_the_sparse_points_of_the_bird_are_where_they_were_seen(shared_data):
    """About 1 px by the data's own measure; any other reading of the axes is off by hundreds."""
    path = read_camera_path(shared_data("posed", "llff_bird", "poses_bounds.npy"))
    points = np.load(shared_data("posed", "llff_bird", "sparse_points.npz"))
    names = sorted(key for key in points if key.startswith("obs_"))
    assert len(names) == len(path)
    errors = []
    for name, pose, lens in zip(names, path.poses, path.lenses, strict=True):
        from motionstream_camera.projection import project

        seen = points[name]
        xy, _ = project(points["xyz"][seen[:, 2].astype(int)], pose[None], [lens])
        errors.append(np.median(np.hypot(*(xy[0] * path.size - seen[:, :2]).T)))
    assert np.median(errors) < 1.2
    assert max(errors) < 2.0


def test_lingbot_poses_go_where_they_look(shared_data):
    path = read_camera_path(shared_data("posed", "lingbot_01", "poses.npy"))
    assert len(path) == 561
    assert path.lenses[0].fx * 832 == pytest.approx(476.909, abs=1e-3)
    assert path.extent > 0


def test_garden_and_other_world_to_camera_matrices_survive_colmap(shared_data, tmp_path):
    garden = np.load(shared_data("posed", "garden_points", "test_garden.npz"))
    lenses = tuple(
        Lens.of_pixels(k[0, 0], k[1, 1], k[0, 2], k[1, 2], width=648, height=420) for k in garden["Ks"].astype(float)
    )
    path = CameraPath(poses=inverse(garden["viewmats"].astype(float)), lenses=lenses, size=(648, 420))
    write_camera_path(path, tmp_path / "sparse")
    back = read_camera_path(tmp_path / "sparse")
    np.testing.assert_allclose(inverse(back.poses), garden["viewmats"], atol=1e-5)
    assert back.lenses[0].cx == pytest.approx(lenses[0].cx)
