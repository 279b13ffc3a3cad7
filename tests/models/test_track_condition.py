"""Tracks to conditioning: every number against a slow float64 walk over points, and the rules one by one."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.track_condition import Newest, TrackCondition, condition_chunk
from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHeadConfig
from motionstream.models.track_identity import origin_code, random_code
from motionstream.models.track_memory import TrackMemory
from motionstream.tracks import Tracks

CHANNELS, HEIGHT, WIDTH = 3, 4, 6
CHUNKS = (9, 12, 12)
OURS = TrackHeadConfig(id_channels=8, identity="origin", hidden_channel=True, copy="picture")
PAPER = TrackHeadConfig(id_channels=8, identity="random")
WAN_MOVE = TrackHeadConfig(id_channels=4, copy="latents")
EVERY = pytest.mark.parametrize("config", [PAPER, OURS, WAN_MOVE], ids=["paper", "ours", "wan_move"])


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


@pytest.fixture
def one_chunk(stream: Any, newest_of: Any) -> Callable[..., TrackCondition]:
    def condition(told: Tracks, config: TrackHeadConfig, latent: Tensor | None = None) -> TrackCondition:
        given = newest_of(1)[0]
        given = given if latent is None else replace(given, latent=latent)
        return stream(told, [given], config, (told.num_frames,))[0]

    return condition


def by_frame(packed: Tensor) -> Tensor:
    """Packed channels `4k f h w` as video frames `t k h w`, the three empty ones before frame 0 left out."""
    frames = packed.unflatten(0, (FRAMES_PER_LATENT, -1)).permute(2, 0, 1, 3, 4).flatten(0, 1)
    return frames[3:]


def parts_of(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mask `4 f h w` and the known latents `c f h w`."""
    return image[:FRAMES_PER_LATENT], image[FRAMES_PER_LATENT:]


def read_bilinear(anchor: np.ndarray, x: float, y: float) -> np.ndarray:
    """Value of `c h w` at continuous cell position (x, y), cell i centred at i + 0.5, borders repeated, in float64."""
    x, y = min(max(x, 0.5), WIDTH - 0.5), min(max(y, 0.5), HEIGHT - 0.5)
    across, down = (np.maximum(0, 1 - np.abs(np.arange(n) + 0.5 - at)) for n, at in ((WIDTH, x), (HEIGHT, y)))
    return np.asarray(anchor @ across @ down)


class SlowWalk:
    """The same rules written as loops over points and frames, with unbounded memory and whole histories."""

    def __init__(self, told: Tracks, newest: list[Newest], chunks: tuple[int, ...]) -> None:
        self.told = told
        self.newest = [one.latent.double().numpy() for one in newest]
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

    def copies(self) -> np.ndarray:
        """Copied features `t c h w`, 0 where there are none."""
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
        return np.asarray(sums / count.clip(1))


