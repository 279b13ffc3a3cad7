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


def draws(sampling: TrackSampling, known: tuple[Tracks, np.ndarray], count: int = 30, seed: int = 0) -> list[Tracks]:
    rng = np.random.default_rng(seed)
    return [sampling.sample(*known, rng) for _ in range(count)]


@pytest.mark.parametrize("kind", ["dense", "sparse", "drag"])
def test_what_is_told_is_true(known: tuple[Tracks, np.ndarray], kind: str) -> None:
    tracks, _ = known
    for told in draws(ONLY[kind], known, 10):
        assert told == tracks.select(told.ids)


def test_no_tracks_are_an_empty_set_of_the_clip_s_length(known: tuple[Tracks, np.ndarray]) -> None:
    told = draws(ONLY["none"], known, 1)[0]
    assert (told.num_points, told.num_frames) == (0, 17)


def test_dense_and_sparse_sets_have_their_sizes(known: tuple[Tracks, np.ndarray]) -> None:
    dense = [told.num_points for told in draws(ONLY["dense"], known)]
    sparse = [told.num_points for told in draws(ONLY["sparse"], known)]
    assert 60 <= min(dense) < 150 < 400 < max(dense) <= 500
    assert 1 <= min(sparse) < 10 < 40 < max(sparse) <= 50


def test_a_drag_is_points_near_each_other_on_one_or_two_things_and_seen_at_the_start(
    known: tuple[Tracks, np.ndarray],
) -> None:
    tracks, layer = known
    layer_of = dict(zip(tracks.ids.tolist(), layer.tolist(), strict=True))
    widths = []
    for told in draws(ONLY["drag"], known):
        assert told.num_points >= 1
        assert told.visible[0].all()
        things = {layer_of[point] for point in told.ids.tolist()}
        assert len(things) <= 2
        for thing in things:
            mine = told.xy[0, [layer_of[point] == thing for point in told.ids.tolist()]]
            widths.append(float((mine.max(0) - mine.min(0)).max()))
    assert np.median(widths) <= 0.4


def test_a_drag_prefers_what_moves(known: tuple[Tracks, np.ndarray]) -> None:
    tracks, layer = known
    moves = np.arange(tracks.num_points) < 20
    xy = tracks.xy[:1].repeat(17, axis=0).copy()
    xy[:, moves] += np.linspace(0, 0.2, 17)[:, None, None]
    given = Tracks(ids=tracks.ids, xy=xy, visible=np.ones((17, tracks.num_points), bool)), np.zeros_like(layer)
    share = np.mean([moves[told.ids].any() for told in draws(ONLY["drag"], given)])
    assert share > 0.7  # by chance it would be about a tenth


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


def test_the_shares_of_the_kinds_are_kept(known: tuple[Tracks, np.ndarray]) -> None:
    sizes = np.array([told.num_points for told in draws(TrackSampling(none=0.3, dense=0.5, sparse=0.2), known, 300)])
    assert np.mean(sizes == 0) == pytest.approx(0.3, abs=0.08)
    assert np.mean(sizes > 50) == pytest.approx(0.5, abs=0.08)


def test_the_same_random_state_gives_the_same_choice(known: tuple[Tracks, np.ndarray]) -> None:
    assert draws(TrackSampling(), known, 5, seed=4) == draws(TrackSampling(), known, 5, seed=4)
    assert draws(TrackSampling(), known, 5, seed=4) != draws(TrackSampling(), known, 5, seed=5)
