"""Marks with a shape of their own, painted ones, and taking them back."""

import numpy as np
import pytest
from motionstream_drag import DragProvider, DragScript, DragSettings

from motionstream.errors import InputError


def widths(tracks, height=1.0):
    """How far the points of the last frame reach, in widths, along x and y."""
    return np.ptp(tracks.xy[-1] * (1, height), axis=0)


@pytest.mark.parametrize("kind", ["press", "path"])
def test_a_press_and_a_path_overrule_the_settings_for_their_grid_alone(stream, kind):
    live = stream(radius=0.1, spacing=0.1)
    where = {"x": 0.3, "y": 0.3} if kind == "press" else {"points": [[0.3, 0.3], [0.3, 0.30001]], "speed": 1}
    tracks = live.send(kind, 0, radius=0.2, spacing=0.05, shape="square", **where).read()
    assert tracks.num_points == 81
    np.testing.assert_allclose(widths(tracks), 0.4, atol=1e-3)
    assert live.send("press", None, 0.8, 0.8, pointer=1).read().num_points == 81 + 5


def test_each_field_that_is_left_out_is_that_of_the_settings(stream):
    live = stream(radius=0.2, spacing=0.1, shape="square", falloff=1.0)
    live.send("press", 0, 0.5, 0.5, radius=0.1).send("release", 0.25, 0.7, 0.5)
    tracks = live.read()
    assert tracks.num_points == 9
    moved = tracks.xy[-1, :, 0] - tracks.xy[0, :, 0]
    assert moved[0] == pytest.approx(0.2, abs=1e-5)
    np.testing.assert_allclose(moved[1:], 0, atol=1e-5)  # the rim is left behind, as the settings say
    other = stream(radius=0.2, spacing=0.1, shape="square", falloff=1.0)
    other.send("press", 0, 0.5, 0.5, falloff=0.0).send("release", 0.25, 0.7, 0.5)
    tracks = other.read()
    np.testing.assert_allclose(tracks.xy[-1, :, 0] - tracks.xy[0, :, 0], 0.2, atol=1e-5)


def test_a_press_that_takes_up_a_grid_leaves_its_shape(stream):
    live = stream(radius=0.1, spacing=0.1).send("press", 0, 0.5, 0.5).send("release", 0.1, 0.5, 0.5)
    assert live.send("press", 0.2, 0.5, 0.5, radius=0.3, spacing=0.05).read().num_points == 5


def test_a_pin_has_a_spacing_of_its_own(stream):
    live = stream(radius=0.1, spacing=0.1, shape="square")
    assert live.send("pin", 0, 0.3, 0.3, radius=0.1, spacing=0.05).read().num_points == 25


def test_painted_points_lie_where_they_were_painted_and_rest(stream):
    points = [[0.2, 0.2], [0.3, 0.2], [0.8, 0.9], [1.2, 0.5]]
    tracks = stream(height=50).send("brush", 0, points=points).read()
    assert tracks.num_points == 3  # one was outside
    np.testing.assert_allclose(tracks.xy, np.broadcast_to(points[:3], (9, 3, 2)), atol=1e-6)


def test_painted_points_move_as_one_when_pressed_near_one_of_them(stream):
    corner = [[0.2, 0.2 + 0.05 * step] for step in range(9)] + [[0.2 + 0.05 * step, 0.6] for step in range(1, 9)]
    live = stream().send("brush", 0, points=corner)
    live.send("press", 0.1, 0.59, 0.62).send("release", 0.4, 0.69, 0.62)
    tracks = live.read()
    assert tracks.num_points == len(corner)
    np.testing.assert_allclose(tracks.xy[-1] - tracks.xy[0], np.broadcast_to([0.1, 0], (17, 2)), atol=1e-6)
    assert live.send("press", None, 0.5, 0.4).read().num_points == 18  # inside the corner there is nothing painted


def test_pinned_paint_stays_under_a_press_and_is_erased_by_a_remove(stream):
    live = stream().send("brush", 0, points=[[0.3, 0.3], [0.35, 0.3]], pinned=True)
    live.send("press", 0.1, 0.3, 0.3).send("release", 0.3, 0.6, 0.3)
    tracks = live.read()
    np.testing.assert_allclose(tracks.xy[-1, :, 0], [0.3, 0.35, 0.6], atol=1e-6)
    assert live.send("remove", None, 0.33, 0.3).read().ids.tolist() == [2]


