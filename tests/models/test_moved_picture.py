"""Pictures that move along tracks: every pixel against a slow float64 walk, and the rules one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.moved_picture import PLACES_PER_CELL, MovedPicture, move_picture
from motionstream.models.track_memory import TrackMemory, follow_points
from motionstream.tracks import Tracks

HEIGHT, WIDTH = 4, 8  # latent cells
STRIDE = 4  # pixels along one side of a cell
ROWS, COLUMNS = HEIGHT * STRIDE, WIDTH * STRIDE  # pixels
SIDE = STRIDE // PLACES_PER_CELL  # pixels along one side of a place, which follows one point
CHUNKS = (9, 12, 12)


def picture(seed: int = 0, rows: int = ROWS, columns: int = COLUMNS) -> Tensor:
    return torch.rand(3, rows, columns, generator=torch.Generator().manual_seed(seed))


def colour(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue], dtype=torch.float32)[:, None, None].repeat(1, ROWS, COLUMNS)


def still(x: float, y: float, num_frames: int = 9) -> np.ndarray:
    """Positions `t 2` in pixels that stay the same."""
    return np.tile([float(x), float(y)], (num_frames, 1))


def jumping(start: tuple[float, float], step: tuple[float, float], num_frames: int = 9, at: int = 1) -> np.ndarray:
    """Positions `t 2` in pixels: the start, and from frame `at` on a step away from it."""
    return still(*start, num_frames) + (np.arange(num_frames) >= at)[:, None] * np.array(step)


def tracks(*paths: np.ndarray, visible: Any = True) -> Tracks:
    """Tracks of paths `t 2` given in pixels."""
    xy = np.stack(paths, axis=1) / (COLUMNS, ROWS)
    return Tracks(ids=np.arange(len(paths)), xy=xy, visible=np.broadcast_to(visible, xy.shape[:2]))


def stream(
    told: Tracks, pictures: list[Tensor], reach: float = 1.5, chunks: tuple[int, ...] = CHUNKS
) -> list[MovedPicture]:
    """Moves the newest picture before each chunk."""
    memory, made, start = TrackMemory.empty(), [], 0
    for index, (length, newest) in enumerate(zip(chunks, pictures, strict=True)):
        points, memory = follow_points(told.slice(start, start + length), memory, newest, first=index == 0)
        made.append(move_picture(points, newest, HEIGHT, WIDTH, reach))
        start += length
    return made


def one_chunk(told: Tracks, newest: Tensor, reach: float = 1.5) -> MovedPicture:
    return stream(told, [newest], reach, (told.num_frames,))[0]


def within(x: float, y: float, reach: float = 1.5) -> Tensor:
    """The pixels whose place has its centre within reach of a point at (x, y), in pixels."""
    centre_y = (torch.arange(ROWS) // SIDE + 0.5) * SIDE
    centre_x = (torch.arange(COLUMNS) // SIDE + 0.5) * SIDE
    return (centre_y[:, None] - y) ** 2 + (centre_x - x) ** 2 <= (reach * STRIDE) ** 2


def by_cell(pixels: Tensor) -> Tensor:
    """The share of the chosen pixels by latent cell."""
    return pixels.float().unflatten(-1, (WIDTH, STRIDE)).unflatten(-3, (HEIGHT, STRIDE)).mean((-3, -1))


def shifted(source: Tensor, dx: int, dy: int) -> tuple[Tensor, Tensor]:
    """The picture moved by whole pixels, and which of its pixels have come from inside of it."""
    ys, xs = torch.meshgrid(torch.arange(ROWS) - dy, torch.arange(COLUMNS) - dx, indexing="ij")
    return source.roll((dy, dx), (1, 2)), (xs >= 0) & (xs < COLUMNS) & (ys >= 0) & (ys < ROWS)


def keys_weight(distance: np.ndarray) -> np.ndarray:
    """What a neighbour at a distance in pixels counts in cubic convolution (Keys 1981), a = -0.75 as in torch."""
    a, d = -0.75, np.abs(distance)
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def read_cubic(anchor: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of `3 y x` at continuous pixel positions, pixel i centred at i + 0.5, borders repeated, in float64."""
    sums = np.zeros((3, *x.shape))
    for down in range(-1, 3):
        for right in range(-1, 3):
            row, column = np.floor(y - 0.5).astype(int) + down, np.floor(x - 0.5).astype(int) + right
            value = anchor[:, row.clip(0, anchor.shape[1] - 1), column.clip(0, anchor.shape[2] - 1)]
            sums += value * keys_weight(y - 0.5 - row) * keys_weight(x - 0.5 - column)
    return sums


