"""What points leave behind: holes that are filled from around them, and whose part of a picture is whose."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.tracks import Tracks

RED, BLUE, GREEN = (0.9, 0.2, 0.1), (0.3, 0.4, 0.7), (0.1, 0.8, 0.2)
THING = np.s_[:, 16:24, 8:16]  # one cell of 8 pixels a side
SQUARE, ODD = (8, 8, 8), (5, 7, 8)  # cells down and across, pixels along one side of a cell


def jumping(start: tuple[float, float], step: tuple[float, float], num_frames: int = 9, at: int = 1) -> np.ndarray:
    """Positions `t 2` in pixels: the start, and from frame `at` on a step away from it."""
    return np.asarray(start, float) + (np.arange(num_frames) >= at)[:, None] * np.array(step, float)


def close(made: Tensor, wanted: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(made, wanted.expand_as(made), atol=atol, rtol=0)


def thing_before_background(scene: Any, colour: tuple[float, ...] = RED) -> Tensor:
    newest = scene.colour(*BLUE)
    newest[THING] = scene.colour(*colour)[THING]
    return newest


def leaving(scene: Any, ways: np.ndarray, background: bool = True, hidden: bool = False) -> Tracks:
    """A point on each quarter of the thing, which goes its `ways` or hides after frame 0, and one on each other place.

    The background stands still; where the thing covers it, its points are not visible.
    """
    paths, visible = [], []
    for y, x in itertools.product(np.arange(2, scene.rows, 4), np.arange(2, scene.columns, 4)):
        if 8 < x < 16 and 16 < y < 24:
            paths.append(np.array([x, y]) + ways)
            visible.append(np.arange(len(ways)) < (1 if hidden else len(ways)))
        elif background:
            paths.append(jumping((x, y), (0, 0), len(ways)))
            visible.append((np.abs(np.array([x - 12, y - 20]) - ways) >= 4).any(1))
    return scene.tracks(*paths, visible=np.stack(visible, axis=1))


@pytest.mark.parametrize("background", [False, True], ids=["thing alone", "background within reach"])
@pytest.mark.parametrize(("scene", "step"), [(SQUARE, (39, 17)), (ODD, (31, 1))], indirect=["scene"])
def test_a_thing_that_leaves_a_still_background_leaves_a_hole_of_the_background_s_colour(
    scene: Any, step: tuple[int, int], background: bool
) -> None:
    newest = thing_before_background(scene)
    made = scene.one_chunk(leaving(scene, jumping((0, 0), step), background), newest, reach=1.0)
    close(made.video[0], newest)
    close(made.video[1:][(slice(None), *THING)], scene.colour(*BLUE)[THING], atol=1e-6)
    dx, dy = step
    arrived = made.video[1:, :, 16 + dy + 1 : 24 + dy - 1, 8 + dx + 1 : 16 + dx - 1]
    close(arrived, torch.tensor(RED)[:, None, None])
    elsewhere = ~scene.within(12 + dx, 20 + dy, 2)
    close(made.video[1:, :, elsewhere], scene.colour(*BLUE)[:, elsewhere], atol=2e-6)


@pytest.mark.parametrize("scene", [SQUARE], indirect=True)
def test_still_points_within_reach_of_a_hole_do_not_bring_back_what_stood_there(scene: Any) -> None:
    told = leaving(scene, jumping((0, 0), (39, 17)))
    carried = scene.one_chunk(told, thing_before_background(scene), reach=1.0).carried
    assert (carried[0] == 1).all()
    assert (carried[1:, 2, 1] == -1).all()
    others = torch.ones(8, 8, dtype=torch.bool)
    others[2, 1] = False
    assert (carried[1:, others] > 0).all()
    assert (carried[1:, others] == 1).float().mean() > 0.9
    background = told.select(np.flatnonzero((told.xy[0] == told.xy[-1]).all(-1)))
    alone = scene.one_chunk(background, thing_before_background(scene), reach=1.0)
    assert (alone.carried[0, 2, 1] == 1).all()  # they reach the whole of it, and nobody else was nearer at birth


@pytest.mark.parametrize("background", [False, True], ids=["thing alone", "background within reach"])
@pytest.mark.parametrize("scene", [SQUARE], indirect=True)
def test_in_the_next_chunk_what_was_a_hole_stays_as_it_has_become(scene: Any, background: bool) -> None:
    told = leaving(scene, jumping((0, 0), (39, 17), 21), background)
    first = scene.one_chunk(told.slice(0, 9), thing_before_background(scene), reach=1.0)
    newest = first.video[-1].clone()
    newest[THING] = scene.picture()[THING]  # what a model might have made of it
    second = scene.stream(told, [thing_before_background(scene), newest], 1.0, (9, 12))[1]
    close(second.video, newest)
    assert not second.carried[:, 2, 1].any()


@pytest.mark.parametrize("scene", [SQUARE, ODD], indirect=True)
def test_nothing_of_a_thing_that_hides_is_left_in_its_hole(scene: Any) -> None:
    told = leaving(scene, np.zeros((9, 2)), background=False, hidden=True)
    red, green = (scene.one_chunk(told, thing_before_background(scene, colour), 1.0).video for colour in (RED, GREEN))
    assert not torch.allclose(red[0], green[0], atol=0.1)
    close(red[1:], green[1:], atol=1e-6)


@pytest.mark.parametrize("scene", [SQUARE, ODD], indirect=True)
def test_a_thing_that_walks_out_of_the_picture_leaves_nothing_but_background(scene: Any) -> None:
    told = leaving(scene, np.arange(9)[:, None] * (-6, 0))
    made = scene.one_chunk(told, thing_before_background(scene), reach=1.0)
    assert (made.carried[5:, 2, 1] == -1).all()
    close(made.video[5:], scene.colour(*BLUE))


@pytest.mark.parametrize("scene", [SQUARE], indirect=True)
def test_a_hole_goes_smoothly_from_one_of_its_sides_to_the_other(scene: Any) -> None:
    ramp = torch.linspace(0.1, 0.9, 64).expand(3, 64, 64)
    newest = ramp.clone()
    newest[THING] = 0
    filled = scene.one_chunk(leaving(scene, np.arange(9)[:, None] * (-6, 0)), newest, reach=1.0).video[8]
    inside = filled[THING]
    assert (inside.diff(dim=2) > 0).all()
    assert (inside.diff(dim=2) < 0.02).all()
    assert (inside - ramp[THING]).abs().max() < 0.01
    filled[THING] = ramp[THING]
    close(filled, ramp)


@pytest.mark.parametrize("scene", [(4, 8, 4), SQUARE, ODD], indirect=True)
def test_a_picture_that_is_nothing_but_a_hole_is_filled_with_numbers(scene: Any) -> None:
    visible = np.ones((9, 1), bool)
    visible[3:6] = False
    told, newest = scene.tracks(jumping((12, 8), (0, 0)), visible=visible), scene.picture()
    made = scene.one_chunk(told, newest, reach=99)
    assert (made.carried[3:6] == -1).all()
    assert made.video.isfinite().all()
    assert ((made.video >= 0) & (made.video <= 1)).all()
    close(made.video[6:], newest)


@pytest.mark.parametrize("scene", [(4, 8, 8)], indirect=True)
@pytest.mark.parametrize(("further", "alike"), [(3, True), (5, False)])  # 0.75 and 1.25 places
def test_two_points_whose_ways_differ_by_less_than_a_place_both_carry_across_their_seam(
    scene: Any, further: int, alike: bool
) -> None:
    newest, middle = scene.picture(), scene.centres()[0]
    made = scene.one_chunk(scene.tracks(jumping((28, 16), (4, 0)), jumping((36, 16), (4 + further, 0))), newest)
    video, left, right = made.video[4], scene.within(32, 16), scene.within(40 + further, 16)
    left, seam, right = left & (middle < 36), (left | right) & (middle == 38), right & (middle > 40)
    close(video[:, left], newest.roll(4, 2)[:, left])
    close(video[:, right], newest.roll(4 + further, 2)[:, right])
    assert seam.any()
    # At 38 the nearer point is the right one if it went 3 further, but what it brings was the left one's; if it went
    # 5 further the left one is, and brings what was the right one's.
    assert torch.equal(made.carried[4].clamp(min=0), scene.by_cell(left | right | seam if alike else left | right))
    assert torch.allclose(video[:, seam], newest.roll(7, 2)[:, seam], atol=1e-5) == alike


@pytest.mark.parametrize("scene", [(4, 8, 8)], indirect=True)
def test_a_pan_leaves_the_strip_that_enters_to_the_fill(scene: Any) -> None:
    newest = scene.picture()
    grid = [(x, y) for y in range(3, 32, 8) for x in range(3, 64, 8)]
    ways = np.array([0, 6, 13, 13, 13, 13, 13, 13, 13])[:, None] * (1, 0)  # those at the right border go out on the way
    made = scene.one_chunk(scene.tracks(*(np.array(xy) + ways for xy in grid)), newest)
    # Of places with their middle at 2, 6, 10, 14, ... the first three come from outside.
    assert torch.equal(made.carried[2:], torch.tensor([-1, 0.5, 1, 1, 1, 1, 1, 1]).expand(7, 4, 8))
    close(made.video[2:, :, :, 13:], newest[:, :, :-13])
    close(made.video[2:, :, :, 12], newest[:, :, 0])
    strip = made.video[4, :, :, :12]
    assert max(strip.diff(dim=1).abs().mean(), strip.diff(dim=2).abs().mean()) < 0.02
    assert newest.diff(dim=1).abs().mean() > 0.3  # as it was, and where its border is repeated


def test_what_comes_from_outside_of_the_picture_leaves_the_newest_where_nothing_was_carried_before(scene: Any) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(jumping((4, 8), (14, 0))), newest)
    reached, inside = scene.within(18, 8), scene.centres()[0] > 14
    close(made.video[4][:, reached & inside], newest.roll(14, 2)[:, reached & inside])
    assert (reached & ~inside).any()
    close(made.video[4][:, reached & ~inside], newest[:, reached & ~inside])
    assert torch.equal(made.carried[4].clamp(min=0), scene.by_cell(reached & inside))


def test_whose_part_is_whose_is_asked_of_points_born_on_the_same_picture_alone(scene: Any) -> None:
    first, second = scene.picture(0), scene.picture(1)
    early, late = jumping((8, 8), (16, 0), 21, at=4), jumping((8.3, 8.1), (8, 0), 21, at=12)
    told = scene.tracks(early, late, visible=np.arange(21)[:, None] >= (0, 9))
    made = scene.stream(told, [first, second], chunks=(9, 12))[1].video
    by_early, by_late = scene.within(24, 8, 0.9), scene.within(16.3, 8.1, 0.9)
    close(made[3:, :, by_early], first.roll(16, 2)[:, by_early])
    close(made[3:, :, by_late], second.roll(8, 2)[:, by_late])


@pytest.mark.parametrize("scene", [(8, 16, 8), (5, 9, 8)], indirect=True)
def test_a_wide_hole_is_filled_from_its_one_side_in_a_picture_of_any_shape(scene: Any) -> None:
    newest = scene.colour(*BLUE)
    grid = [(x, y) for y in range(4, scene.rows, 8) for x in range(4, scene.columns, 8)]
    far = 0.8 * scene.columns
    close(scene.one_chunk(scene.tracks(*(jumping(xy, (far, 0)) for xy in grid)), newest).video, newest)


@pytest.mark.parametrize("scene", [(4, 8, 4)], indirect=True)
def test_where_a_hidden_point_is_said_to_be_means_nothing(scene: Any) -> None:
    paths = [jumping((14, 8), (2, 0)), jumping((18, 8), (0, 0))]
    visible = np.ones((9, 2), bool)
    visible[1:, 1] = False
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(*paths, visible=visible), newest)
    elsewhere = scene.one_chunk(scene.tracks(paths[0], jumping((18, 8), (11, 6)), visible=visible), newest)
    assert made.carried.clamp(min=0)[1:].any()
    assert torch.equal(made.carried, elsewhere.carried)
    assert torch.equal(made.video, elsewhere.video)
