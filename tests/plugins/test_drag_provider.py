import threading

import numpy as np
import pytest
from motionstream_drag import DragProvider, DragSettings

from motionstream.config import StreamConfig
from motionstream.errors import InputError, ProviderError
from motionstream.providers import StreamInfo, Window


def test_the_whole_path_between_two_chunks_is_followed_not_its_end(stream):
    """A zig-zag that is back at its start before the window ends."""
    live = stream().send("press", 0, 0.2, 0.5)
    times = np.arange(0, 0.5, 1 / 60)  # sixty samples a second, off the frame times
    zigzag = 0.2 + 0.3 * np.abs((times * 8 + 1) % 2 - 1)
    for time, x in zip(times, zigzag, strict=True):
        live.send("move", time, x, 0.5)
    tracks = live.send("release", 0.5, 0.2, 0.5).read()
    frames = np.arange(9) / 16
    wanted = np.interp(frames, [*times, 0.5], [*zigzag, 0.2])
    np.testing.assert_allclose(tracks.xy[:, 0, 0], wanted, atol=1e-6)
    assert wanted.max() > 0.45  # it does go there and back
    assert wanted[-1] == 0.2


def test_the_samples_of_sparse_events_lie_on_the_line_between_them(stream):
    live = stream().send("press", 0, 0.2, 0.2).send("move", 1.0, 0.8, 0.6)
    tracks = live.read(2)
    part = np.minimum(np.arange(21) / 16, 1)[:, None]
    np.testing.assert_allclose(tracks.xy[:, 0], (1 - part) * (0.2, 0.2) + part * (0.8, 0.6), atol=1e-6)


def test_a_grid_is_absent_before_its_press_and_invisible_before_it_in_its_window(stream):
    live = stream()
    assert live.read().num_points == 0
    tracks = live.send("press", 0.8, 0.3, 0.5).read()
    assert tracks.visible[:, 0].tolist() == [False] * 4 + [True] * 8  # frames 9..20; 0.8 s is between 12 and 13
    np.testing.assert_allclose(tracks.xy[:, 0], np.broadcast_to([0.3, 0.5], (12, 2)), atol=1e-6)


def test_events_after_the_window_wait_for_theirs(stream):
    live = stream().send("press", 2.0, 0.3, 0.5)
    assert [live.read().num_points for _ in range(4)] == [0, 0, 1, 1]


def test_a_grid_holds_its_place_after_the_release(stream):
    live = stream().send("press", 0, 0.2, 0.5).send("move", 0.2, 0.5, 0.6).send("release", 0.3, 0.5, 0.6)
    tracks = live.read(4)
    np.testing.assert_allclose(tracks.xy[5:, 0], np.broadcast_to([0.5, 0.6], (40, 2)), atol=1e-6)
    assert tracks.visible.all()


def test_a_grid_lets_go_only_when_it_has_arrived_at_the_release(stream):
    live = stream(after_release="let_go", max_speed=0.8)
    live.send("press", 0, 0.2, 0.5).send("move", 0.1, 0.6, 0.5).send("release", 0.1, 0.6, 0.5)
    tracks = live.read()
    np.testing.assert_allclose(tracks.xy[:, 0, 0], np.minimum(0.2 + 0.05 * np.arange(9), 0.6), atol=1e-6)
    assert tracks.visible.all()
    assert live.read().num_points == 0


def test_a_press_on_a_resting_grid_takes_it_up_again_where_it_is(stream):
    live = stream(radius=0.1, spacing=0.1)
    live.send("press", 0, 0.2, 0.5).send("release", 0.25, 0.5, 0.5)
    live.send("press", 0.5, 0.55, 0.5).send("release", 0.75, 0.55, 0.7)
    tracks = live.read(2)
    assert tracks.num_points == 5
    np.testing.assert_allclose(tracks.xy[-1, 0], [0.5, 0.7], atol=1e-6)
    assert live.send("press", 21 / 16, 0.2, 0.5).read().num_points == 10  # nothing is left where it came from


def test_two_pointers_move_two_grids_and_a_lost_release_ends_with_the_next_press(stream):
    live = stream()
    live.send("press", 0, 0.2, 0.2, pointer=1).send("press", 0, 0.8, 0.8, pointer=2)
    live.send("move", 0.25, 0.4, 0.2, pointer=1).send("move", 0.25, 0.8, 0.6, pointer=2)
    live.send("press", 0.375, 0.1, 0.9, pointer=1).send("move", 0.5, 0.3, 0.9, pointer=1)
    tracks = live.read()
    np.testing.assert_allclose(tracks.xy[-1], [[0.4, 0.2], [0.8, 0.6], [0.3, 0.9]], atol=1e-6)