class SlowMove:
    """The same rules written as loops over frames, places and points, with whole histories, in float64."""

    def __init__(self, told: Tracks, pictures: list[Tensor], reach: float) -> None:
        self.told, self.reach = told, reach
        self.pictures = [one.double().numpy() for one in pictures]
        self.chunk_of = np.repeat(np.arange(len(CHUNKS)), CHUNKS)
        self.xy = told.xy.astype(np.float64) * (COLUMNS, ROWS)

    def choice(self, frame: int, row: int, column: int) -> tuple[int, bool]:
        """The point that a place follows, or -1, and whether rounding could not have changed it."""
        centre, nearest = (SIDE * (column + 0.5), SIDE * (row + 0.5)), []
        for point in np.flatnonzero(self.told.visible[frame]):
            nearest.append((float(np.hypot(*(self.xy[frame, point] - centre))) / STRIDE, int(point)))
        nearest.sort()
        if not nearest or nearest[0][0] > self.reach:
            return -1, not nearest or nearest[0][0] > self.reach + 1e-3
        alone = len(nearest) == 1 or nearest[1][0] > nearest[0][0] + 1e-3
        return nearest[0][1], alone and nearest[0][0] < self.reach - 1e-3

    def places(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Both for every place."""
        chosen, sure = np.zeros((ROWS // SIDE, COLUMNS // SIDE), int), np.zeros((ROWS // SIDE, COLUMNS // SIDE), bool)
        for row, column in np.ndindex(*chosen.shape):
            chosen[row, column], sure[row, column] = self.choice(frame, row, column)
        return chosen, sure

    def frame(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture, clamped, and which of its pixels are sure and come from between the centres of others."""
        chosen, sure = (part.repeat(SIDE, 0).repeat(SIDE, 1) for part in self.places(frame))
        made = self.pictures[self.chunk_of[frame]].copy()
        for point in np.unique(chosen[chosen >= 0]):
            y, x = np.nonzero(chosen == point)
            birth = int(np.flatnonzero(self.told.visible[:, point])[0])
            dx, dy = self.xy[frame, point] - self.xy[birth, point]
            from_x, from_y = x + 0.5 - dx, y + 0.5 - dy
            made[:, y, x] = read_cubic(self.pictures[self.chunk_of[birth]], from_x, from_y)
            sure[y, x] &= (from_x >= 0.5) & (from_x <= COLUMNS - 0.5) & (from_y >= 0.5) & (from_y <= ROWS - 0.5)
        return made.clip(0, 1), sure

    def carried(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """The share by cell, -1 where points have left since the newest picture, and whether it is sure."""
        start = int(np.flatnonzero(self.chunk_of == self.chunk_of[frame])[0])
        (then, sure_then), (now, sure_now) = self.places(max(start - 1, 0)), self.places(frame)
        cells = [part.reshape(HEIGHT, 2, WIDTH, 2) for part in (then >= 0, now >= 0, sure_then & sure_now)]
        had, has, sure = cells[0].any((1, 3)), cells[1].mean((1, 3)), cells[2].all((1, 3))
        return np.where(had & (has == 0), -1, has), sure


def wandering(num_points: int, seed: int, num_frames: int = 33) -> Tracks:
    """Points on random ways that leave the picture and hide; each is first seen in some frame."""
    rng = np.random.default_rng(seed)
    xy = rng.random((1, num_points, 2)) + np.cumsum(rng.normal(0, 0.03, (num_frames, num_points, 2)), axis=0)
    birth, points = rng.integers(0, num_frames - 4, num_points), np.arange(num_points)
    visible = (rng.random((num_frames, num_points)) < 0.8) & (np.arange(num_frames)[:, None] >= birth)
    xy[birth, points] = xy[birth, points].clip(0, 0.999)
    visible[birth, points] = True
    return Tracks(ids=rng.permutation(10 * num_points)[:num_points], xy=xy, visible=visible)


@pytest.mark.parametrize(("num_points", "reach"), [(1, 3.0), (4, 1.5), (12, 0.3), (12, 1.1), (60, 1.5)])
def test_every_pixel_and_share_equals_a_slow_walk_over_the_whole_history(num_points: int, reach: float) -> None:
    told, pictures = wandering(num_points, num_points), [picture(seed) for seed in range(3)]
    made, slow = stream(told, pictures, reach), SlowMove(told, pictures, reach)
    video, carried = torch.cat([one.video for one in made]), torch.cat([one.carried for one in made])
    unsure = 0.0
    for frame in range(33):
        wanted, sure = slow.frame(frame)
        assert np.abs(video[frame].double().numpy() - wanted)[:, sure].max() < 2e-5
        wanted_share, sure_share = slow.carried(frame)
        assert (carried[frame].numpy() == wanted_share)[sure_share].all()
        unsure += 1 - sure_share.mean()
    assert unsure / 33 < 0.05


def test_without_points_the_newest_picture_is_repeated_and_nothing_is_carried() -> None:
    newest = picture()
    made = one_chunk(Tracks.empty(9), newest)
    assert torch.equal(made.video, newest.expand(9, -1, -1, -1))
    assert torch.equal(made.carried, torch.zeros(9, HEIGHT, WIDTH))


def test_a_point_that_stays_leaves_the_picture_as_it_is_and_tells_so_within_its_reach() -> None:
    newest = picture()
    made = one_chunk(tracks(still(13.3, 6.6)), newest)
    torch.testing.assert_close(made.video, newest.expand(9, -1, -1, -1), atol=1e-5, rtol=0)
    assert torch.equal(made.carried, by_cell(within(13.3, 6.6)).expand(9, -1, -1))
    assert 0 < made.carried[0].mean() < 1


@pytest.mark.parametrize(("dx", "dy"), [(3, -2), (-5, 1), (0, 4), (8, 0)])
def test_a_shift_by_whole_pixels_carries_the_pixels_within_reach_and_no_other(dx: int, dy: int) -> None:
    newest = picture()
    made = one_chunk(tracks(jumping((14.5, 7.5), (dx, dy), at=4)), newest)
    wanted, inside = shifted(newest, dx, dy)
    reached = within(14.5 + dx, 7.5 + dy)
    torch.testing.assert_close(made.video[:4], newest.expand(4, -1, -1, -1), atol=1e-5, rtol=0)
    for frame in made.video[4:]:
        torch.testing.assert_close(frame[:, reached & inside], wanted[:, reached & inside], atol=1e-5, rtol=0)
        assert torch.equal(frame[:, ~reached], newest[:, ~reached])
    assert not torch.allclose(wanted[:, reached], newest[:, reached], atol=0.1)


def test_a_reading_between_pixels_is_cubic() -> None:
    newest = picture()
    path = np.stack([14.5 + 0.3 * np.arange(9), 7.5 - 0.17 * np.arange(9)], axis=1)
    made = one_chunk(tracks(path), newest)
    for frame in range(9):
        y, x = within(*path[frame]).nonzero().T.numpy()
        wanted = read_cubic(newest.double().numpy(), x + 0.5 - 0.3 * frame, y + 0.5 + 0.17 * frame).clip(0, 1)
        assert np.abs(made.video[frame][:, y, x].numpy() - wanted).max() < 2e-5


def test_overshoot_of_the_cubic_reading_is_cut_off() -> None:
    board = (torch.arange(ROWS)[:, None] // 2 + torch.arange(COLUMNS) // 2) % 2
    newest = board.float().expand(3, -1, -1)
    made = one_chunk(tracks(jumping((16.5, 8.5), (0.25, 0.25))), newest).video
    y, x = within(16.75, 8.75).nonzero().T.numpy()
    unclamped = read_cubic(newest.double().numpy(), x + 0.25, y + 0.25)
    assert unclamped.min() < -0.05
    assert unclamped.max() > 1.05
    assert made.min() == 0
    assert made.max() == 1


def test_each_place_follows_the_nearest_of_two_points_that_move_apart() -> None:
    newest = picture()
    made = one_chunk(tracks(jumping((14, 8), (-2, 0)), jumping((18, 8), (2, 0))), newest)
    left, right = within(12, 8), within(20, 8)
    assert (left & right).any()
    nearer_left = ((torch.arange(COLUMNS) // SIDE + 0.5) * SIDE < 16).expand(ROWS, -1)
    for at, step in ((left & nearer_left, -2), (right & ~nearer_left, 2)):
        wanted, _ = shifted(newest, step, 0)
        torch.testing.assert_close(made.video[4][:, at], wanted[:, at], atol=1e-5, rtol=0)
    assert torch.equal(made.video[4][:, ~left & ~right], newest[:, ~left & ~right])


def test_a_nearer_point_that_stays_holds_its_place_against_one_that_moves() -> None:
    newest = picture()
    made = one_chunk(tracks(jumping((9, 8), (3, 0)), still(18.5, 8.5)), newest).video[8]
    held = within(18.5, 8.5, 0.4)
    assert held.any()
    torch.testing.assert_close(made[:, held], newest[:, held], atol=1e-5, rtol=0)
    moved = within(12, 8, 0.4)
    torch.testing.assert_close(made[:, moved], newest.roll(3, 2)[:, moved], atol=1e-5, rtol=0)


def test_a_hidden_point_carries_nothing_and_shadows_no_other() -> None:
    newest, near, far = picture(), jumping((14.5, 8.5), (2, 0)), jumping((12.5, 8.5), (0, 3))
    visible = np.ones((9, 2), bool)
    visible[3:6, 0] = False
    made = one_chunk(tracks(near, far, visible=visible), newest)
    alone = one_chunk(tracks(far), newest)
    assert torch.equal(made.video[3:6], alone.video[3:6])
    assert not torch.equal(made.video[6], alone.video[6])
    hidden = one_chunk(tracks(near, visible=visible[:, :1]), newest)
    assert torch.equal(hidden.video[3:6], newest.expand(3, -1, -1, -1))
    assert not (hidden.carried[3:6] > 0).any()
    assert (hidden.carried[6] > 0).any()


def test_parts_born_on_different_pictures_are_read_from_their_own_up_to_its_border() -> None:
    red, green, blue = colour(0.7, 0.4, 0.4), colour(0.4, 0.7, 0.4), colour(0.4, 0.4, 0.7)  # nothing to be cut off
    grey = colour(0.2, 0.2, 0.2)
    starts = [(4.0, 0.5), (16.0, 15.5), (28.0, 0.5)]
    steps = [(0.0, 6.3), (0.0, -6.3), (0.0, 6.3)]  # what is above the first and below the second was never seen
    paths = [jumping(start, step, 45, at=33) for start, step in zip(starts, steps, strict=True)]
    told = tracks(*paths, visible=np.arange(45)[:, None] >= (0, 12, 25))
    made = stream(told, [red, green, blue, grey], chunks=(*CHUNKS, 12))[-1]
    for (x, y), (_, dy), wanted in zip(starts, steps, (red, green, blue), strict=True):
        reached = within(x, y + dy)
        assert by_cell(reached).sum() > 4
        torch.testing.assert_close(made.video[:, :, reached], wanted[:, reached].expand(12, -1, -1), atol=1e-6, rtol=0)
    elsewhere = ~(within(4, 6.8) | within(16, 9.2) | within(28, 6.8))
    assert torch.equal(made.video[:, :, elsewhere], grey[:, elsewhere].expand(12, -1, -1))


def test_a_point_goes_on_carrying_the_picture_it_was_born_on() -> None:
    first, second = picture(0), picture(1)
    told = tracks(jumping((12.5, 8.5), (4, 0), 21, at=9))
    made = stream(told, [first, second], chunks=(9, 12))[1]
    reached = within(16.5, 8.5)
    torch.testing.assert_close(made.video[5][:, reached], first.roll(4, 2)[:, reached], atol=1e-5, rtol=0)
    assert torch.equal(made.video[5][:, ~reached], second[:, ~reached])


def four_cells(row: int, column: int, share: float = 1.0) -> Tensor:
    """A map that holds `share` in the four cells around a corner and 0 elsewhere."""
    made = torch.zeros(HEIGHT, WIDTH)
    made[row - 1 : row + 1, column - 1 : column + 1] = share
    return made


def test_in_the_first_chunk_a_cell_is_marked_once_the_points_of_frame_0_have_left_it() -> None:
    told = tracks(jumping((8, 8), (12, 0), at=3))  # on the corner of four cells, one place of each within reach
    carried = one_chunk(told, picture(), reach=0.5).carried
    assert torch.equal(carried[:3], four_cells(2, 2, 0.25).expand(3, -1, -1))
    assert torch.equal(carried[3:], (four_cells(2, 5, 0.25) - four_cells(2, 2)).expand(6, -1, -1))


def test_a_cell_that_is_still_partly_reached_has_its_share_and_no_mark() -> None:
    told = tracks(jumping((8, 8), (4, 0)))
    carried = one_chunk(told, picture(), reach=0.5).carried
    assert carried[1, 1, 1:4].tolist() == [-1, 0.25, 0.25]


def test_in_a_later_chunk_a_cell_is_marked_once_the_points_of_the_frame_before_have_left_it() -> None:
    told = tracks(jumping((8, 8), (8, 0), 21, at=6) + jumping((0, 0), (8, 0), 21, at=11))
    first, second = stream(told, [picture(0), picture(1)], reach=0.5, chunks=(9, 12))
    assert torch.equal(first.carried[8], four_cells(2, 4, 0.25) - four_cells(2, 2))
    assert torch.equal(second.carried[:2], four_cells(2, 4, 0.25).expand(2, -1, -1))
    assert torch.equal(second.carried[2:], (four_cells(2, 6, 0.25) - four_cells(2, 4)).expand(10, -1, -1))


def test_points_that_hide_take_what_they_were_on_with_them_and_leave_no_mark_where_they_were_not_seen() -> None:
    visible = np.ones((33, 1), bool)
    visible[9:25] = False
    told = tracks(jumping((8, 8), (8, 0), 33, at=9), visible=visible)
    first, second, third = stream(told, [picture(seed) for seed in range(3)], reach=0.5)
    assert torch.equal(first.carried, four_cells(2, 2, 0.25).expand(9, -1, -1))
    assert torch.equal(second.carried, -four_cells(2, 2).expand(12, -1, -1))
    assert not third.carried[:4].any()
    assert torch.equal(third.carried[4:], four_cells(2, 4, 0.25).expand(8, -1, -1))


def test_shares_are_quarters_of_a_cell_or_the_mark() -> None:
    told = wandering(30, 1)
    carried = torch.cat([one.carried for one in stream(told, [picture()] * 3)])
    assert carried.unique().tolist() == [-1, 0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(("reach", "places"), [(0.3, 0), (0.4, 4), (0.8, 12), (1.0, 12), (1.1, 16), (99.0, 128)])
def test_a_longer_reach_carries_more(reach: float, places: int) -> None:
    # From a corner of cells the places' centres are sqrt(i^2 + j^2) / 4 cells away, i and j odd: 0.35, 0.79, 1.06, ...
    carried = one_chunk(tracks(still(16, 8)), picture(), reach).carried
    assert (4 * carried.sum((1, 2))).tolist() == [places] * 9


@pytest.mark.parametrize("away", [(-1.25, 0.5), (0.5, 1e4), (3e38, -3e38)])
def test_a_point_outside_of_the_picture_carries_nothing_until_it_is_back(away: tuple[float, float]) -> None:
    newest, path = picture(), still(16, 8)
    path[1:5] = np.array(away) * (COLUMNS, ROWS)
    path[5:] += (2, 0)
    made, wanted = one_chunk(tracks(path), newest), one_chunk(tracks(jumping((16, 8), (2, 0))), newest)
    assert torch.equal(made.video[1:5], newest.expand(4, -1, -1, -1))
    assert not (made.carried[1:5] > 0).any()
    assert torch.equal(made.video[5:], wanted.video[5:])


def test_a_position_outside_of_the_picture_still_reaches_into_it() -> None:
    newest = picture()
    points, _ = follow_points(tracks(jumping((3, 8), (-5, 0))), TrackMemory.empty(), newest, first=True)
    made = move_picture(replace(points, visible=torch.ones_like(points.visible)), newest, HEIGHT, WIDTH, 1.5)
    wanted, reached = newest.roll(-5, 2), within(-2, 8)
    assert reached.any()
    torch.testing.assert_close(made.video[4][:, reached], wanted[:, reached], atol=1e-5, rtol=0)
    assert torch.equal(made.video[4][:, ~reached], newest[:, ~reached])


def test_a_thousand_points_that_move_together_move_the_picture() -> None:
    height, width, rows, columns = 16, 24, 128, 192
    newest, rng = picture(0, rows, columns), np.random.default_rng(0)
    xy = np.broadcast_to(rng.random((1, 1024, 2)) * 0.9 + 0.05, (13, 1024, 2)).copy()
    xy[1:] += np.array([3 / columns, -2 / rows])
    told = Tracks(ids=np.arange(1024), xy=xy, visible=np.ones((13, 1024), bool))
    points, _ = follow_points(told, TrackMemory.empty(), newest, first=True)
    made = move_picture(points, newest, height, width, 1.5)
    assert (made.carried[:, 2:-2, 2:-2] == 1).all()
    assert made.carried.shape == (13, height, width)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    torch.testing.assert_close(made.video[7][inner], newest.roll((-2, 3), (1, 2))[inner], atol=1e-4, rtol=0)


@pytest.mark.parametrize("told", [Tracks.empty(9), wandering(10, 0, 9)], ids=["no points", "points"])
def test_video_and_shares_are_float32_of_the_size_that_came(told: Tracks) -> None:
    newest = picture()
    kept = newest.clone()
    made = one_chunk(told, newest)
    assert made.video.dtype == made.carried.dtype == torch.float32
    assert made.video.shape == (9, 3, ROWS, COLUMNS)
    assert made.carried.shape == (9, HEIGHT, WIDTH)
    assert torch.equal(newest, kept)
    again = one_chunk(told, newest)
    assert torch.equal(made.video, again.video)
    assert torch.equal(made.carried, again.carried)
