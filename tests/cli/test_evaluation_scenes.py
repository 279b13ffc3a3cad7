"""Scenes for the checks: each shows what its check needs, and the same seeds give the same scenes."""

import itertools

import numpy as np
import pytest

from motionstream.cli.evaluation_scenes import behind_scenes, colour_scenes, fast_drags, long_clips
from motionstream.evaluation.checks.colours import colour_votes
from motionstream.evaluation.checks.fast_drags import CALM, MANNERS, told

SEEDS = range(910_000_000, 910_000_012)
SIZE = {"height": 128, "width": 128}


def test_a_true_clip_shows_the_colour_that_its_prompt_names() -> None:
    scenes = list(colour_scenes(SEEDS, num_frames=33, **SIZE))
    assert len(scenes) >= 10
    assert {scene.kind for scene in scenes} == {"uncovered", "entering"}
    for scene in scenes:
        votes = colour_votes(scene.last[scene.region])
        assert max(votes, key=votes.__getitem__) == scene.colour


def test_no_told_point_lies_on_what_comes_into_view() -> None:
    for scene in colour_scenes(SEEDS[:6], num_frames=33, **SIZE):
        seen = (scene.tracks.xy[-1, scene.tracks.visible[-1]] * 128).astype(int)
        assert not scene.region[seen[:, 1], seen[:, 0]].any()


def test_a_thing_goes_behind_and_comes_out_again_and_its_points_say_so() -> None:
    scenes = list(behind_scenes(SEEDS, num_frames=33, **SIZE))
    assert len(scenes) == len(SEEDS)
    for scene in scenes:
        assert scene.contrast >= 25
        end = (scene.tracks.xy[-1] * 128).astype(int).clip(0, 127)
        arrived = scene.region[end[:, 1], end[:, 0]] & scene.tracks.visible[-1]
        moved = np.linalg.norm(scene.tracks.xy[-1] - scene.tracks.xy[0], axis=-1) > 0.5
        assert (arrived & moved).any()
        assert not scene.tracks.visible[scene.hidden_frame, moved].any()
        assert scene.tracks.visible[0, moved].all()
        assert not (scene.screen & scene.region).any()


def test_of_every_layer_a_share_of_the_points_can_be_told() -> None:
    full = next(behind_scenes(SEEDS, num_frames=33, **SIZE))
    few = next(behind_scenes(SEEDS, num_frames=33, told_share=0.1, **SIZE))
    np.testing.assert_array_equal(full.image, few.image)
    moving = [np.linalg.norm(s.tracks.xy[-1] - s.tracks.xy[0], axis=-1) > 0.5 for s in (full, few)]
    assert moving[1].sum() == np.ceil(0.1 * moving[0].sum())
    assert few.tracks.num_points == pytest.approx(0.1 * full.tracks.num_points, abs=3)
    assert set(map(tuple, few.tracks.xy[0])) <= set(map(tuple, full.tracks.xy[0]))


def test_a_long_clip_shows_the_same_in_every_round_and_moves_all_along() -> None:
    clip = next(long_clips(SEEDS, num_frames=250, period=60, refresh_frames=15, **SIZE))
    assert clip.frames.shape == (250, 128, 128, 3)
    np.testing.assert_array_equal(clip.frames[60:120], clip.frames[120:180])
    steps = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert min(steps[start : start + 60].mean() for start in (0, 60, 120)) >= 1


def test_points_of_a_long_clip_begin_where_none_is_seen_and_then_stay_on_their_thing() -> None:
    clips = list(long_clips(SEEDS, num_frames=130, period=100, refresh_frames=25, **SIZE))
    assert len(clips) >= 8
    grown = [clip for clip in clips if clip.tracks.num_points > 1024]
    assert grown
    for clip in grown:
        later = clip.tracks.select(clip.tracks.ids >= 1024)
        births = later.visible.argmax(axis=0)
        assert set(births.tolist()) <= {25, 50, 75, 100, 125}
        assert not later.visible[:25].any()
        cells = {(int(x * 16), int(y * 16)) for x, y in clip.tracks.xy[25, clip.tracks.visible[25]]}
        assert len(cells) == 256


def test_new_points_of_a_long_clip_stay_on_what_they_began_on() -> None:
    followed, resting = [], []
    for clip in long_clips(SEEDS, num_frames=60, period=100, refresh_frames=25, **SIZE):
        new = clip.tracks.visible[25] & clip.tracks.visible[45] & (clip.tracks.ids >= 1024)
        before, after = ((clip.tracks.xy[frame, new] * 128).astype(int) for frame in (25, 45))
        look = clip.frames[25][before[:, 1], before[:, 0]].astype(int)
        followed.append(np.abs(look - clip.frames[45][after[:, 1], after[:, 0]]).mean(axis=-1))
        resting.append(np.abs(look - clip.frames[45][before[:, 1], before[:, 0]]).mean(axis=-1))
    assert len(np.concatenate(followed)) > 100
    assert np.concatenate(followed).mean() < np.concatenate(resting).mean() / 2


def test_a_thing_to_drag_is_whole_and_stays_inside_in_every_manner() -> None:
    scenes = list(fast_drags(range(910_000_000, 910_000_030), **SIZE))
    assert len(scenes) >= 8
    for scene in scenes:
        start = (scene.points_xy * 128).astype(int)
        assert scene.region[start[:, 1], start[:, 0]].all()
        for manner in (CALM, *MANNERS[:3]):
            tracks = told(scene, manner, 33, np.random.default_rng(0))
            assert tracks.visible.all()


def test_the_same_seed_gives_the_same_scenes_whatever_comes_before() -> None:
    later = itertools.islice(behind_scenes(SEEDS, num_frames=33, **SIZE), 3, None)
    again = next(behind_scenes(SEEDS[3:], num_frames=33, **SIZE))
    first = next(later)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.tracks == again.tracks
    assert first.prompt == again.prompt
