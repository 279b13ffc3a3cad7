import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_camera.depth import DepthMap
from motionstream_camera.lens import Lens
from motionstream_camera.pose import (
    DOWN,
    FORWARD,
    RIGHT,
    between,
    inverse,
    look_at,
    make_pose,
    quaternion,
    rotation_of,
    turn,
)
from motionstream_camera.projection import project
from motionstream_camera.surface import Surface

from motionstream.errors import InputError

PIXELS = {"fx": 500.0, "fy": 510.0, "cx": 310.0, "cy": 250.0}
WIDTH, HEIGHT = 640, 480

angle = st.floats(-3, 3)
length = st.floats(-2, 2)
poses = st.builds(
    lambda a, b, c, x, y, z: make_pose(turn(DOWN, a) @ turn(RIGHT, b) @ turn(FORWARD, c), np.array([x, y, z])),
    angle, angle, angle, length, length, length,
)  # fmt: skip


def reference(points, pose):
    """The textbook's way in homogeneous pixels, float64."""
    k = np.array([[PIXELS["fx"], 0, PIXELS["cx"]], [0, PIXELS["fy"], PIXELS["cy"]], [0, 0, 1]])
    in_camera = (np.linalg.inv(pose) @ np.concatenate([points, np.ones((len(points), 1))], axis=1).T)[:3]
    u, v, w = k @ in_camera
    return np.stack([u / w, v / w], axis=-1), w


@settings(deadline=None)
@given(pose=poses, seed=st.integers(0, 99))
def test_projection_agrees_with_homogeneous_float64_arithmetic(pose, seed):
    points = np.random.default_rng(seed).uniform(-4, 4, (30, 3))
    lens = Lens.of_pixels(**PIXELS, width=WIDTH, height=HEIGHT)
    xy, depth = project(points, pose[None], [lens])
    wanted, wanted_depth = reference(points, pose)
    np.testing.assert_allclose(depth[0], wanted_depth, atol=1e-10)
    ahead = (wanted_depth > 0.2) & (np.abs(wanted / (WIDTH, HEIGHT) - 0.5).max(axis=1) < 9)
    np.testing.assert_allclose(xy[0, ahead] * (WIDTH, HEIGHT), wanted[ahead], atol=1e-7)


@settings(deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1), depth=st.floats(0.1, 100))
def test_a_lifted_point_projects_to_where_it_was_taken(x, y, depth):
    lens = Lens.of_pixels(**PIXELS, width=WIDTH, height=HEIGHT)
    point = lens.unproject(np.array([[x, y]]), np.array([depth]))
    xy, z = project(point, np.eye(4)[None], [lens])
    np.testing.assert_allclose(xy[0, 0], (x, y), atol=1e-12)
    assert z[0, 0] == pytest.approx(depth)


@settings(deadline=None)
@given(a=angle, b=angle, x=st.floats(0.2, 0.8), y=st.floats(0.2, 0.8), first=st.floats(1, 5), second=st.floats(5, 50))
def test_under_a_pure_rotation_depth_does_not_matter(a, b, x, y, first, second):
    lens = Lens.of_field_of_view(60, 0.75)
    pose = make_pose(turn(DOWN, 0.1 * a) @ turn(RIGHT, 0.1 * b))
    points = lens.unproject(np.array([[x, y], [x, y]]), np.array([first, second]))
    xy, _ = project(points, pose[None], [lens])
    np.testing.assert_allclose(xy[0, 0], xy[0, 1], atol=1e-9)


@settings(deadline=None)
@given(pose=poses)
def test_the_inverse_undoes_a_pose(pose):
    np.testing.assert_allclose(inverse(pose) @ pose, np.eye(4), atol=1e-12)


@settings(deadline=None)
@given(pose=poses)
def test_a_quaternion_is_its_rotation(pose):
    np.testing.assert_allclose(rotation_of(quaternion(pose[:3, :3])), pose[:3, :3], atol=1e-12)


@settings(deadline=None)
@given(first=poses, second=poses, part=st.floats(0, 1))
def test_the_pose_between_is_a_pose_and_the_turn_is_shared_out(first, second, part):
    middle = between(first, second, part)
    np.testing.assert_allclose(middle[:3, :3].T @ middle[:3, :3], np.eye(3), atol=1e-9)

    def turned(a, b):  # by the length of a chord, which is exact for small turns too
        chord = np.linalg.norm(a[:3, :3] - b[:3, :3]) / np.sqrt(8)
        return 2 * np.arcsin(min(chord, 1))

    whole = turned(first, second)
    if whole < 3:  # at half a turn there are two ways
        assert turned(first, middle) == pytest.approx(part * whole, abs=1e-5)


def test_yaw_turns_right_and_x_is_right_and_y_is_down():
    lens = Lens.of_field_of_view(60, 1.0)
    ahead = np.array([[0.0, 0.0, 2.0]])
    turned_right, moved_right, moved_down = (
        make_pose(turn(DOWN, 0.1)), make_pose(position=RIGHT * 0.1), make_pose(position=DOWN * 0.1),
    )  # fmt: skip
    xy, _ = project(ahead, np.stack([turned_right, moved_right, moved_down]), [lens] * 3)
    assert xy[0, 0, 0] < 0.5  # the picture goes to the left
    assert xy[1, 0, 0] < 0.5
    assert xy[2, 0, 1] < 0.5