@EVERY
@pytest.mark.parametrize("seed", range(4))
def test_motion_maps_equal_a_slow_walk_over_the_whole_history(
    config: TrackHeadConfig, seed: int, stream: Any, newest_of: Any, wandering: Any
) -> None:
    told, newest = wandering(30, seed, births=tuple(range(33))), newest_of(3, seed)
    made, _ = stream(told, newest, config)
    wanted = torch.from_numpy(SlowWalk(told, newest, CHUNKS).maps(config))
    torch.testing.assert_close(by_frame(made.motion).double(), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_copied_latents_are_those_of_the_last_video_frame_by_a_slow_bilinear_walk_in_float64(
    seed: int, stream: Any, newest_of: Any, wandering: Any
) -> None:
    told, newest = wandering(30, seed, births=tuple(range(33))), newest_of(3, seed)
    _, known = parts_of(stream(told, newest, WAN_MOVE)[0].image)
    copied = torch.from_numpy(SlowWalk(told, newest, CHUNKS).copies())
    for latent in range(1, 9):  # latent 0 is the picture's
        torch.testing.assert_close(known[:, latent].double(), copied[4 * latent], atol=1e-4, rtol=0)
        assert not torch.allclose(known[:, latent].double(), copied[4 * latent - 1], atol=1e-2)


@EVERY
@pytest.mark.parametrize("chunks", [(9, 12, 12), (1, 4, 28), (21, 12)])
def test_chunk_by_chunk_equals_the_whole_clip_but_for_moved_pictures(
    config: TrackHeadConfig, chunks: tuple[int, ...], stream: Any, newest_of: Any, wandering: Any
) -> None:
    for births in ((0,), tuple(range(33))):
        told = wandering(8, 5, births)
        newest = newest_of(1) * len(chunks)
        made, memory = stream(told, newest, config, chunks)
        whole, whole_memory = stream(told, newest, config, (33,))
        assert torch.equal(made.motion, whole.motion)
        if config.copy != "picture":  # where a stream has holes that the whole clip has not
            torch.testing.assert_close(made.image, whole.image, atol=1e-4, rtol=1e-4)
        assert torch.equal(memory.ids, whole_memory.ids)
        assert torch.equal(memory.last_seen, whole_memory.last_seen)


def test_two_points_in_one_cell_add_up(one_chunk: Any) -> None:
    a, b = moving((2.2, 1.3), (0, 0)), moving((2.8, 1.9), (0, 0))
    apart = [one_chunk(tracks(path, ids=[i]), PAPER).motion for i, path in enumerate((a, b))]
    assert torch.equal(one_chunk(tracks(a, b), PAPER).motion, apart[0] + apart[1])


def test_two_copies_in_one_cell_are_averaged(one_chunk: Any) -> None:
    a, b = moving((2.2, 1.3), (0.25, 0)), moving((4.7, 1.4), (-0.25, 0))
    told = tracks(a, b)
    assert (np.floor(told.xy[4] * (WIDTH, HEIGHT)) == (3, 1)).all()
    apart = [parts_of(one_chunk(tracks(path), WAN_MOVE).image)[1] for path in (a, b)]
    both = parts_of(one_chunk(told, WAN_MOVE).image)[1]
    torch.testing.assert_close(both[:, 1, 1, 3], (apart[0] + apart[1])[:, 1, 1, 3] / 2)


@EVERY
def test_a_point_outside_or_never_visible_leaves_no_trace(config: TrackHeadConfig, one_chunk: Any) -> None:
    outside, unseen, nowhere = moving((-0.4, 2.0), (0, 0)), moving((2.0, 2.0), (0, 0)), moving((1e38, -1e38), (0, 0))
    told = tracks(outside, unseen, nowhere, visible=np.ones((9, 1)) * (1, 0, 0))
    made, empty = one_chunk(told, config), one_chunk(Tracks.empty(9), config)
    assert torch.equal(made.motion, empty.motion)
    assert torch.equal(made.image, empty.image)


def test_a_point_that_leaves_the_picture_is_gone_from_the_map_and_marked_where_it_left(one_chunk: Any) -> None:
    frames = by_frame(one_chunk(tracks(moving((4.5, 1.5), (0.4, 0))), OURS).motion)
    codes, hidden = frames[:, :-1], frames[:, -1]
    assert codes[:4].flatten(1).any(1).tolist() == [True] * 4  # 4.5 + 0.4 * 3 = 5.7 is the last place inside
    assert not codes[4:].any()
    assert not hidden[:4].any()
    assert all(frame.nonzero().tolist() == [[1, 5]] for frame in hidden[4:])


def test_a_hidden_point_is_marked_at_its_last_seen_cell_also_in_later_chunks(stream: Any, newest_of: Any) -> None:
    visible = np.ones((33, 1), bool)
    visible[7:25] = False  # hidden over the borders 9 and 21
    path = moving((0.5, 2.5), (0.15, 0), 33)
    made, _ = stream(tracks(path, visible=visible), newest_of(3), OURS)
    frames = by_frame(made.motion)
    last_seen = [2, math.floor(path[6, 0])]
    for frame in range(33):
        marked = frames[frame, -1].nonzero().tolist()
        assert marked == ([] if visible[frame, 0] else [last_seen])
        assert bool(frames[frame, :-1].any()) == bool(visible[frame, 0])


def test_the_paper_s_head_cannot_tell_hidden_from_unspecified(stream: Any, newest_of: Any) -> None:
    visible = np.ones((33, 1), bool)
    visible[7:] = False
    made, _ = stream(tracks(moving((0.5, 2.5), (0, 0), 33), visible=visible), newest_of(3), PAPER)
    assert not by_frame(made.motion)[7:].any()


@pytest.mark.parametrize("config", [PAPER, WAN_MOVE], ids=["paper", "wan_move"])
def test_no_tracks_give_zeros_beside_the_picture(config: TrackHeadConfig, stream: Any, newest_of: Any) -> None:
    newest = newest_of(3)
    made, memory = stream(Tracks.empty(33), newest, config)
    mask, known = parts_of(made.image)
    assert made.motion.shape == (4 * config.map_channels, 9, HEIGHT, WIDTH)
    assert made.image.shape == (config.condition_channels(CHANNELS), 9, HEIGHT, WIDTH)
    assert not made.motion.any()
    assert (mask[:, 0] == 1).all()
    assert not mask[:, 1:].any()
    assert torch.equal(known[:, 0], newest[0].latent)
    assert not known[:, 1:].any()
    assert len(memory.ids) == len(memory.anchors) == 0


def centres() -> list[np.ndarray]:
    """One still point in the middle of every cell, row by row, for a whole clip."""
    return [moving((x + 0.5, y + 0.5), (0, 0), 33) for y in range(HEIGHT) for x in range(WIDTH)]


def test_still_points_everywhere_copy_the_latents_exactly(stream: Any, newest_of: Any) -> None:
    newest = newest_of(3)
    _, known = parts_of(stream(tracks(*centres()), newest, WAN_MOVE)[0].image)
    torch.testing.assert_close(known, newest[0].latent[:, None].expand_as(known), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-1, 0), (0, 1), (2, -1)])
