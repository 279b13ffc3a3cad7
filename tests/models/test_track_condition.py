"""Tracks to conditioning: every number against a slow float64 walk over points, and the rules one by one."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.track_condition import TrackCondition, TrackMemory, condition_chunk
from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHeadConfig
from motionstream.models.track_identity import origin_code, random_code
from motionstream.tracks import Tracks

CHANNELS, HEIGHT, WIDTH = 3, 4, 6
CHUNKS = (9, 12, 12)
OURS = TrackHeadConfig(id_channels=8, identity="origin", hidden_channel=True, copy_frames=4)
PAPER = TrackHeadConfig(id_channels=8, identity="random")
WAN_MOVE = TrackHeadConfig(id_channels=4, copy_frames=1)


def latents(num_frames: int, seed: int = 0) -> Tensor:
    """Latent frames `f c h w`."""
    return torch.randn(num_frames, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def moving(start: tuple[float, float], step: tuple[float, float], num_frames: int = 9) -> np.ndarray:
    """Positions `t 2` in cells that move by `step` a video frame."""
    return np.asarray(start) + np.arange(num_frames)[:, None] * np.asarray(step)


def jumping(start: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Positions `9 2` in cells: one at the start (`1 2`), the others a jump away from it."""
    return np.concatenate([start, np.repeat(start + np.array([dx, dy]), 8, axis=0)])


def tracks(*paths: np.ndarray, visible: Any = None, ids: Any = None) -> Tracks:
    """Tracks of paths `t 2` given in cells."""
    xy = np.stack(paths, axis=1) / (WIDTH, HEIGHT)
    seen = np.ones(xy.shape[:2], bool) if visible is None else np.asarray(visible, bool)
    return Tracks(ids=np.arange(len(paths)) if ids is None else ids, xy=xy, visible=seen)


def wandering(num_points: int, seed: int, births: tuple[int, ...] = (0, 9, 21), num_frames: int = 33) -> Tracks:
    """Points on random ways that leave the picture and hide; each is first seen in one of the frames `births`."""
    rng = np.random.default_rng(seed)
    xy = rng.random((1, num_points, 2)) + np.cumsum(rng.normal(0, 0.03, (num_frames, num_points, 2)), axis=0)
    birth, points = rng.choice(births, num_points), np.arange(num_points)
    visible = (rng.random((num_frames, num_points)) < 0.8) & (np.arange(num_frames)[:, None] >= birth)
    xy[birth, points] = xy[birth, points].clip(0, 0.999)
    visible[birth, points] = True
    return Tracks(ids=rng.permutation(10 * num_points)[:num_points], xy=xy, visible=visible)


def stream(
    told: Tracks, newest: Tensor, config: TrackHeadConfig, chunks: tuple[int, ...] = CHUNKS
) -> tuple[TrackCondition, TrackMemory]:
    """Conditions chunk by chunk; `newest` is the latent frame before each chunk."""
    memory, parts, start = TrackMemory.empty(), [], 0
    for index, length in enumerate(chunks):
        part = told.slice(start, start + length)
        condition, memory = condition_chunk(part, memory, newest[index], config, first=index == 0)
        parts.append(condition)
        start += length
    motion, image = (torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("motion", "image"))
    return TrackCondition(motion, image), memory


def one_chunk(told: Tracks, config: TrackHeadConfig, newest: Tensor | None = None) -> TrackCondition:
    newest = latents(1)[0] if newest is None else newest
    return condition_chunk(told, TrackMemory.empty(), newest, config, first=True)[0]


def by_frame(packed: Tensor) -> Tensor:
    """Packed channels `4k f h w` as video frames `t k h w`, the three empty ones before frame 0 left out."""
    frames = packed.unflatten(0, (FRAMES_PER_LATENT, -1)).permute(2, 0, 1, 3, 4).flatten(0, 1)
    return frames[3:]


def parts_of(image: Tensor, slots: int = 4) -> tuple[Tensor, Tensor]:
    """The mask `4 f h w` and the known latents `slots c f h w`."""
    return image[:FRAMES_PER_LATENT], image[FRAMES_PER_LATENT:].unflatten(0, (slots, CHANNELS))


