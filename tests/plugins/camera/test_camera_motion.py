import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_camera.controls import wish_of_axes, wish_of_keys
from motionstream_camera.keyframes import hermite
from motionstream_camera.presets import PRESETS, PresetFlight
from motionstream_camera.smoothing import Ramp, Spring

from motionstream.errors import InputError

WALL = np.full((48, 72), 2.0)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=20))
def test_a_ramp_goes_the_same_way_however_the_time_is_cut(pieces):
    whole, cut = Ramp(2, 1.5), Ramp(2, 1.5)
    for ramp in (whole, cut):
        ramp.target = np.array([1.0, -0.5])
    way = sum(cut.advance(piece) for piece in pieces)
    np.testing.assert_allclose(way, whole.advance(sum(pieces)), atol=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=20))
def test_a_spring_goes_the_same_way_however_the_time_is_cut(pieces):
    whole, cut = Spring(1, 0.3), Spring(1, 0.3)
    for spring in (whole, cut):
        spring.push(np.array([1.0]))
    way = sum(cut.advance(piece) for piece in pieces)
    np.testing.assert_allclose(way, whole.advance(sum(pieces)), atol=1e-7)


def test_a_spring_arrives_and_does_not_pass():
    spring = Spring(1, 0.2)
    spring.push(np.array([1.0]))
    places = np.cumsum([spring.advance(0.05)[0] for _ in range(200)])
    assert (np.diff(places) >= -1e-12).all()
    assert places[-1] == pytest.approx(1)
    assert not spring.moving


def test_two_keys_are_not_faster_than_one_and_opposite_ones_cancel():
    assert np.linalg.norm(wish_of_keys(("w", "d"))) == pytest.approx(1)
    assert not wish_of_keys(("a", "d", "F5")).any()
    np.testing.assert_array_equal(wish_of_keys(("KeyW",)), wish_of_keys(("W",)))
    assert np.linalg.norm(wish_of_keys(("w", "Shift"))) == pytest.approx(2)


