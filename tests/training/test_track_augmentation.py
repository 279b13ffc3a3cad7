from dataclasses import replace

import numpy as np
import pytest

from motionstream.tracks import Tracks
from motionstream.training.track_augmentation import TrackAugmentation

NOTHING = TrackAugmentation(share=1.0, jitter=0.0, burst_frames=0.0, lost_share=0.0)


@pytest.fixture
def tracks() -> Tracks:
    """Three points on a straight way, 0.01 widths a frame."""
    way = np.linspace(0, 0.32, 33)[:, None, None] * np.array([1.0, 0.5])
    return Tracks(
        ids=np.arange(3), xy=np.array([[0.1, 0.1], [0.2, 0.5], [0.6, 0.3]]) + way, visible=np.ones((33, 3), bool)
    )


def augmented(tracks: Tracks, augmentation: TrackAugmentation, count: int = 200) -> list[Tracks]:
    return [augmentation.apply(tracks, np.random.default_rng(seed)) for seed in range(count)]


def test_without_any_disturbance_the_tracks_stay(tracks: Tracks) -> None:
    made = NOTHING.apply(tracks, np.random.default_rng(0))
    np.testing.assert_allclose(made.xy, tracks.xy, atol=1e-6)
    assert made.visible.all()


def test_the_share_says_how_many_clips_are_disturbed(tracks: Tracks) -> None:
    changed = [made != tracks for made in augmented(tracks, TrackAugmentation(share=0.3), 600)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.06)


def test_the_first_frame_is_told_as_it_is(tracks: Tracks) -> None:
    for made in augmented(tracks, replace(TrackAugmentation(), share=1.0)):
        np.testing.assert_allclose(made.xy[0], tracks.xy[0], atol=1e-6)
        assert made.visible[0].all()


def test_jitter_is_partly_each_point_s_own_and_partly_shared(tracks: Tracks) -> None:
    made = augmented(tracks, replace(NOTHING, jitter=0.02))
    noise = np.stack([one.xy - tracks.xy for one in made])[:, 1:]
    assert 0.005 < noise.std() < 0.02
    own = noise - noise.mean(2, keepdims=True)
    assert 0 < own.std() < noise.std()
    assert max(np.abs(one.std()) for one in noise) < 0.04


def test_a_hurried_motion_never_leaves_its_way_nor_turns_back_and_arrives_in_time(tracks: Tracks) -> None:
    for made in augmented(tracks, replace(NOTHING, burst_frames=6.0)):
        along = (made.xy - tracks.xy[0])[..., 0]
        np.testing.assert_allclose((made.xy - tracks.xy[0])[..., 1], along / 2, atol=1e-6)
        assert (np.diff(along, axis=0) >= -1e-6).all()
        np.testing.assert_allclose(made.xy[-1], tracks.xy[-1], atol=1e-6)
        assert np.abs(made.xy - tracks.xy).max() <= 0.06 * 1.2
    speeds = [np.diff(made.xy[:, 0, 0]).max() for made in augmented(tracks, replace(NOTHING, burst_frames=6.0))]
    assert max(speeds) > 0.015


def test_frames_in_which_nothing_is_seen_come_in_short_runs(tracks: Tracks) -> None:
    made = augmented(tracks, replace(NOTHING, lost_share=0.3, lost_frames=4))
    shares = [1 - one.visible.mean() for one in made]
    assert max(shares) <= 0.3 + 4 / 33
    assert np.mean(shares) == pytest.approx(0.18, abs=0.05)
    assert all((one.visible == one.visible[:, :1]).all() for one in made)


def test_a_clip_without_tracks_stays_without(tracks: Tracks) -> None:
    assert TrackAugmentation(share=1.0).apply(Tracks.empty(33), np.random.default_rng(0)) == Tracks.empty(33)