def read_bilinear(anchor: np.ndarray, x: float, y: float) -> np.ndarray:
    """Value of `c h w` at continuous cell position (x, y), cell i centred at i + 0.5, borders repeated, in float64."""
    x, y = min(max(x - 0.5, 0), WIDTH - 1), min(max(y - 0.5, 0), HEIGHT - 1)
    left, top = int(x), int(y)
    right, below = min(left + 1, WIDTH - 1), min(top + 1, HEIGHT - 1)
    a, b = x - left, y - top
    upper = (1 - a) * anchor[:, top, left] + a * anchor[:, top, right]
    lower = (1 - a) * anchor[:, below, left] + a * anchor[:, below, right]
    return np.asarray((1 - b) * upper + b * lower)


class SlowWalk:
    """The same rules written as loops over points and frames, with unbounded memory and whole histories."""

    def __init__(self, told: Tracks, newest: Tensor, chunks: tuple[int, ...]) -> None:
        self.told = told
        self.newest = newest.double().numpy()
        self.chunk_of = np.repeat(np.arange(len(chunks)), chunks)
        self.xy = told.xy.astype(np.float64) * (WIDTH, HEIGHT)
        self.birth = [int(np.flatnonzero(seen)[0]) if seen.any() else None for seen in told.visible.T]

    def maps(self, config: TrackHeadConfig) -> np.ndarray:
        """Motion maps `t k h w`."""
        maps = np.zeros((self.told.num_frames, config.map_channels, HEIGHT, WIDTH))
        for frame in range(self.told.num_frames):
            for point, birth in enumerate(self.birth):
                if birth is None:
                    continue
                if self.told.visible[frame, point]:
                    x, y = self.xy[frame, point].astype(int)
                    maps[frame, : config.id_channels, y, x] += self.code(point, config)
                elif config.hidden_channel and frame > birth:
                    last = int(np.flatnonzero(self.told.visible[:frame, point])[-1])
                    x, y = self.xy[last, point].astype(int)
                    maps[frame, -1, y, x] += 1
        return maps

    def code(self, point: int, config: TrackHeadConfig) -> np.ndarray:
        if config.identity == "random":
            return random_code(torch.tensor(self.told.ids[[point]]), config.id_channels)[0].numpy()
        origin = torch.tensor(self.told.xy[self.birth[point], point])[None]
        return origin_code(origin, config.id_channels)[0].numpy()

    def copies(self) -> tuple[np.ndarray, np.ndarray]:
        """Copied features `t c h w`, and where there are any, `t h w`."""
        sums = np.zeros((self.told.num_frames, CHANNELS, HEIGHT, WIDTH))
        count = np.zeros((self.told.num_frames, 1, HEIGHT, WIDTH))
        for frame, point in zip(*np.nonzero(self.told.visible), strict=True):
            birth = self.birth[point]
            assert birth is not None
            x, y = self.xy[frame, point].astype(int)
            moved = self.xy[frame, point] - self.xy[birth, point]
            anchor = self.newest[self.chunk_of[birth]]
            sums[frame, :, y, x] += read_bilinear(anchor, x + 0.5 - moved[0], y + 0.5 - moved[1])
            count[frame, :, y, x] += 1
        return sums / count.clip(1), (count[:, 0] > 0).astype(float)


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
@pytest.mark.parametrize("seed", range(4))
def test_motion_maps_equal_a_slow_walk_over_the_whole_history(config: TrackHeadConfig, seed: int) -> None:
    told, newest = wandering(30, seed, births=tuple(range(33))), latents(3, seed)
    made, _ = stream(told, newest, config)
    wanted = torch.from_numpy(SlowWalk(told, newest, CHUNKS).maps(config))
    torch.testing.assert_close(by_frame(made.motion).double(), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_copied_latents_equal_a_slow_bilinear_walk_in_float64(seed: int) -> None:
    told, newest = wandering(30, seed, births=tuple(range(33))), latents(3, seed)
    made, _ = stream(told, newest, OURS)
    mask, known = parts_of(made.image)
    copied, there = (torch.from_numpy(part) for part in SlowWalk(told, newest, CHUNKS).copies())
    frames = known.permute(2, 0, 1, 3, 4).flatten(0, 1)[3:]
    torch.testing.assert_close(frames[1:].double(), copied[1:], atol=1e-4, rtol=0)  # frame 0 is the picture's
    assert torch.equal(mask.permute(1, 0, 2, 3).flatten(0, 1)[4:].double(), there[1:])


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
@pytest.mark.parametrize("chunks", [(9, 12, 12), (1, 4, 28), (21, 12)])
def test_chunk_by_chunk_equals_the_whole_clip(config: TrackHeadConfig, chunks: tuple[int, ...]) -> None:
    for births in ((0,), tuple(range(33))):
        told, newest = wandering(40, 5, births), latents(1).expand(len(chunks), -1, -1, -1)
        made, memory = stream(told, newest, config, chunks)
        whole, whole_memory = stream(told, newest[:1], config, (33,))
        assert torch.equal(made.motion, whole.motion)
        torch.testing.assert_close(made.image, whole.image)
        assert torch.equal(memory.ids, whole_memory.ids)
        assert torch.equal(memory.last_seen, whole_memory.last_seen)


def test_two_points_in_one_cell_add_up() -> None:
    a, b = moving((2.2, 1.3), (0, 0)), moving((2.8, 1.9), (0, 0))
    apart = [one_chunk(tracks(path, ids=[i]), PAPER).motion for i, path in enumerate((a, b))]
    assert torch.equal(one_chunk(tracks(a, b), PAPER).motion, apart[0] + apart[1])


def test_two_copies_in_one_cell_are_averaged() -> None:
    a, b = moving((2.2, 1.3), (0.25, 0)), moving((4.7, 1.4), (-0.25, 0))
    told = tracks(a, b)
    assert (np.floor(told.xy[4] * (WIDTH, HEIGHT)) == (3, 1)).all()
    apart = [parts_of(one_chunk(tracks(path), OURS).image)[1] for path in (a, b)]
    both = parts_of(one_chunk(told, OURS).image)[1]
    torch.testing.assert_close(both[3, :, 1, 1, 3], (apart[0] + apart[1])[3, :, 1, 1, 3] / 2)


@pytest.mark.parametrize("config", [PAPER, OURS, WAN_MOVE], ids=["paper", "ours", "wan_move"])
def test_a_point_outside_or_never_visible_leaves_no_trace(config: TrackHeadConfig) -> None:
    outside, unseen = moving((-0.4, 2.0), (0, 0)), moving((2.0, 2.0), (0, 0))
    told = tracks(outside, unseen, visible=np.stack([np.ones(9), np.zeros(9)], 1))
    made, empty = one_chunk(told, config), one_chunk(Tracks.empty(9), config)
    assert torch.equal(made.motion, empty.motion)
    assert torch.equal(made.image, empty.image)


def test_a_point_that_leaves_the_picture_is_gone_from_the_map_and_marked_where_it_left() -> None:
    frames = by_frame(one_chunk(tracks(moving((4.5, 1.5), (0.4, 0))), OURS).motion)
    codes, hidden = frames[:, :-1], frames[:, -1]
    assert codes[:4].flatten(1).any(1).tolist() == [True] * 4  # 4.5 + 0.4 * 3 = 5.7 is the last place inside
    assert not codes[4:].any()
    assert not hidden[:4].any()
    assert all(frame.nonzero().tolist() == [[1, 5]] for frame in hidden[4:])


def test_a_hidden_point_is_marked_at_its_last_seen_cell_also_in_later_chunks() -> None:
    visible = np.ones((33, 1), bool)
    visible[7:25] = False  # hidden over the borders 9 and 21
    path = moving((0.5, 2.5), (0.15, 0), 33)
    made, _ = stream(tracks(path, visible=visible), latents(3), OURS)
    frames = by_frame(made.motion)
    last_seen = [2, math.floor(path[6, 0])]
    for frame in range(33):
        marked = frames[frame, -1].nonzero().tolist()
        assert marked == ([] if visible[frame, 0] else [last_seen])
        assert bool(frames[frame, :-1].any()) == bool(visible[frame, 0])


def test_the_paper_s_head_cannot_tell_hidden_from_unspecified() -> None:
    visible = np.ones((33, 1), bool)
    visible[7:] = False
    made, _ = stream(tracks(moving((0.5, 2.5), (0, 0), 33), visible=visible), latents(3), PAPER)
    assert not by_frame(made.motion)[7:].any()


@pytest.mark.parametrize("config", [PAPER, OURS, WAN_MOVE], ids=["paper", "ours", "wan_move"])
def test_no_tracks_give_zeros_beside_the_picture(config: TrackHeadConfig) -> None:
    newest = latents(3)
    made, memory = stream(Tracks.empty(33), newest, config)
    slots = max(1, config.copy_frames)
    mask, known = parts_of(made.image, slots)
    assert made.motion.shape == (4 * config.map_channels, 9, HEIGHT, WIDTH)
    assert made.image.shape == (config.condition_channels(CHANNELS), 9, HEIGHT, WIDTH)
    assert not made.motion.any()
    assert (mask[:, 0] == 1).all()
    assert not mask[:, 1:].any()
    assert torch.equal(known[:, :, 0], newest[0].expand(slots, -1, -1, -1))
    assert not known[:, :, 1:].any()
    assert len(memory.ids) == len(memory.anchors) == 0


def centres() -> list[np.ndarray]:
    """One still point in the middle of every cell, row by row, for a whole clip."""
    return [moving((x + 0.5, y + 0.5), (0, 0), 33) for y in range(HEIGHT) for x in range(WIDTH)]


def test_still_points_everywhere_copy_the_picture_exactly() -> None:
    newest = latents(3)
    made, _ = stream(tracks(*centres()), newest, OURS)
    mask, known = parts_of(made.image)
    assert (mask == 1).all()
    torch.testing.assert_close(known, newest[0][None, :, None].expand_as(known), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-1, 0), (0, 1), (2, -1)])