def test_a_shift_by_whole_cells_copies_the_neighbour(dx: int, dy: int, one_chunk: Any) -> None:
    newest = latents(1)[0]
    paths = [jumping(path[:1], dx, dy) for path in centres()]
    _, known = parts_of(one_chunk(tracks(*paths), WAN_MOVE, newest).image)
    ys, xs = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    inside = (xs - dx >= 0) & (xs - dx < WIDTH) & (ys - dy >= 0) & (ys - dy < HEIGHT)
    wanted = newest.roll((dy, dx), (1, 2))
    for latent in (1, 2):
        torch.testing.assert_close(known[:, latent, inside], wanted[:, inside], atol=5e-6, rtol=0)
        assert not known[:, latent, ~inside].any()


def test_latents_that_move_by_parts_of_a_cell_are_read_between_their_cells(one_chunk: Any) -> None:
    ramp = torch.arange(WIDTH, dtype=torch.float32).expand(CHANNELS, HEIGHT, WIDTH).contiguous()
    _, known = parts_of(one_chunk(tracks(moving((2.3, 1.6), (0.3, 0))), WAN_MOVE, ramp).image)
    for latent, moved in ((1, 4 * 0.3), (2, 8 * 0.3)):
        cell = math.floor(2.3 + moved)
        # A ramp that moved: the cell shows what stood that far to its left.
        torch.testing.assert_close(known[:, latent, 1, cell], torch.full((CHANNELS,), cell - moved))
        assert known[:, latent].count_nonzero() == CHANNELS


def test_copied_latents_stay_under_the_mask_of_published_models(stream: Any, newest_of: Any, wandering: Any) -> None:
    told, newest = wandering(30, 1), newest_of(3)
    mask, known = parts_of(stream(told, newest, WAN_MOVE)[0].image)
    assert (mask[:, 0] == 1).all()
    assert not mask[:, 1:].any()
    assert torch.equal(known[:, 0], newest[0].latent)
    assert known[:, 1:].any()


def test_a_point_born_later_copies_the_newest_latent_of_that_time(stream: Any, newest_of: Any) -> None:
    newest, visible = newest_of(3), np.arange(33)[:, None] >= (0, 12, 25)
    paths = [moving((1.5, 1.5), (0, 0), 33), moving((3.5, 2.5), (0, 0), 33), moving((4.5, 0.5), (0, 0), 33)]
    made, memory = stream(tracks(*paths, visible=visible), newest, WAN_MOVE)
    _, known = parts_of(made.image)
    for before, (x, y) in zip(newest, ((1, 1), (3, 2), (4, 0)), strict=True):
        torch.testing.assert_close(known[:, 8, y, x], before.latent[:, y, x], atol=2e-6, rtol=0)
    assert memory.anchor_of.tolist() == [0, 1, 2]