def test_a_camera_that_looks_at_a_point_has_it_at_the_centre():
    lens = Lens.of_field_of_view(60, 1.0)
    target = np.array([0.3, -0.2, 3.0])
    xy, _ = project(target[None], look_at(np.array([1.0, 0.5, -0.5]), target)[None], [lens])
    np.testing.assert_allclose(xy[0, 0], (0.5, 0.5), atol=1e-12)


def test_points_behind_the_camera_stay_finite():
    xy, depth = project(np.array([[0.1, 0.0, -1.0], [1.0, 1.0, 0.0]]), np.eye(4)[None], [Lens(fx=1, fy=1)])
    assert np.isfinite(xy).all()
    assert (depth <= 0).all()


@settings(deadline=None, max_examples=25)
@given(slope=st.floats(-0.5, 0.5), distance=st.floats(1, 5))
def test_depth_between_pixels_is_exact_on_a_plane(slope, distance):
    """On the plane z = distance + slope * x the inverse depth is linear in the picture."""
    lens = Lens.of_field_of_view(60, 0.75)
    x, y = np.meshgrid((np.arange(160) + 0.5) / 160, (np.arange(120) + 0.5) / 120)
    ray = lens.unproject(np.stack([x, y], axis=-1))
    depth = DepthMap(values=distance / (1 - slope * ray[..., 0]), metric=True)
    xy = np.random.default_rng(0).uniform(0.02, 0.98, (50, 2))
    wanted = distance / (1 - slope * lens.unproject(xy)[:, 0])
    np.testing.assert_allclose(depth.at(xy, 0.15), wanted, rtol=1e-5)


def test_at_the_rim_of_a_thing_depth_is_of_one_side_and_never_between():
    values = np.full((8, 8), 5.0)
    values[:, :4] = 1.0
    xy = np.stack([np.linspace(0.05, 0.95, 91), np.full(91, 0.5)], axis=-1)
    assert set(DepthMap(values=values, metric=True).at(xy, 0.15).round(5)) == {1.0, 5.0}


def test_a_surface_hides_what_is_behind_it_and_nothing_else():
    """A near square before a far wall, seen from home and from the right."""
    values = np.full((60, 80), 4.0)
    values[20:40, 30:50] = 1.0
    surface = Surface(DepthMap(values=values, metric=True), Lens.of_field_of_view(60, 0.75), np.eye(4))
    wall_left = surface.lift(np.array([[0.3, 0.5]]))[0]  # on the wall, left of the square
    behind = np.array([[0.0, 0.0, 3.9]])  # on the axis, behind the square
    points = np.concatenate([wall_left, behind])
    eyes = np.array([[0.0, 0, 0], [0.35, 0, 0]])
    hidden = surface.hidden(points, eyes, np.ones((2, 2), bool)).reshape(2, 2)
    assert hidden.tolist() == [[False, True], [True, False]]


def test_the_surface_is_cut_where_the_depth_jumps():
    """Between the square and the wall there is nothing: a ray through the gap from the side hits neither skirt."""
    values = np.full((60, 80), 4.0)
    values[:, 40:] = 1.0
    surface = Surface(DepthMap(values=values, metric=True), Lens.of_field_of_view(60, 0.75), np.eye(4))
    from_side = look_at(np.array([-3.0, 0, 2.5]), np.array([0.0, 0, 2.5]))  # across the gap, between the depths
    depth = surface.depths_from(from_side, Lens.of_field_of_view(10, 1.0), np.array([[0.5, 0.5]]))
    assert not np.isfinite(depth[0])


def test_a_field_of_view_comes_back_and_a_crop_narrows_it():
    lens = Lens.of_field_of_view(70, 9 / 16)
    assert lens.field_of_view == pytest.approx(70)
    square = lens.cropped(1.0)
    assert square.fy == pytest.approx(lens.fy)  # the height stays whole
    assert square.aspect == pytest.approx(1.0)
    assert square.field_of_view < 70
    assert lens.cropped(9 / 32).fx == pytest.approx(lens.fx)  # the width stays whole


def test_index_coordinates_are_half_a_pixel_off_from_edge_coordinates():
    of_edges = Lens.of_pixels(525, 525, 320, 240, width=640, height=480)
    of_indices = Lens.of_pixels(525, 525, 319.5, 239.5, width=640, height=480, first_pixel=0)
    assert of_edges == of_indices


def test_exif_tells_the_field_of_view_or_nothing(tmp_path):
    from PIL import Image

    picture = Image.new("RGB", (300, 200))
    picture.save(tmp_path / "plain.jpg")
    exif = picture.getexif()
    exif.get_ifd(0x8769)[0xA405] = 36  # a 3:2 film frame is 36 mm wide, so the focal length is one width
    picture.save(tmp_path / "told.jpg", exif=exif)
    assert Lens.of_exif(tmp_path / "plain.jpg") is None
    told = Lens.of_exif(tmp_path / "told.jpg")
    assert told.fx == pytest.approx(1.0, abs=1e-3)
    assert told.fy == pytest.approx(1.5, abs=1e-3)
    with pytest.raises(InputError, match="could not be read"):
        Lens.of_exif(tmp_path / "missing.jpg")