def test_a_shift_by_whole_cells_copies_the_neighbour(dx: int, dy: int) -> None:
    newest = latents(1)[0]
    paths = [jumping(path[:1], dx, dy) for path in centres()]
    mask, known = parts_of(one_chunk(tracks(*paths), OURS, newest).image)
    ys, xs = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    inside = (xs - dx >= 0) & (xs - dx < WIDTH) & (ys - dy >= 0) & (ys - dy < HEIGHT)
    wanted = newest.roll((dy, dx), (1, 2))
    for latent in (1, 2):
        for slot in range(4):
            assert torch.equal(mask[slot, latent], inside.float())
            made = known[slot, :, latent]
            torch.testing.assert_close(made[:, inside], wanted[:, inside], atol=5e-6, rtol=0)
            assert not made[:, ~inside].any()


def test_a_picture_that_moves_by_parts_of_a_cell_is_read_between_its_cells() -> None:
    ramp = torch.arange(WIDTH, dtype=torch.float32).expand(CHANNELS, HEIGHT, WIDTH).contiguous()
    _, known = parts_of(one_chunk(tracks(moving((2.3, 1.6), (0.25, 0))), OURS, ramp).image)
    frames = known.permute(2, 0, 1, 3, 4).flatten(0, 1)[3:]
    for frame in range(1, 9):
        cell = math.floor(2.3 + 0.25 * frame)
        # A ramp that moved by 0.25 a frame: the cell shows what stood that far to its left.
        torch.testing.assert_close(frames[frame, :, 1, cell], torch.full((CHANNELS,), cell - 0.25 * frame))


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.25, 0.0), (-0.5, 0.75), (1.25, -0.5)])
def test_a_dense_anchor_is_read_at_the_very_place_the_cell_s_centre_came_from(dx: float, dy: float) -> None:
    density = 4
    dense = torch.randn(CHANNELS, HEIGHT * density + 1, WIDTH * density + 1, generator=torch.Generator().manual_seed(0))
    told = tracks(jumping(np.array([[2.5, 1.6]]), dx, dy))
    condition, memory = condition_chunk(told, TrackMemory.empty(), latents(1)[0], OURS, first=True, anchor=dense)
    _, known = parts_of(condition.image)
    x, y = (math.floor(at) for at in (2.5 + dx, 1.6 + dy))
    wanted = dense[:, round((y + 0.5 - dy) * density), round((x + 0.5 - dx) * density)]
    torch.testing.assert_close(known[2, :, 2, y, x], wanted, atol=1e-4, rtol=0)
    assert torch.equal(known[0, :, 0], latents(1)[0])
    assert torch.equal(memory.anchors[0], dense)