def test_moves_and_releases_without_a_press_do_nothing(stream):
    live = stream().send("move", 0, 0.2, 0.2).send("release", 0.1, 0.3, 0.3).send("move", 0.2, 0.4, 0.4)
    assert live.read().num_points == 0


def test_late_events_are_caught_up_with_at_the_speed_limit(stream):
    live = stream(max_speed=0.8)
    live.send("press", 0, 0.2, 0.5).read()
    live.send("move", 0.3, 0.5, 0.5)  # when it happened frames 5..8 had been read without it
    x = live.read().xy[:, 0, 0]
    np.testing.assert_allclose(x, np.minimum(0.2 + 0.05 * np.arange(1, 13), 0.5), atol=1e-6)


def test_a_whole_drag_that_came_late_is_done_from_its_press(stream):
    live = stream(max_speed=0.8)
    live.read()
    live.send("press", 0.1, 0.2, 0.5).send("move", 0.2, 0.3, 0.5).send("release", 0.3, 0.4, 0.5)
    x = live.read().xy[:, 0, 0]
    np.testing.assert_allclose(x, np.minimum(0.2 + 0.05 * np.arange(1, 13), 0.4), atol=1e-6)


def test_moves_that_the_network_swapped_across_a_window_do_not_pull_back(stream):
    live = stream().send("press", 0, 0.2, 0.5).send("move", 0.5, 0.6, 0.5)
    live.read()
    x = live.send("move", 0.4, 0.3, 0.5).read().xy[:, 0, 0]
    np.testing.assert_allclose(x, 0.6, atol=1e-6)


def test_an_event_without_a_time_counts_from_the_next_frame(stream):
    live = stream()
    live.read()
    assert live.send("press", None, 0.2, 0.5).read().visible.all()


def test_an_implausible_drag_is_slowed_in_what_read_returns_and_reported(stream):
    live = stream(max_speed=0.16, radius=0.1, spacing=0.1)
    live.send("press", 0, 0.2, 0.5).send("move", 0.05, 0.9, 0.5).send("pin", 0, 0.5, 0.9)
    tracks = live.read()
    moving = tracks.select([0, 1, 2, 3, 4])
    np.testing.assert_allclose(np.diff(moving.xy[..., 0], axis=0), 0.01, atol=1e-6)
    assert live.provider.limited_points == {0, 1, 2, 3, 4}
    live.read(8)
    assert live.provider.limited_points == set()


def test_smoothing_rounds_the_start_of_a_drag_and_arrives(stream):
    live = stream(smoothing_seconds=0.1).send("press", 0, 0.2, 0.5).send("move", 0.5, 0.6, 0.5)
    x = live.read(2).xy[:, 0, 0]
    straight = np.minimum(0.2 + 0.05 * np.arange(21), 0.6)
    assert (x[1:9] < straight[1:9] - 0.005).all()
    assert x[-1] == pytest.approx(0.6, abs=1e-4)


def test_a_grid_dragged_out_of_the_picture_is_hidden_and_comes_back_the_same(stream):
    live = stream().send("press", 0, 0.9, 0.5).send("move", 0.25, 1.1, 0.5).send("move", 0.5, 0.9, 0.5)
    tracks = live.read()
    assert tracks.num_points == 1
    assert tracks.visible[:, 0].tolist() == [True] * 2 + [False] * 5 + [True] * 2


def test_pins_stay_and_remove_and_clear_let_go(stream):
    live = stream(radius=0.1, spacing=0.1)
    live.send("pin", 0, 0.1, 0.1).send("pin", 0, 0.5, 0.5, radius=0.2).send("press", 0, 0.8, 0.8)
    tracks = live.read()
    assert tracks.num_points == 1 + 13 + 5
    assert (tracks.xy[0] == tracks.xy[-1]).all()
    assert live.send("remove", 0.6, 0.45, 0.5).send("move", 0.7, 0.8, 0.7).read().num_points == 19
    assert live.read().num_points == 6
    assert live.send("clear", 33 / 16).send("move", 2.5, 0.1, 0.1).read().num_points == 0


