import subprocess
import sys

import numpy as np
import pytest
from motionstream_camera import CameraPath, CameraProvider, CameraSettings, write_camera_path
from motionstream_camera.pose import RIGHT, make_pose

from motionstream.errors import InputError, ProviderError
from motionstream.providers import discover, load_provider
from motionstream.testing import check_provider

STEPS = np.full((64, 96), 4.0)
STEPS[:, 40:58] = 1.0  # a near strip before a far wall


def test_the_camera_keeps_the_contract_of_providers():
    check_provider("camera", {"path": "orbit"}, patience_seconds=60)


def test_a_camera_that_does_not_move_gives_tracks_that_do_not_move(flight, depth_file):
    tracks = flight(depth_source=depth_file(STEPS)).read(3)
    assert tracks.num_points == 144
    np.testing.assert_allclose(tracks.xy, np.broadcast_to(tracks.xy[0], tracks.xy.shape), atol=1e-7)
    middle = (np.arange(12) + 0.5) / 12
    np.testing.assert_allclose(tracks.xy[0], np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2), atol=1e-6)
    assert tracks.visible.all()


def test_near_points_move_more_than_far_ones(flight, depth_file):
    live = flight(depth_source=depth_file(STEPS), occlusion=False, seed_points=False)
    tracks = live.send("keys", 0.0, keys=["d"]).read(3)
    near = (tracks.xy[0, :, 0] > 40 / 96) & (tracks.xy[0, :, 0] < 58 / 96)
    moved = (tracks.xy[-1] - tracks.xy[0])[:, 0]
    assert (moved < 0).all()
    np.testing.assert_allclose(moved[near].mean() / moved[~near].mean(), 4, rtol=0.01)  # as their depths are


def test_a_point_that_is_hidden_for_a_while_comes_back_with_its_id(flight, depth_file):
    live = flight(depth_source=depth_file(STEPS), speed=0.06, max_points=400, acceleration_seconds=0.05)
    live.send("keys", 0.0, keys=["d"]).send("keys", 1.0, keys=[])
    live.send("keys", 1.5, keys=["a"]).send("keys", 2.5, keys=[])
    tracks = live.read(5)
    first = tracks.select(np.arange(144))
    hidden = ~first.visible[16] & (first.xy[16] > 0).all(axis=-1) & (first.xy[16] < 1).all(axis=-1)
    assert hidden.any()
    outside = (first.xy[16, :, 0] < 0) | (first.xy[16, :, 0] >= 1)
    assert outside.any()
    assert first.visible[-1].all()
    np.testing.assert_allclose(first.xy[-1], first.xy[0], atol=1e-5)


def test_points_are_seeded_where_the_flight_enlarges_the_scene(flight, depth_file):
    wall = depth_file(np.full((64, 96), 4.0))
    flights = [
        flight(depth_source=wall, speed=0.2, seed_points=seed, max_points=600, closest=0) for seed in (True, False)
    ]
    seeded, plain = (live.send("keys", 0.0, keys=["w"]).read(5) for live in flights)
    assert plain.num_points == 144
    assert plain.visible[-1].sum() < 80
    assert seeded.visible[-1].sum() >= 3 * plain.visible[-1].sum()
    born = seeded.select(seeded.ids[seeded.ids >= 144])
    seen = born.visible.all(axis=1)
    assert not born.visible[0].any()
    assert len(np.unique(seeded.ids)) == seeded.num_points
    assert not seen.all()


def test_seeds_move_with_the_scene_they_were_put_on(flight, depth_file):
    """A seed's motion is that of the wall: the same as that of a first point beside it."""
    live = flight(depth_source=depth_file(np.full((64, 96), 4.0)), speed=0.3, max_points=600, closest=0)
    live.send("keys", 0.0, keys=["w"]).read(4)
    tracks = live.read()
    tracks = tracks.select(tracks.visible[2])
    scale = (tracks.xy[2] - 0.5) / (tracks.xy[0] - 0.5)  # going forward enlarges everything alike
    assert (tracks.ids >= 144).sum() > 10
    np.testing.assert_allclose(scale, np.broadcast_to(np.median(scale), scale.shape), rtol=1e-3)


def test_the_number_of_points_is_bounded_and_ids_never_return(flight, depth_file):
    live = flight(depth_source=depth_file(STEPS), speed=0.5, max_points=160, keep_in_view=0.3)
    live.send("keys", 0.0, keys=["w", "ArrowLeft"]).send("keys", 3.0, keys=["s", "ArrowRight"])
    gone, before = set(), set()
    for _ in range(10):
        ids = set(live.read().ids.tolist())
        assert len(ids) <= 160
        assert not ids & gone
        gone |= before - ids
        before = ids
    assert gone


def test_places_of_unknown_depth_have_no_points(flight, depth_file):
    holes = STEPS.copy()
    holes[:32] = 0
    tracks = flight(depth_source=depth_file(holes)).read()
    assert tracks.num_points == 72
    assert (tracks.xy[0, :, 1] > 0.5).all()