def test_one_copy_a_latent_is_that_of_its_last_video_frame_under_wan_s_mask() -> None:
    told, newest = wandering(30, 1), latents(3)
    one, _ = stream(told, newest, WAN_MOVE)
    four, _ = stream(told, newest, TrackHeadConfig(id_channels=4, copy_frames=4))
    mask, known = parts_of(one.image, slots=1)
    assert one.image.shape[0] == FRAMES_PER_LATENT + CHANNELS
    assert torch.equal(known[0], parts_of(four.image)[1][3])
    assert (mask[:, 0] == 1).all()
    assert not mask[:, 1:].any()
    assert known[0][:, 1:].any()


def test_a_point_born_later_copies_the_newest_latent_of_that_time() -> None:
    newest = latents(3)
    visible = np.arange(33)[:, None] >= (0, 12, 25)
    paths = [moving((1.5, 1.5), (0, 0), 33), moving((3.5, 2.5), (0, 0), 33), moving((4.5, 0.5), (0, 0), 33)]
    made, memory = stream(tracks(*paths, visible=visible), newest, OURS)
    _, known = parts_of(made.image)
    torch.testing.assert_close(known[3, :, 8, 1, 1], newest[0, :, 1, 1], atol=2e-6, rtol=0)
    torch.testing.assert_close(known[3, :, 8, 2, 3], newest[1, :, 2, 3], atol=2e-6, rtol=0)
    torch.testing.assert_close(known[3, :, 8, 0, 4], newest[2, :, 0, 4], atol=2e-6, rtol=0)
    assert memory.anchor_of.tolist() == [0, 1, 2]