def test_a_press_never_drags_a_pin(stream):
    live = stream().send("pin", 0, 0.5, 0.5).send("press", 0.0, 0.5, 0.5).send("move", 0.25, 0.9, 0.5)
    tracks = live.read()
    np.testing.assert_allclose(tracks.xy[-1, :, 0], [0.5, 0.9], atol=1e-6)


def test_the_background_is_silent_where_a_grid_is_and_where_it_came_from(stream):
    live = stream(width=200, background_points=8, radius=0.05, spacing=0.05, background_clearance=0.1)
    assert live.read().visible.all()
    live.send("press", 9 / 16, 0.2, 0.5).send("release", 1.0, 0.8, 0.5)
    tracks = live.read().select(np.arange(64))
    widths = tracks.xy[-1] * (1, 0.5)
    near = np.minimum(np.hypot(*(widths - (0.2, 0.25)).T), np.hypot(*(widths - (0.8, 0.25)).T)) <= 0.15
    np.testing.assert_array_equal(tracks.visible[-1], ~near)
    assert 4 < near.sum() < 32
    assert live.send("clear", 21 / 16).read().visible.all()


def test_the_oldest_resting_grids_make_room_for_new_ones(stream):
    live = stream(radius=0.04, spacing=0.04, shape="square", max_points=20)
    for index in range(4):  # nine points each
        live.send("press", 0.1 * index, 0.1 + 0.2 * index, 0.5).send("release", 0.1 * index, 0.1 + 0.2 * index, 0.5)
    assert live.read().visible.sum(axis=1).tolist() == [9, 9, 18, 18, 18, 18, 18, 18, 18]
    tracks = live.read()
    assert tracks.ids.tolist() == list(range(18, 36))
    live.send("press", None, 0.1, 0.1, pointer=1).send("press", None, 0.3, 0.1, pointer=2)
    live.send("press", None, 0.5, 0.1, pointer=3)
    assert set(live.read(2).ids[-18:].tolist()) == set(range(36, 54))  # held ones stay, a third finds no room


def test_reading_in_other_windows_gives_the_same_motion(stream):
    def drag(live):
        live.send("path", 0.3, points=[[0.1, 0.1], [0.3, 0.4], [0.9, 0.4]], speed=0.7, ease=True)
        return live.send("press", 0.2, 0.5, 0.5).send("move", 0.7, 0.9, 0.5).send("release", 1.3, 0.5, 0.7)

    chunked = drag(stream(radius=0.1, smoothing_seconds=0.1, max_speed=0.6)).read(3)
    live = drag(stream(radius=0.1, smoothing_seconds=0.1, max_speed=0.6))
    assert live.provider.read(Window(index=0, start_frame=0, num_frames=33, fps=16)) == chunked


def test_events_from_many_threads_all_arrive_while_frames_are_read(stream):
    live = stream()

    def work(number):
        for index in range(50):
            live.send("pin", None, (number + 0.5) / 4, (index + 0.5) / 50)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        live.read()
    for thread in threads:
        thread.join()
    assert live.read().num_points == 200


def test_events_before_the_start_count_and_those_after_the_end_do_not():
    provider, info = DragProvider(DragSettings(radius=0)), StreamInfo(width=8, height=8, fps=16)
    window = Window.of_chunk(StreamConfig(width=8, height=8), 0)
    pin = {"type": "pin", "x": 0.5, "y": 0.5}
    with pytest.raises(ProviderError, match="Call start first"):
        provider.read(window)
    provider.handle(pin)
    provider.start(info)
    assert provider.read(window).num_points == 1
    provider.close()
    provider.handle(pin)
    provider.start(info)
    assert provider.read(window).num_points == 0


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "jump"}, "'jump'"),
        ({}, "type"),
        ({"type": "press", "x": 0.5}, "press.y: Field required"),
        ({"type": "press", "x": float("nan"), "y": 0}, "press.x"),
        ({"type": "press", "x": 99, "y": 0}, "press.x.*got 99"),
        ({"type": "press", "x": 0, "y": 0, "time_seconds": -1}, "time_seconds"),
        ({"type": "press", "x": 0, "y": 0, "force": 1}, "force"),
        ({"type": "path", "points": [[0, 0]], "speed": 1}, "path.points"),
        ({"type": "path", "points": [[0, 0], [1, 1]], "speed": 0}, "path.speed"),
    ],
)
def test_events_that_make_no_sense_are_refused_by_name(event, message):
    with pytest.raises(InputError, match=message):
        DragProvider().handle(event)