def test_identity_and_anchor_stay_with_the_point_whatever_the_order_of_the_tracks(
    stream: Any, newest_of: Any, wandering: Any
) -> None:
    told, newest = wandering(12, 3), newest_of(3)
    shuffled = told.select(np.random.default_rng(0).permutation(told.ids))
    for config in (PAPER, OURS, WAN_MOVE):
        made, other = stream(told, newest, config)[0], stream(shuffled, newest, config)[0]
        torch.testing.assert_close(made.motion, other.motion)
        torch.testing.assert_close(made.image, other.image)


def test_absent_points_are_forgotten_and_come_back_as_new(newest_of: Any, encoder: Any) -> None:
    a, b, c = newest_of(3)
    path = moving((1.5, 1.5), (0.5, 0))
    _, memory = condition_chunk(tracks(path), TrackMemory.empty(), a, WAN_MOVE, encoder, first=True)
    _, without = condition_chunk(Tracks.empty(12), memory, b, WAN_MOVE, encoder, first=False)
    back = tracks(moving((3.5, 2.5), (0, 0), 12))
    made, again = condition_chunk(back, without, c, WAN_MOVE, encoder, first=False)
    torch.testing.assert_close(again.origins, torch.tensor([[3.5 / WIDTH, 2.5 / HEIGHT]]))
    torch.testing.assert_close(parts_of(made.image)[1][:, 0, 2, 3], c.latent[:, 2, 3])


@EVERY
def test_the_same_chunk_after_the_same_memory_is_told_in_the_same_way(
    config: TrackHeadConfig, newest_of: Any, wandering: Any, encoder: Any
) -> None:
    told, (a, b) = wandering(20, 2), newest_of(2)
    _, memory = condition_chunk(told.slice(0, 9), TrackMemory.empty(), a, config, encoder, first=True)
    first, _ = condition_chunk(told.slice(9, 21), memory, b, config, encoder, first=False)
    again, _ = condition_chunk(told.slice(9, 21), memory, b, config, encoder, first=False)
    assert torch.equal(first.motion, again.motion)
    assert torch.equal(first.image, again.image)
    assert torch.equal(b.canvas, newest_of(2)[1].canvas)
    assert torch.equal(b.latent, newest_of(2)[1].latent)


@EVERY
def test_points_are_born_on_what_is_carried_along(
    config: TrackHeadConfig, stream: Any, newest_of: Any, wandering: Any
) -> None:
    newest = newest_of(3)
    _, memory = stream(wandering(20, 2), newest, config)
    for anchor, before in zip(memory.anchors, newest, strict=True):
        assert torch.equal(anchor, before.canvas if config.copy == "picture" else before.latent)


@pytest.mark.parametrize("config", [PAPER, WAN_MOVE], ids=["paper", "wan_move"])
def test_the_encoder_rests_where_no_picture_is_carried(
    config: TrackHeadConfig, stream: Any, newest_of: Any, wandering: Any, encoder: Any
) -> None:
    _, memory = stream(wandering(20, 2), newest_of(3), config, encode=encoder)
    assert encoder.asked == []
    assert memory.encoder is None


def test_random_identity_depends_on_the_id_and_origin_identity_on_the_place(one_chunk: Any) -> None:
    path, elsewhere = moving((1.5, 1.5), (0, 0)), moving((4.5, 2.5), (0, 0))

    def code(identity: str, path: np.ndarray, point: int) -> Tensor:
        config = TrackHeadConfig(id_channels=8, identity=identity)  # type: ignore[arg-type]
        return one_chunk(tracks(path, ids=[point]), config).motion.sum((1, 2, 3))

    torch.testing.assert_close(code("random", path, 7), code("random", elsewhere, 7))
    assert not torch.allclose(code("random", path, 7), code("random", path, 8))
    torch.testing.assert_close(code("origin", path, 7), code("origin", path, 8))
    assert not torch.allclose(code("origin", path, 7), code("origin", elsewhere, 7))