def test_a_file_of_poses_is_flown_pose_by_pose(flight, depth_file, tmp_path):
    poses = np.stack([make_pose(position=RIGHT * x) for x in np.linspace(3, 5, 21) ** 2])
    write_camera_path(CameraPath(poses=poses), tmp_path / "poses.npy")
    live = flight(depth_source=depth_file(STEPS), path_file=str(tmp_path / "poses.npy"), path_scale=0.05)
    live.read(3)
    wanted = (poses[:, 0, 3] - 9) * 0.05
    np.testing.assert_allclose(live.poses[:21, 0, 3], wanted, atol=1e-9)
    np.testing.assert_allclose(live.poses[21:, 0, 3], wanted[-1], atol=1e-9)  # it stays at the end
    fitted = flight(depth_source=depth_file(STEPS), path_file=str(tmp_path / "poses.npy"), path_extent=0.5)
    fitted.read(3)
    assert fitted.poses[-1, 0, 3] == pytest.approx(0.5 * 4)  # half the median depth


def test_what_was_flown_can_be_saved_and_flown_again(flight, depth_file, tmp_path):
    live = flight(depth_source=depth_file(STEPS), seed_points=False)
    tracks = live.send("keys", 0.0, keys=["w", "ArrowUp"]).read(2)
    write_camera_path(live.provider.flown, tmp_path / "flown.txt")
    again = flight(
        depth_source=depth_file(STEPS), path_file=str(tmp_path / "flown.txt"), path_scale=1, seed_points=False
    )
    np.testing.assert_allclose(again.read(2).xy, tracks.xy, atol=1e-5)


def test_a_copy_goes_on_alone_and_alike(flight, depth_file):
    live = flight(depth_source=depth_file(STEPS))
    live.send("keys", 0.0, keys=["w"]).read(2)
    twin = flight(depth_source=depth_file(STEPS))
    twin.provider, twin.num_chunks = live.provider.copy(), live.num_chunks
    original = live.send("keys", 1.5, keys=["a"]).read(2)
    other = twin.send("keys", 1.5, keys=["a"]).read(2)
    assert original == other
    assert live.send("keys", keys=["d"]).read() != twin.send("keys", keys=[]).read()


def test_lens_and_depth_are_said_aloud(flight, caplog):
    caplog.set_level("INFO", logger="motionstream")
    flight(field_of_view=0)
    assert "without a network" in caplog.text
    assert "assumed" in caplog.text


def test_a_start_after_the_end_finds_nothing_of_the_stream_before(flight, depth_file):
    live = flight(depth_source=depth_file(STEPS), seed_points=False)
    first = live.send("keys", 0.0, keys=["w"]).read(2)
    live.provider.close()
    live.send("keys", 0.0, keys=["w"])  # dropped
    with pytest.raises(ProviderError, match="Call start"):
        live.read()
    live.provider.start(_info(live))
    live.num_chunks = 0
    assert np.abs(live.read(2).xy - first.xy[0]).max() < 1e-6


def _info(live):
    from motionstream.providers import StreamInfo

    return StreamInfo(width=live.config.width, height=live.config.height, fps=live.config.fps)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ProviderError, match="far"):
        load_provider("camera", {"near": 5, "far": 2})
    with pytest.raises(ProviderError, match="max_points"):
        load_provider("camera", {"points_across": 80})
    with pytest.raises(ProviderError, match="two flights"):
        load_provider("camera", {"path": "orbit", "path_file": "poses.txt"})
    with pytest.raises(InputError, match="no such file"):
        CameraProvider(CameraSettings(path_file="nowhere.txt"))


WITHOUT_OPEN3D = """
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "open3d":
            raise {error}
sys.meta_path.insert(0, Broken())
from motionstream.providers import StreamInfo, Window, discover, load_provider
info = StreamInfo(width=64, height=48, fps=16)
print([entry.name for entry in discover() if entry.state == "ok"])
drag = load_provider("drag")
drag.start(info)
print(drag.read(Window(index=0, start_frame=0, num_frames=9, fps=16)).num_frames)
try:
    load_provider("camera").start(info)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ('OSError("libusb-1.0.so.0: cannot open shared object file: No such file or directory")', "libusb-1.0-0"),
        ('ImportError("libGL.so.1: cannot open shared object file")', "apt-get install libgl1"),
        ('ModuleNotFoundError("No module named open3d", name="open3d")', "pip install open3d"),
    ],
)
def test_without_open3d_one_line_says_what_to_install_and_other_providers_work(error, remedy):
    program = WITHOUT_OPEN3D.format(error=error)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    listed, frames, problem = done.stdout.splitlines()
    assert "'camera'" in listed
    assert "'drag'" in listed
    assert frames == "9"
    assert problem.startswith("ProviderError")
    assert remedy in problem


def test_the_camera_is_announced():
    entry = {entry.name: entry for entry in discover()}["camera"]
    assert (entry.state, entry.reason) == ("ok", "")
