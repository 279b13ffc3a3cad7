from dataclasses import replace

import numpy as np
import pytest

from motionstream.tracks import Tracks
from motionstream.training.track_sampling import TrackSampling
from motionstream.training.world import make_clip

ONLY = {
    "none": TrackSampling(none=1.0, dense=0.0, sparse=0.0),
    "dense": TrackSampling(none=0.0, dense=1.0, sparse=0.0, partial_share=0.0),
    "sparse": TrackSampling(none=0.0, dense=0.0, sparse=1.0, partial_share=0.0),
    "drag": TrackSampling(none=0.0, dense=0.0, sparse=0.0, pinned_share=0.0, partial_share=0.0),
}


@pytest.fixture(scope="module")
def known() -> tuple[Tracks, np.ndarray]:
    clip = make_clip(3, num_frames=17, height=64, width=64)
    return clip.tracks, clip.layer


def plain(num_points: int = 400, num_frames: int = 17) -> Tracks:
    """A lattice of points that do not move."""
    side = round(num_points**0.5)
    x, y = np.meshgrid((np.arange(side) + 0.5) / side, (np.arange(side) + 0.5) / side)
    xy = np.repeat(np.stack([x.ravel(), y.ravel()], -1)[None], num_frames, axis=0)
    return Tracks(ids=np.arange(len(xy[0])), xy=xy, visible=np.ones(xy.shape[:2], bool))


def moved(tracks: Tracks, which: np.ndarray, way: float = 0.2) -> Tracks:
    """The same tracks with some points going right."""
    xy = tracks.xy.copy()
    xy[:, which, 0] += np.linspace(0, way, len(xy))[:, None]
    return Tracks(ids=tracks.ids, xy=xy, visible=tracks.visible)


def draws(sampling: TrackSampling, known: tuple[Tracks, np.ndarray], count: int = 30, seed: int = 0) -> list[Tracks]:
    rng = np.random.default_rng(seed)
    return [sampling.sample(*known, rng) for _ in range(count)]


@pytest.mark.parametrize("kind", ["dense", "sparse", "drag"])
def test_what_is_told_is_true(known: tuple[Tracks, np.ndarray], kind: str) -> None:
    tracks, _ = known
    for told in draws(ONLY[kind], known, 10):
        assert told == tracks.select(told.ids)


def test_where_nothing_moves_nothing_may_be_told() -> None:
    still = plain(), np.zeros(400, int)
    told = draws(ONLY["none"], still, 1)[0]
    assert (told.num_points, told.num_frames) == (0, 17)


@pytest.mark.parametrize("kind", ["sparse", "drag"])
def test_of_everything_that_moves_a_few_points_are_told(kind: str) -> None:
    tracks, layer = plain(), np.zeros(400, int)
    layer[:40], layer[200:260], layer[300:320] = 1, 2, 3
    told = draws(ONLY[kind], (moved(tracks, (layer == 1) | (layer == 3)), layer))
    for one in told:
        on = layer[one.ids]
        assert (on == 1).sum() >= 4
        assert (on == 3).sum() >= 4
    if kind == "drag":
        assert not any((layer[one.ids] == 2).any() for one in told)


def test_of_a_background_that_moves_as_a_whole_many_points_are_told() -> None:
    layer = np.zeros(400, int)
    told = draws(ONLY["drag"], (moved(plain(), layer == 0), layer))
    assert min(one.num_points for one in told) >= 60


def test_a_background_that_is_pulled_at_one_place_is_dragged_there() -> None:
    tracks, layer = plain(), np.zeros(400, int)
    pulled = np.linalg.norm(tracks.xy[0] - 0.5, axis=-1) < 0.15
    told = draws(ONLY["drag"], (moved(tracks, pulled), layer))
    shares = [pulled[one.ids].mean() for one in told]
    assert np.mean(shares) > 0.5  # of all points, pulled ones are a fourteenth
    assert max(one.num_points for one in told) < 80


def test_dense_and_sparse_sets_have_their_sizes() -> None:
    still = plain(900), np.zeros(900, int)
    dense = [told.num_points for told in draws(ONLY["dense"], still)]
    sparse = [told.num_points for told in draws(ONLY["sparse"], still)]
    assert 60 <= min(dense) < 150 < 400 < max(dense) <= 500
    assert 4 <= min(sparse) < 12 < 48 < max(sparse) <= 60


def test_a_drag_is_points_near_each_other_on_what_moves_and_seen_at_the_start() -> None:
    tracks, layer = plain(), np.zeros(400, int)
    layer[100:300] = 1
    seen = tracks.visible.copy()
    seen[0, ::7] = False
    going = moved(tracks, layer == 1)
    given = Tracks(ids=going.ids, xy=going.xy, visible=seen), layer
    alone = replace(ONLY["drag"], mover_points=(0, 0))  # nothing is added where a drag took few
    for told in (one for one in draws(alone, given) if one.num_points):
        assert told.visible[0].all()
        assert set(layer[told.ids]) == {1}
        assert (told.xy[0].max(0) - told.xy[0].min(0)).max() <= 0.41


def test_pinned_points_join_a_drag(known: tuple[Tracks, np.ndarray]) -> None:
    sampling = TrackSampling(none=0.0, dense=0.0, sparse=0.0, pinned_share=1.0, partial_share=0.0)
    alone, pinned = draws(ONLY["drag"], known), draws(sampling, known)
    assert np.mean([t.num_points for t in pinned]) > np.mean([t.num_points for t in alone]) + 10


def test_partial_tracks_hide_points_but_never_move_or_show_one(known: tuple[Tracks, np.ndarray]) -> None:
    tracks, _ = known
    sampling = TrackSampling(none=0.0, dense=1.0, sparse=0.0, partial_share=1.0)
    late = early = 0
    for told in draws(sampling, known, 10):
        whole = tracks.select(told.ids)
        assert np.array_equal(told.xy, whole.xy)
        assert not (told.visible & ~whole.visible).any()
        hidden = whole.visible & ~told.visible
        assert 0 < hidden.sum() < whole.visible.sum()
        late += int(hidden[0].sum())
        early += int(hidden[-1].sum())
        runs = (np.diff(hidden.astype(int), axis=0, prepend=0) == 1) & whole.visible
        assert (runs.sum(0) <= 1 + (np.diff(whole.visible.astype(int), axis=0) == 1).sum(0)).all()
    assert late
    assert early


def test_the_shares_of_the_kinds_are_kept() -> None:
    still = plain(900), np.zeros(900, int)
    sampling = TrackSampling(none=0.3, dense=0.5, sparse=0.2)
    sizes = np.array([told.num_points for told in draws(sampling, still, 300)])
    assert np.mean(sizes == 0) == pytest.approx(0.3, abs=0.08)
    assert np.mean(sizes > 60) == pytest.approx(0.5, abs=0.08)


def test_the_same_random_state_gives_the_same_choice(known: tuple[Tracks, np.ndarray]) -> None:
    assert draws(TrackSampling(), known, 5, seed=4) == draws(TrackSampling(), known, 5, seed=4)
    assert draws(TrackSampling(), known, 5, seed=4) != draws(TrackSampling(), known, 5, seed=5)