def test_undo_lets_go_the_newest_mark_of_any_kind_one_by_one(stream):
    live = stream().send("pin", 0, 0.1, 0.1).send("press", 0.1, 0.5, 0.5).send("release", 0.2, 0.5, 0.5)
    live.send("brush", 0.3, points=[[0.9, 0.1]]).send("path", 0.4, points=[[0.2, 0.8], [0.4, 0.8]], speed=0.1)
    assert live.read().num_points == 4
    left = []
    for _ in range(5):
        live.send("undo").read()
        left.append(live.read().ids.tolist())
    assert left == [[0, 1, 2], [0, 1], [0], [], []]


def test_redo_places_a_dragged_grid_where_it_was_let_go_with_new_ids(stream):
    live = stream(radius=0.1, spacing=0.1, falloff=0.5)
    live.send("press", 0, 0.3, 0.3).send("release", 0.3, 0.6, 0.3).read()
    before = live.read()
    live.send("undo").read()
    after = live.send("redo").read()
    assert after.ids.tolist() == [5, 6, 7, 8, 9]
    np.testing.assert_allclose(after.xy, np.broadcast_to(before.xy[-1], after.xy.shape), atol=1e-6)
    dragged = live.send("press", 45 / 16, 0.6, 0.3).send("release", 48 / 16, 0.6, 0.5).read()
    np.testing.assert_allclose(dragged.xy[-1, 0], [0.6, 0.5], atol=1e-6)


def test_a_path_goes_on_after_a_redo(stream):
    live = stream()
    live.send("path", 0, points=[[0.1, 0.5], [0.9, 0.5]], speed=0.2)
    live.send("undo", 0.5).send("redo", 1.0)
    tracks = live.read(3)
    x = tracks.xy[:, 1, 0]
    np.testing.assert_allclose(x[16:], 0.1 + 0.2 * (7 / 16 + np.arange(17) / 16), atol=1e-6)  # it waited at frame 7
    assert x[-1] > 0.35


def test_a_held_pointer_lets_go_with_an_undo_and_moves_nothing_after_a_redo(stream):
    live = stream().send("press", 0, 0.3, 0.3).send("move", 0.2, 0.4, 0.3)
    live.send("undo", 0.3).send("redo", 0.4).read()
    live.send("move", None, 0.9, 0.9).send("release", None, 0.9, 0.9)
    np.testing.assert_allclose(live.read().xy[-1, -1], [0.4, 0.3], atol=1e-6)


def test_several_undone_marks_come_back_in_turn_until_something_else_is_placed(stream):
    live = stream()
    for place in (0.2, 0.4, 0.6):
        live.send("pin", None, place, 0.5).read()
    live.send("undo").send("undo").send("redo").read()
    np.testing.assert_allclose(live.read().xy[-1, :, 0], [0.2, 0.4], atol=1e-6)
    live.send("pin", None, 0.9, 0.5).send("redo").read()
    np.testing.assert_allclose(live.read().xy[-1, :, 0], [0.2, 0.4, 0.9], atol=1e-6)


def test_no_more_than_the_newest_sixty_four_undos_are_remembered(stream):
    live = stream()
    for index in range(70):
        live.send("pin", None, (index + 0.5) / 70, 0.5)
    live.read()
    for kind in ("undo", "redo"):
        for _ in range(70):
            live.send(kind)
        live.read()
    np.testing.assert_allclose(np.sort(live.read().xy[-1, :, 0]), (np.arange(64) + 0.5) / 70, atol=1e-6)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "press", "x": 0.5, "y": 0.5, "radius": 0.5, "spacing": 0.01}, "101 x 101 points exceeds max_points"),
        ({"type": "pin", "x": 0.5, "y": 0.5, "radius": 0.5, "spacing": 0.01}, "101 x 101 points exceeds max_points"),
        ({"type": "brush", "points": [[0.5, 0.5]] * 2501}, "2501 points exceeds max_points 2500"),
        ({"type": "brush", "points": []}, "brush.points"),
        ({"type": "press", "x": 0.5, "y": 0.5, "radius": 0.6}, "press.radius"),
        ({"type": "press", "x": 0.5, "y": 0.5, "shape": "star"}, "press.shape"),
        ({"type": "path", "points": [[0, 0], [1, 1]], "speed": 1, "spacing": 0.001}, "path.spacing"),
        ({"type": "move", "x": 0.5, "y": 0.5, "radius": 0.1}, "move.radius"),
    ],
)
def test_grids_that_are_too_large_or_make_no_sense_are_refused(event, message):
    with pytest.raises(InputError, match=message):
        DragProvider().handle(event)


def test_a_script_with_a_grid_that_is_too_large_is_refused_when_it_is_taken():
    script = DragScript.model_validate(
        {"events": [{"type": "pin", "x": 0.5, "y": 0.5, "radius": 0.5}], "settings": {"max_points": 100}}
    )
    with pytest.raises(InputError, match="25 x 25 points exceeds max_points 100"):
        DragProvider(DragSettings(), script=script)