def test_a_stick_at_rest_is_still_and_pushed_away_it_goes_forward():
    assert not wish_of_axes((0.05, -0.1, 0.1, 0)).any()
    np.testing.assert_allclose(wish_of_axes((0, -1)), (0, 0, 1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(wish_of_axes((0, 0, 1, -1))[3:] > 0, True)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_begins_where_the_camera_is_and_moves_smoothly(name):
    flight = PresetFlight(name=name, pivot_distance=2.0, period_seconds=4)
    pose, zoom = flight.at(0.0)
    np.testing.assert_allclose(pose, np.eye(4), atol=1e-12)
    assert zoom == pytest.approx(1)
    places = np.stack([flight.at(t)[0][:3, 3] for t in np.arange(0, 8, 1 / 64)])
    assert np.linalg.norm(places, axis=1).max() > 0.02
    assert np.abs(np.diff(places, n=2, axis=0)).max() < 0.003  # no corner: one would be a step of 0.02


@pytest.mark.parametrize("name", ["orbit", "arc", "crane", "spiral", "dolly-zoom"])
def test_presets_that_turn_round_the_pivot_keep_it_at_the_centre(name):
    flight = PresetFlight(name=name, pivot_distance=3.0)
    for seconds in np.linspace(0, 6, 13):
        pose, _ = flight.at(seconds)
        in_camera = pose[:3, :3].T @ (np.array([0, 0, 3.0]) - pose[:3, 3])
        np.testing.assert_allclose(in_camera[:2], 0, atol=1e-9)


def test_the_dolly_zoom_keeps_the_size_of_the_pivot():
    flight = PresetFlight(name="dolly-zoom", pivot_distance=3.0)
    for seconds in np.linspace(0, 6, 13):
        pose, zoom = flight.at(seconds)
        assert zoom / (3.0 - pose[2, 3]) == pytest.approx(1 / 3)


def test_a_preview_is_the_flight(flight):
    live = flight(path="dolly", depth="floor", keep_in_view=0)
    live.read(8)
    preset = PresetFlight(name="dolly", pivot_distance=live.provider.stage.surface.reach)
    shown = preset.preview(live.provider.stage.rig.lens, fps=80).poses
    late = 16  # frames of the preview, 0.2 s: it begins gently and so loses half the time it takes to accelerate
    np.testing.assert_allclose(live.poses[10:80], shown[50 - late : 400 - late : 5], atol=1e-6)


def test_a_spline_meets_its_values_and_rests_at_its_ends():
    times, values = np.array([0.0, 1, 3]), np.array([[0.0], [2], [1]])
    for time, value in zip(times, values, strict=True):
        assert hermite(times, values, time) == pytest.approx(value)
    assert abs(hermite(times, values, 0.01)[0]) < 1e-3
    assert hermite(times, values, 99) == pytest.approx([1])


def test_holding_a_key_accelerates_to_the_set_speed_and_release_stops(flight, depth_file):
    live = flight(depth_source=depth_file(WALL), speed=0.1, acceleration_seconds=0.5, seed_points=False)
    live.send("keys", 0.0, keys=["w"]).send("keys", 1.0, keys=[])
    live.read(3)
    z = live.poses[:, 2, 3]
    speed = np.diff(z) * 16
    assert speed.max() == pytest.approx(0.1 * 2, rel=1e-6)  # the wall is 2 away
    assert np.abs(np.diff(speed)).max() <= 0.2 / 0.5 / 16 + 1e-9
    assert z[-1] == pytest.approx(0.2, abs=1e-9)  # 1 s held: what the start loses the stop gains
    assert speed[-1] == 0


def test_velocity_has_no_jump_at_the_border_of_a_chunk(flight, depth_file):
    """An event in the middle of a chunk; all accelerations stay within the limit."""
    live = flight(depth_source=depth_file(WALL), speed=0.2, turn_speed=20, acceleration_seconds=0.4, keep_in_view=0)
    live.send("keys", 0.2, keys=["d", "ArrowLeft"]).send("keys", 1.23, keys=["w"]).send("keys", 2.0, keys=[])
    live.read(5)
    places = live.poses[:, :3, 3]
    acceleration = np.linalg.norm(np.diff(places, n=2, axis=0), axis=1) * 16**2
    limit = 0.2 * 2 / 0.4
    turning = 0.2 * 2 * np.radians(20)  # going while turning bends the way
    assert acceleration.max() <= limit + turning + 1e-6
    assert acceleration.max() > 0.5 * limit


def test_the_same_events_give_the_same_flight_in_chunks_of_any_size(flight, depth_file):
    from motionstream.providers import Window

    flights = []
    for sizes in ((9, 12, 12), (33,), (1,) * 33):
        live = flight(depth_source=depth_file(WALL), seed_points=False)
        live.send("keys", 0.1, keys=["a"]).send("look", 0.7, dx=0.1, dy=0.05).send("dolly", 1.1, amount=2)
        first = 0
        for size in sizes:
            live.provider.read(Window(index=0, start_frame=first, num_frames=size, fps=16))
            first += size
        flights.append(live.poses)
    np.testing.assert_allclose(flights[1], flights[0], atol=1e-12)
    np.testing.assert_allclose(flights[2], flights[0], atol=1e-12)


def test_forth_and_back_returns(flight, depth_file):
    live = flight(depth_source=depth_file(WALL), seed_points=False)
    live.send("keys", 0.0, keys=["w", "a"]).send("keys", 1.0, keys=[])
    live.send("keys", 1.5, keys=["s", "d"]).send("keys", 2.5, keys=[])
    tracks = live.read(5)
    np.testing.assert_allclose(live.poses[-1], np.eye(4), atol=1e-9)
    np.testing.assert_allclose(tracks.xy[-1], tracks.xy[0], atol=1e-6)
    assert np.abs(tracks.xy[16] - tracks.xy[0]).max() > 0.02
    assert (tracks.visible[-1] == tracks.visible[0]).all()


def test_reset_brings_the_camera_home_exactly_and_smoothly(flight, depth_file):
    live = flight(depth_source=depth_file(WALL))
    live.send("keys", 0.0, keys=["d", "ArrowUp"]).send("keys", 0.8, keys=[]).send("zoom", 0.5, amount=3)
    live.send("reset", 1.5)
    live.read(5)
    np.testing.assert_allclose(live.poses[-1], np.eye(4), atol=1e-9)
    assert live.provider.stage.rig.zoom == pytest.approx(1)
    # The camera goes 0.03 a frame: a stop without braking would be twice this.
    assert np.abs(np.diff(live.poses[:, :3, 3], n=2, axis=0)).max() < 0.015


def test_a_look_turns_by_the_field_of_view_and_keeps_the_horizon(flight, depth_file):
    live = flight(depth_source=depth_file(WALL), field_of_view=50, keep_in_view=0)
    live.send("look", 0.0, dx=0.4, dy=0.2).read(3)
    right, forward = live.poses[-1, :3, 0], live.poses[-1, :3, 2]
    assert np.degrees(np.arctan2(forward[0], forward[2])) == pytest.approx(20, abs=1e-3)
    assert forward[1] > 0  # down
    assert right[1] == pytest.approx(0, abs=1e-12)


def test_an_orbit_keeps_the_clicked_point_where_it_is(flight, depth_file):
    """The pivot is what lies at the clicked place, whatever was the pivot before."""
    live = flight(depth_source=depth_file(WALL), points_across=11, keep_in_view=0, occlusion=False, seed_points=False)
    live.send("orbit", 0.1, x=0.5, y=0.5, dx=0.1, dy=0.0)
    tracks = live.read(3)
    centre = tracks.ids[np.abs(tracks.xy[0] - 0.5).max(axis=1) < 1e-6][0]
    moved = np.abs(tracks.xy[-1] - tracks.xy[0]).max(axis=1)
    assert moved[centre] < 1e-3
    assert moved.max() > 0.05
    assert np.linalg.norm(live.poses[-1][:3, 3] - (0, 0, 2)) == pytest.approx(2, abs=1e-3)


def test_keyframes_are_met_at_their_times(flight, depth_file):
    target = np.eye(4)
    target[:3, 3] = (0.3, -0.1, 0.2)
    live = flight(depth_source=depth_file(WALL))
    live.send("keyframes", 0.0, frames=[{"seconds": 1.0, "pose": target.ravel().tolist(), "zoom": 1.5}])
    live.read(3)
    np.testing.assert_allclose(live.poses[16], target, atol=1e-9)
    np.testing.assert_allclose(live.poses[-1], target, atol=1e-9)
    assert live.provider.stage.rig.zoom == pytest.approx(1.5)


def test_a_preset_begins_from_where_the_camera_is_and_can_be_ended(flight, depth_file):
    live = flight(depth_source=depth_file(WALL))
    live.send("keys", 0.0, keys=["d"]).send("keys", 0.5, keys=[]).send("preset", 1.0, name="dolly")
    live.send("preset", 2.0, name="none").read(5)
    places = live.poses[:, :3, 3]
    assert places[16, 0] > 0.05
    np.testing.assert_allclose(places[16:, 0], places[16, 0], atol=1e-9)  # straight ahead from there
    assert places[32, 2] > 0.02
    np.testing.assert_allclose(places[-1], places[-8], atol=1e-12)
    assert np.abs(np.diff(places, n=2, axis=0)).max() < 0.01


@pytest.mark.parametrize(("keys", "way"), [(["w"], 2), (["a"], 0), (["s", "ArrowRight"], None)])
def test_the_scene_stays_in_view_however_long_a_key_is_held(flight, depth_file, keys, way):
    live = flight(depth_source=depth_file(WALL), speed=1, keep_in_view=0.6, closest=0.2, seed_points=False)
    live.send("keys", 0.0, keys=keys).read(12)
    guard, rig = live.provider.stage.rig.guard, live.provider.stage.rig
    assert guard.seen_part(rig.pose, rig.lens) >= 0.55
    if way == 2:
        assert 1.2 < live.poses[-1][2, 3] <= 1.65  # up to 0.4 before the wall
    free = flight(depth_source=depth_file(WALL), speed=1, keep_in_view=0, seed_points=False)
    free.send("keys", 0.0, keys=keys).read(12)
    rig = free.provider.stage.rig
    assert guard.seen_part(rig.pose, rig.lens) < 0.3  # without the limit it is lost


@pytest.mark.parametrize(
    "event",
    [
        {"type": "keys", "keys": "w" * 99 and 5},
        {"type": "look", "dx": float("nan")},
        {"type": "preset", "name": "teleport"},
        {"type": "keyframes", "frames": []},
        {"type": "dolly"},
        {},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(flight, event):
    with pytest.raises(InputError, match="Camera event"):
        flight().provider.handle(event)