def test_identity_and_anchor_stay_with_the_point_whatever_the_order_of_the_tracks() -> None:
    told, newest = wandering(12, 3), latents(3)
    shuffled = told.select(np.random.default_rng(0).permutation(told.ids))
    for config in (PAPER, OURS):
        made, other = stream(told, newest, config)[0], stream(shuffled, newest, config)[0]
        torch.testing.assert_close(made.motion, other.motion)
        torch.testing.assert_close(made.image, other.image)


def test_absent_points_are_forgotten_and_come_back_as_new() -> None:
    path, newest = moving((1.5, 1.5), (0.5, 0)), latents(3)
    _, memory = condition_chunk(tracks(path), TrackMemory.empty(), newest[0], OURS, first=True)
    _, without = condition_chunk(Tracks.empty(12), memory, newest[1], OURS, first=False)
    assert len(without.ids) == len(without.anchors) == 0
    back = tracks(moving((3.5, 2.5), (0, 0), 12))
    made, again = condition_chunk(back, without, newest[2], OURS, first=False)
    torch.testing.assert_close(again.origins, torch.tensor([[3.5 / WIDTH, 2.5 / HEIGHT]]))
    torch.testing.assert_close(parts_of(made.image)[1][0, :, 0, 2, 3], newest[2, :, 2, 3])


def test_only_the_anchors_of_living_points_are_kept() -> None:
    memory = TrackMemory.empty()
    for chunk in range(40):  # every chunk a point is born; each lives for three chunks
        ids = np.arange(max(0, chunk - 2), chunk + 1)
        still = [moving((1.5 + i % 3, 1.5), (0, 0), 12) for i in ids]
        _, memory = condition_chunk(tracks(*still, ids=ids), memory, latents(1, chunk)[0], OURS, first=False)
        assert memory.ids.tolist() == ids.tolist()
        assert len(memory.anchors) == len(ids)
        wanted = [latents(1, i)[0] for i in ids.tolist()]
        assert all(torch.equal(memory.anchors[k], a) for k, a in zip(memory.anchor_of.tolist(), wanted, strict=True))


def test_a_memory_is_a_value_that_later_chunks_leave_alone() -> None:
    told, newest = wandering(20, 2), latents(3)
    _, memory = condition_chunk(told.slice(0, 9), TrackMemory.empty(), newest[0], OURS, first=True)
    kept = [part.clone() for part in (memory.ids, memory.origins, memory.last_seen, memory.anchor_of)]
    first, _ = condition_chunk(told.slice(9, 21), memory, newest[1], OURS, first=False)
    again, _ = condition_chunk(told.slice(9, 21), memory, newest[1], OURS, first=False)
    assert torch.equal(first.motion, again.motion)
    assert torch.equal(first.image, again.image)
    now = (memory.ids, memory.origins, memory.last_seen, memory.anchor_of)
    assert all(torch.equal(a, b) for a, b in zip(kept, now, strict=True))


def test_random_identity_depends_on_the_id_and_origin_identity_on_the_place() -> None:
    path, elsewhere = moving((1.5, 1.5), (0, 0)), moving((4.5, 2.5), (0, 0))

    def code(identity: str, path: np.ndarray, point: int) -> Tensor:
        config = TrackHeadConfig(id_channels=8, identity=identity)  # type: ignore[arg-type]
        return one_chunk(tracks(path, ids=[point]), config).motion.sum((1, 2, 3))

    torch.testing.assert_close(code("random", path, 7), code("random", elsewhere, 7))
    assert not torch.allclose(code("random", path, 7), code("random", path, 8))
    torch.testing.assert_close(code("origin", path, 7), code("origin", path, 8))
    assert not torch.allclose(code("origin", path, 7), code("origin", elsewhere, 7))
