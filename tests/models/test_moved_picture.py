"""Pictures that move along tracks: the rules one by one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from motionstream.models.moved_picture import move_picture
from motionstream.models.track_memory import TrackMemory, follow_points
from motionstream.tracks import Tracks


def still(x: float, y: float, num_frames: int = 9) -> np.ndarray:
    """Positions `t 2` in pixels that stay the same."""
    return np.tile([float(x), float(y)], (num_frames, 1))


def jumping(start: tuple[float, float], step: tuple[float, float], num_frames: int = 9, at: int = 1) -> np.ndarray:
    """Positions `t 2` in pixels: the start, and from frame `at` on a step away from it."""
    return still(*start, num_frames) + (np.arange(num_frames) >= at)[:, None] * np.array(step)


def close(made: Tensor, wanted: Tensor, atol: float = 1e-5) -> None:
    """The picture is read at positions that float32 knows to about a millionth of its side."""
    torch.testing.assert_close(made, wanted.expand_as(made), atol=atol, rtol=0)


def test_without_points_the_newest_picture_is_repeated_and_nothing_is_carried(scene: Any) -> None:
    newest = scene.picture()
    made = scene.one_chunk(Tracks.empty(9), newest)
    assert torch.equal(made.video, newest.expand(9, -1, -1, -1))
    assert torch.equal(made.carried, torch.zeros(9, scene.height, scene.width))


def test_a_point_that_stays_leaves_the_picture_as_it_is_and_tells_so_within_its_reach(scene: Any) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(still(13.3, 6.6)), newest)
    close(made.video, newest)
    assert torch.equal(made.carried, scene.by_cell(scene.within(13.3, 6.6)).expand(9, -1, -1))
    assert 0 < made.carried[0].mean() < 1


@pytest.mark.parametrize(("dx", "dy"), [(3, -2), (-5, 1), (0, 4), (8, 0)])
def test_a_shift_by_whole_pixels_carries_the_pixels_within_reach_and_no_other(scene: Any, dx: int, dy: int) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(jumping((14.5, 7.5), (dx, dy), at=4)), newest)
    wanted = newest.roll((dy, dx), (1, 2))
    was, reached = scene.within(14.5, 7.5), scene.within(14.5 + dx, 7.5 + dy)
    close(made.video[:4], newest)
    close(made.video[4:, :, reached], wanted[:, reached])
    close(made.video[4:, :, ~reached & ~was], newest[:, ~reached & ~was])
    assert not torch.allclose(wanted[:, reached], newest[:, reached], atol=0.1)
    assert not torch.allclose(made.video[4][:, was & ~reached], newest[:, was & ~reached], atol=0.1)


def test_a_reading_between_pixels_is_cubic(scene: Any) -> None:
    newest, a = scene.picture(), -0.75  # Keys' convolution with torch's parameter
    made = scene.one_chunk(scene.tracks(jumping((16.5, 8.5), (0.5, 0))), newest).video
    near, far = (a + 2) / 8 - (a + 3) / 4 + 1, a * 27 / 8 - 5 * a * 9 / 4 + 8 * a * 3 / 2 - 4 * a  # half way
    halfway = near * (newest + newest.roll(1, 2)) + far * (newest.roll(-1, 2) + newest.roll(2, 2))
    reached = scene.within(17, 8.5)
    close(made[4][:, reached], halfway.clamp(0, 1)[:, reached], atol=2e-5)


def test_overshoot_of_the_cubic_reading_is_cut_off(scene: Any) -> None:
    board = (torch.arange(scene.rows)[:, None] // 2 + torch.arange(scene.columns) // 2) % 2
    given, told = board.float().expand(3, -1, -1), scene.tracks(jumping((16.5, 8.5), (0.25, 0.25)))
    made = scene.one_chunk(told, given).video[1:]
    unclamped = (scene.one_chunk(told, given / 4 + 0.375).video[1:] - 0.375) * 4
    assert unclamped.min() < -0.05
    assert unclamped.max() > 1.05
    assert made.min() == 0
    assert made.max() == 1
    close(made[:, :, scene.within(16.75, 8.75)], unclamped.clamp(0, 1)[:, :, scene.within(16.75, 8.75)])


@pytest.mark.parametrize(
    ("step", "border"),
    [
        ((0.9, 0), np.s_[:, :, :1]),
        ((-0.9, 0), np.s_[:, :, -1:]),
        ((0, 0.7), np.s_[:, :1]),
        ((0, -0.7), np.s_[:, -1:]),
        ((0.9, -0.7), np.s_[:, -1:, :1]),
    ],
)
def test_what_comes_from_less_than_a_place_beyond_the_border_repeats_its_pixels(
    scene: Any, step: tuple[float, float], border: tuple[slice, ...]
) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(jumping((16, 8), step)), newest, reach=99)
    assert (made.carried == 1).all()
    close(made.video[4][border], newest[border])
    assert not torch.allclose(made.video[4], newest, atol=0.1)


def test_each_place_follows_the_nearest_of_two_points_that_meet(scene: Any) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(jumping((12, 8), (2, 0)), jumping((20, 8), (-2, 0))), newest)
    nearer_left = scene.centres()[0] < 16
    left, right = scene.within(14, 8) & nearer_left, scene.within(18, 8) & ~nearer_left
    assert (scene.within(14, 8) & right).any()
    assert (scene.within(18, 8) & left).any()
    close(made.video[4][:, left], newest.roll(2, 2)[:, left])
    close(made.video[4][:, right], newest.roll(-2, 2)[:, right])
    assert torch.equal(made.carried[4].clamp(min=0), scene.by_cell(left | right))
    elsewhere = ~(left | right | scene.within(12, 8) | scene.within(20, 8))
    close(made.video[4][:, elsewhere], newest[:, elsewhere])


def test_a_nearer_point_that_stays_holds_its_place_against_one_that_moves(scene: Any) -> None:
    newest = scene.picture()
    made = scene.one_chunk(scene.tracks(jumping((9, 8), (3, 0)), still(18.5, 8.5)), newest).video[8]
    held, moved = scene.within(18.5, 8.5, 0.4), scene.within(12, 8, 0.4)
    assert held.any()
    assert moved.any()
    close(made[:, held], newest[:, held])
    close(made[:, moved], newest.roll(3, 2)[:, moved])


def test_a_hidden_point_carries_nothing_and_shadows_no_other(scene: Any) -> None:
    newest = scene.picture()
    near, far = jumping((14.5, 8.5), (2, 0)), jumping((12.5, 8.5), (2.8, 0))  # less than a place apart
    visible = np.ones((9, 2), bool)
    visible[3:6, 0] = False
    made = scene.one_chunk(scene.tracks(near, far, visible=visible), newest).video
    alone = scene.one_chunk(scene.tracks(far), newest).video
    reached = scene.within(15.3, 8.5)
    assert torch.equal(made[3:6, :, reached], alone[3:6, :, reached])
    assert not torch.allclose(made[6][:, reached], alone[6][:, reached], atol=0.1)
    hidden = scene.one_chunk(scene.tracks(near, visible=visible[:, :1]), newest)
    was = scene.within(14.5, 8.5)
    close(hidden.video[3:6, :, ~was], newest[:, ~was])
    assert not (hidden.carried[3:6] > 0).any()
    assert torch.equal(hidden.carried[3:6] == -1, (scene.by_cell(was) > 0).expand(3, -1, -1))
    assert torch.equal(hidden.carried[6].clamp(min=0), scene.by_cell(scene.within(16.5, 8.5)))


def test_parts_born_on_different_pictures_are_read_from_their_own_up_to_its_border(scene: Any) -> None:
    red, green, blue = scene.colour(0.7, 0.4, 0.4), scene.colour(0.4, 0.7, 0.4), scene.colour(0.4, 0.4, 0.7)
    grey, (_, middle) = scene.colour(0.2, 0.2, 0.2), scene.centres()
    starts = [(4.0, 0.5), (16.0, 15.5), (28.0, 0.5)]
    steps = [(0.0, 6.3), (0.0, -6.3), (0.0, 6.3)]  # what is above the first and below the second was never seen
    paths = [jumping(start, step, 45, at=33) for start, step in zip(starts, steps, strict=True)]
    told = scene.tracks(*paths, visible=np.arange(45)[:, None] >= (0, 12, 25))
    made = scene.stream(told, [red, green, blue, grey], chunks=(9, 12, 12, 12))[-1]
    elsewhere = torch.ones(scene.rows, scene.columns, dtype=torch.bool)
    for (x, y), (_, dy), wanted in zip(starts, steps, (red, green, blue), strict=True):
        seen = scene.within(x, y + dy) & (middle - dy > 0) & (middle - dy < scene.rows)
        assert 2 < scene.by_cell(seen).sum() < scene.by_cell(scene.within(x, y + dy)).sum()
        close(made.video[:, :, seen], wanted[:, seen], atol=1e-6)
        elsewhere &= ~seen & ~scene.within(x, y)
    close(made.video[:, :, elsewhere], grey[:, elsewhere], atol=1e-6)
    assert (elsewhere & scene.within(4, 6.8)).any()  # within reach of what moved, but nothing came from there


def test_a_point_goes_on_carrying_the_picture_it_was_born_on(scene: Any) -> None:
    first, second = scene.picture(0), scene.picture(1)
    told = scene.tracks(jumping((12.5, 8.5), (4, 0), 21, at=9))
    made = scene.stream(told, [first, second], chunks=(9, 12))[1].video
    was, reached = scene.within(12.5, 8.5), scene.within(16.5, 8.5)
    close(made[:, :, reached], first.roll(4, 2)[:, reached])
    close(made[:, :, ~reached & ~was], second[:, ~reached & ~was])


def four_cells(row: int, column: int, share: float = 1.0) -> Tensor:
    """A map of the usual scene that holds `share` in the four cells around a corner and 0 elsewhere."""
    return F.pad(torch.full((2, 2), share), (column - 1, 7 - column, row - 1, 3 - row))


def test_in_the_first_chunk_a_cell_is_marked_once_the_points_of_frame_0_have_left_it(scene: Any) -> None:
    told = scene.tracks(jumping((8, 8), (12, 0), at=3))  # a corner of four cells, one place of each within reach
    carried = scene.one_chunk(told, scene.picture(), reach=0.5).carried
    assert torch.equal(carried[:3], four_cells(2, 2, 0.25).expand(3, -1, -1))
    assert torch.equal(carried[3:], (four_cells(2, 5, 0.25) - four_cells(2, 2)).expand(6, -1, -1))


def test_a_cell_that_is_still_partly_reached_has_its_share_and_no_mark(scene: Any) -> None:
    told = scene.tracks(jumping((8, 8), (4, 0)))
    carried = scene.one_chunk(told, scene.picture(), reach=0.5).carried
    assert carried[1, 1, 1:4].tolist() == [-1, 0.25, 0.25]


def test_in_a_later_chunk_a_cell_is_marked_once_the_points_of_the_frame_before_have_left_it(scene: Any) -> None:
    told = scene.tracks(jumping((8, 8), (8, 0), 21, at=6) + jumping((0, 0), (8, 0), 21, at=11))
    first, second = scene.stream(told, [scene.picture(0), scene.picture(1)], reach=0.5, chunks=(9, 12))
    assert torch.equal(first.carried[8], four_cells(2, 4, 0.25) - four_cells(2, 2))
    assert torch.equal(second.carried[:2], four_cells(2, 4, 0.25).expand(2, -1, -1))
    assert torch.equal(second.carried[2:], (four_cells(2, 6, 0.25) - four_cells(2, 4)).expand(10, -1, -1))


def test_points_that_hide_take_what_they_were_on_along_and_leave_no_mark_where_they_were_not_seen(scene: Any) -> None:
    visible = np.ones((33, 1), bool)
    visible[9:25] = False
    told = scene.tracks(jumping((8, 8), (8, 0), 33, at=9), visible=visible)
    first, second, third = scene.stream(told, [scene.picture(seed) for seed in range(3)], reach=0.5)
    assert torch.equal(first.carried, four_cells(2, 2, 0.25).expand(9, -1, -1))
    assert torch.equal(second.carried, -four_cells(2, 2).expand(12, -1, -1))
    assert not third.carried[:4].any()
    assert torch.equal(third.carried[4:], four_cells(2, 4, 0.25).expand(8, -1, -1))


def test_shares_are_quarters_of_a_cell_or_the_mark(scene: Any, wandering: Callable[..., Tracks]) -> None:
    carried = torch.cat([one.carried for one in scene.stream(wandering(30, 1), [scene.picture()] * 3)])
    assert carried.unique().tolist() == [-1, 0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(("reach", "places"), [(0.3, 0), (0.4, 4), (0.8, 12), (1.0, 12), (1.1, 16), (99.0, 128)])
def test_a_longer_reach_carries_more(scene: Any, reach: float, places: int) -> None:
    # From a corner of cells the places' centres are sqrt(i^2 + j^2) / 4 cells away, i and j odd: 0.35, 0.79, 1.06, ...
    carried = scene.one_chunk(scene.tracks(still(16, 8)), scene.picture(), reach).carried
    assert (4 * carried.sum((1, 2))).tolist() == [places] * 9


@pytest.mark.parametrize("away", [(-1.25, 0.5), (0.5, 1e4), (3e38, -3e38)])
def test_a_point_outside_of_the_picture_carries_nothing_until_it_is_back(scene: Any, away: tuple[float, float]) -> None:
    newest, path = scene.picture(), still(16, 8)
    path[1:5] = np.array(away) * (scene.columns, scene.rows)
    path[5:] += (2, 0)
    told, wanted = scene.tracks(path), scene.one_chunk(scene.tracks(jumping((16, 8), (2, 0))), newest)
    made, was = scene.one_chunk(told, newest), scene.within(16, 8)
    close(made.video[1:5, :, ~was], newest[:, ~was])
    assert torch.equal(made.carried[1:5], -(scene.by_cell(was) > 0).float().expand(4, -1, -1))
    assert torch.equal(made.video[5:], wanted.video[5:])


def test_a_position_outside_of_the_picture_still_reaches_into_it(scene: Any) -> None:
    newest, told = scene.picture(), scene.tracks(jumping((3, 8), (-5, 0)))
    points, _ = follow_points(told, TrackMemory.empty(), newest, first=True)
    seen = replace(points, visible=torch.ones_like(points.visible))
    made = move_picture(seen, newest, scene.height, scene.width, 1.5).video[4]
    was, reached = scene.within(3, 8), scene.within(-2, 8)
    assert reached.any()
    close(made[:, reached], newest.roll(-5, 2)[:, reached])
    close(made[:, ~reached & ~was], newest[:, ~reached & ~was])


@pytest.mark.parametrize("scene", [(16, 24, 8)], indirect=True)
def test_a_thousand_points_that_move_together_move_the_picture(scene: Any) -> None:
    newest, rng = scene.picture(), np.random.default_rng(0)
    start = (rng.random((1024, 2)) * 0.9 + 0.05) * (scene.columns, scene.rows)
    made = scene.one_chunk(scene.tracks(*(jumping(tuple(xy), (3, -2), 13) for xy in start)), newest)
    assert made.carried.shape == (13, 16, 24)
    assert (made.carried[:, 2:-2, 2:-2] == 1).all()
    inner = (slice(None), slice(8, -8), slice(8, -8))
    close(made.video[7][inner], newest.roll((-2, 3), (1, 2))[inner], atol=1e-4)


@pytest.mark.parametrize("num_points", [0, 10])
def test_video_and_shares_are_float32_of_the_size_that_came(
    scene: Any, num_points: int, wandering: Callable[..., Tracks]
) -> None:
    newest = scene.picture()
    kept, told = newest.clone(), wandering(num_points, 0, births=range(5), num_frames=9)
    made = scene.one_chunk(told, newest)
    assert made.video.dtype == made.carried.dtype == torch.float32
    assert made.video.shape == (9, 3, scene.rows, scene.columns)
    assert made.carried.shape == (9, scene.height, scene.width)
    assert (made.carried != 0).any() == (num_points > 0)
    assert torch.equal(newest, kept)
    again = scene.one_chunk(told, newest)
    assert torch.equal(made.video, again.video)
    assert torch.equal(made.carried, again.carried)
