"""Reprojection against real RGB-D sets. Measured medians stand beside the bounds."""

import numpy as np
import pytest
from motionstream_camera import CameraPath, CameraProvider, CameraSettings, Lens, write_camera_path
from motionstream_camera.depth import DepthMap, estimator_called
from motionstream_camera.pose import RIGHT, inverse, make_pose
from motionstream_camera.projection import project
from motionstream_camera.surface import Surface


def lens_of_indices(fx, cx, cy, width, height, fy=None):
    """The data's intrinsics count from the centre of the first pixel."""
    return Lens.of_pixels(fx, fy or fx, cx, cy, width=width, height=height, first_pixel=0)


def moved(surface, xy, pose, lens):
    """Places of one picture as a camera at `pose` sees them, and whether it sees them."""
    points, known = surface.lift(xy)
    places, z = project(points, pose[None], [lens])
    hidden = surface.hidden(points, pose[None, :3, 3], np.ones((1, len(xy)), bool))
    inside = ((places[0] >= 0) & (places[0] < 1)).all(axis=1)
    return places[0], known & inside & (z[0] > 0) & ~hidden


def lucas_kanade(first, second, start_px, guess_px):
    """Where each place went between two pictures, and whether the way back agrees."""
    import cv2

    grey = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, second)]
    window = {"winSize": (21, 21), "maxLevel": 2, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    start, guess = (np.float32(places).reshape(-1, 1, 2) for places in (start_px, guess_px))
    there, found, _ = cv2.calcOpticalFlowPyrLK(*grey, start, guess.copy(), **window)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(*grey[::-1], there, start.copy(), **window)
    agrees = np.linalg.norm(back - start, axis=-1)[:, 0] < 0.3
    return there[:, 0], agrees & (found[:, 0] == 1) & (found_back[:, 0] == 1)


def error_px(first, second, surface, pose, lens):
    """Median distance of reprojected corners from where Lucas-Kanade finds them."""
    import cv2

    height, width = first.shape[:2]
    grey = cv2.cvtColor(first, cv2.COLOR_BGR2GRAY)
    corners = cv2.goodFeaturesToTrack(grey, 600, 0.01, 8)[:, 0]
    places, seen = moved(surface, (corners + 0.5) / (width, height), pose, lens)
    places = places * (width, height) - 0.5
    found, good = lucas_kanade(first, second, corners, places)
    distance = np.linalg.norm(found - places, axis=1)[good & seen]
    assert len(distance) > 50
    return float(np.median(distance)), len(distance)


def load(path, flags=-1):
    import cv2

    return cv2.imread(str(path), flags)


def log_poses(path):
    lines = path.read_text().splitlines()
    return np.array([[line.split() for line in lines[i + 1 : i + 5]] for i in range(0, len(lines), 5)], float)


def test_the_motorcycle_is_exact(shared_data):
    """The right picture of a calibrated pair: a place goes to the left by its disparity, to a hundredth of a pixel."""
    disparity = np.load(shared_data("rgbd", "stereo_motorcycle", "motorcycle_disp.npz"))["arr_0"]
    height, width = disparity.shape
    focal, shift, baseline = 994.978, 31.086, 0.193001
    left = lens_of_indices(focal, 311.193, 254.877, width, height)
    right = lens_of_indices(focal, 311.193 + shift, 254.877, width, height)
    depth = np.where(np.isfinite(disparity), focal * baseline / (disparity + shift), 0)
    surface = Surface(DepthMap(values=depth, metric=True), left, np.eye(4))
    rows, columns = np.nonzero(np.isfinite(disparity))
    which = np.random.default_rng(0).choice(len(rows), 4000, replace=False)
    rows, columns = rows[which], columns[which]
    points, known = surface.lift((np.stack([columns, rows], -1) + 0.5) / (width, height))
    places, _ = project(points, make_pose(position=RIGHT * baseline)[None], [right])
    wanted = np.stack([columns - disparity[rows, columns], rows], -1)
    assert known.all()
    error = np.abs(places[0] * (width, height) - 0.5 - wanted)
    assert np.quantile(error, 0.999) < 0.01


def test_what_the_right_eye_does_not_see_is_hidden(shared_data):
    """By disparity: a place is hidden where a nearer one lands on the same pixel of the right picture."""
    disparity = np.load(shared_data("rgbd", "stereo_motorcycle", "motorcycle_disp.npz"))["arr_0"]
    height, width = disparity.shape
    focal, shift, baseline = 994.978, 31.086, 0.193001
    depth = np.where(np.isfinite(disparity), focal * baseline / (disparity + shift), 0)
    surface = Surface(
        DepthMap(values=depth, metric=True), lens_of_indices(focal, 311.193, 254.877, width, height), np.eye(4)
    )
    rows, columns = np.nonzero(np.isfinite(disparity))
    lands = np.round(columns - disparity[rows, columns]).astype(int)
    nearest = np.full((height, width), -np.inf)
    inside = (lands >= 0) & (lands < width)
    np.maximum.at(nearest, (rows[inside], lands[inside]), disparity[rows[inside], columns[inside]])
    margin = np.zeros(len(rows))
    margin[inside] = nearest[rows[inside], lands[inside]] - disparity[rows[inside], columns[inside]]
    which = np.random.default_rng(0).permutation(np.flatnonzero(inside & ((margin < 2) | (margin > 12))))[:6000]
    points, _ = surface.lift((np.stack([columns, rows], -1)[which] + 0.5) / (width, height))
    eye = make_pose(position=RIGHT * baseline)[None, :3, 3]
    hidden = surface.hidden(points, eye, np.ones((1, len(which)), bool))
    behind = margin[which] > 12
    assert behind.sum() > 200
    assert hidden[behind].mean() > 0.7  # the mesh is coarser than the picture and cut at every rim
    assert hidden[~behind].mean() < 0.03


def test_redwood_reprojects_within_a_pixel(shared_data):
    folder = shared_data("rgbd", "redwood_livingroom")
    poses = log_poses(folder / "trajectory.log")
    colours = sorted((folder / "color").iterdir())
    depths = sorted((folder / "depth").iterdir())
    lens = lens_of_indices(525, 319.5, 239.5, 640, 480)
    surface = Surface(estimator_called(str(depths[0])).estimate(None, 0.75), lens, np.eye(4))
    errors = []
    for index in range(1, len(colours)):
        pose = inverse(poses[0]) @ poses[index]
        errors.append(error_px(load(colours[0], 1), load(colours[index], 1), surface, pose, lens)[0])
    print("redwood", np.round(errors, 2))
    assert np.median(errors) < 0.8


@pytest.mark.parametrize(("gap", "bound"), [(5, 4), (10, 5), (15, 6)])
def test_the_red_kitchen_reprojects_within_its_registration(shared_data, gap, bound):
    folder = shared_data("rgbd", "sevenscenes_redkitchen")
    lens = lens_of_indices(525, 320, 240, 640, 480)
    errors = []
    for first in range(0, 60, 15):  # later the camera turns so fast that Lucas-Kanade loses nearly all corners
        depth = folder / "depth_registered" / f"frame-{first:06d}.png"
        surface = Surface(estimator_called(str(depth)).estimate(None, 0.75), lens, np.eye(4))
        pictures = [load(folder / f"frame-{index:06d}.color.jpg", 1) for index in (first, first + gap)]
        poses = [np.loadtxt(folder / f"frame-{index:06d}.pose.txt") for index in (first, first + gap)]
        errors.append(error_px(*pictures, surface, inverse(poses[0]) @ poses[1], lens)[0])
    print("sevenscenes", gap, np.round(errors, 2))
    assert np.median(errors) < bound


@pytest.mark.parametrize("second", [1, 2])
def test_the_study_room_reprojects_within_its_poses(shared_data, second):
    folder = shared_data("rgbd", "sun3d_studyroom")
    lens = lens_of_indices(570.342, 320, 240, 640, 480)
    surface = Surface(estimator_called(str(folder / "frame-000000.depth.png")).estimate(None, 0.75), lens, np.eye(4))
    pictures = [load(folder / f"frame-{index:06d}.color.png", 1) for index in (0, second)]
    poses = [np.loadtxt(folder / f"frame-{index:06d}.pose.txt") for index in (0, second)]
    error, count = error_px(*pictures, surface, inverse(poses[0]) @ poses[1], lens)
    print("sun3d", second, round(error, 2), count)
    assert error < 3


@pytest.mark.parametrize(
    ("name", "folder", "lens", "bound"),
    [
        ("redwood_0_4", "redwood_livingroom", (525, 319.5, 239.5), 0.05),
        ("sevenscenes_0_60", "sevenscenes_redkitchen", (525, 320, 240), 0.06),
    ],
)
def test_the_provider_gives_the_tracks_that_others_derived(shared_data, tmp_path, name, folder, lens, bound):
    """The same depth and poses through the whole provider: a pose file, a depth file, a lens from the file."""
    from motionstream.providers import StreamInfo, Window

    derived = np.load(shared_data("tracks", f"derived_{name}.npz"))
    rgbd = shared_data("rgbd", folder)
    depth = rgbd / "depth_registered/frame-000000.png" if "seven" in name else sorted((rgbd / "depth").iterdir())[0]
    poses = inverse(derived["c2w"][0]) @ derived["c2w"]
    lenses = (lens_of_indices(*lens, 640, 480),) * len(poses)
    write_camera_path(CameraPath(poses=poses, lenses=lenses, size=(640, 480)), tmp_path / "path.txt")
    provider = CameraProvider(
        CameraSettings(depth_source=str(depth), path_file=str(tmp_path / "path.txt"), path_scale=1)
    )
    provider.start(StreamInfo(width=640, height=480, fps=16))
    provider.read(Window(index=0, start_frame=0, num_frames=len(poses), fps=16))
    stage = provider.stage
    start = (derived["points_px"][:, 0] + 0.5) / (640, 480)
    points, known = stage.surface.lift(start.astype(float))
    xy, _ = project(points, provider.flown.poses, list(provider.flown.lenses))
    error = np.linalg.norm(xy * (640, 480) - 0.5 - derived["points_px"].transpose(1, 0, 2), axis=-1)
    seen = ~derived["occluded"].T & known
    assert seen.mean() > 0.5
    assert np.median(error[seen]) < bound
    hidden = stage.surface.hidden(points, provider.flown.poses[:, :3, 3], np.ones(seen.shape, bool)).reshape(seen.shape)
    assert hidden[seen].mean() < 0.06  # what others' depth test saw, ours sees
