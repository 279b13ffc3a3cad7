"""The fast-drag check, on models that obey at any speed, lag, lose the thing or spoil the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.checks.fast_drags import CALM, MANNERS, FastDrag, Manner, check_fast_drags, told
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.tracks import Tracks

START, SIDE = (26.0, 64.0), 128
FAST = Manner(name="fast", length=0.6, frames=4)


def scene(render: Any, grid: Any) -> FastDrag:
    region = np.zeros((SIDE, SIDE), bool)
    region[50:78, 12:40] = True
    return FastDrag(
        name="square",
        image=render(np.zeros((1, 2)), START)[0],
        prompt="a square",
        region=region,
        points_xy=grid(START, 9, 6) / SIDE,
        heading=(1.0, 0.0),
    )


def path_px(tracks: Tracks) -> np.ndarray:
    """Where the square is told to be: the mean of the points that start on it; where none is seen, as before."""
    on_square = (np.abs(tracks.xy[0] * SIDE - START) <= 12).all(axis=-1)
    path = (tracks.xy[:, on_square].mean(axis=1) - tracks.xy[0, on_square].mean(axis=0)) * SIDE
    for index in range(1, len(path)):
        if not tracks.visible[index, on_square].any():
            path[index] = path[index - 1]
    return path


def obedient(render: Any) -> Any:
    return lambda image, tracks, prompt, seed: render(path_px(tracks), START)


def speed_limited(render: Any) -> Any:
    """Follows for up to 0.1 widths from frame to frame and otherwise stays behind for good."""

    def generate(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        steps = np.clip(np.diff(path_px(tracks), axis=0, prepend=0), -0.1 * SIDE, 0.1 * SIDE)
        return np.asarray(render(np.cumsum(steps, axis=0), START))

    return generate


def lazy(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    return np.repeat(image[None], tracks.num_frames, axis=0)


def test_a_model_that_obeys_at_any_speed_passes(patch_over_background: Any, grid: Any) -> None:
    result = check_fast_drags(obedient(patch_over_background), [scene(patch_over_background, grid)])
    assert result.passed
    assert result.manners == (CALM.name, *(manner.name for manner in MANNERS))
    assert max(score.error_px for score in result.scores) < 2
    assert min(score.likeness for score in result.scores) > 0.75
    assert max(score.change for score in result.scores) < 0.5


def test_a_model_that_lags_behind_holds_the_calm_drag_and_not_the_fast_one(
    patch_over_background: Any, grid: Any
) -> None:
    result = check_fast_drags(
        speed_limited(patch_over_background), [scene(patch_over_background, grid)], manners=[FAST]
    )
    calm, fast = result.scores
    assert result.holds(calm)
    assert fast.error_px > 10
    assert not result.passed
    assert result.worst == "fast"


def test_one_weak_manner_is_not_hidden_by_the_strong_ones(patch_over_background: Any, grid: Any) -> None:
    slow = [Manner(name=f"in {frames} frames", length=0.3, frames=frames) for frames in (10, 12, 16, 20)]
    result = check_fast_drags(
        speed_limited(patch_over_background), [scene(patch_over_background, grid)], manners=[*slow, FAST]
    )
    assert result.share == 0.8 == result.demanded_share
    assert not result.passed
    assert "80% of 5 videos hold, fewest with fast: 0%" in result.section().verdict


def test_a_model_that_moves_nothing_or_dissolves_the_thing_fails(patch_over_background: Any, grid: Any) -> None:
    def dissolving(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        frames = np.array(obedient(patch_over_background)(image, tracks, prompt, seed))
        left = round(12 + path_px(tracks)[-1][0])
        frames[-1, 50:78, left : left + 28] = np.random.default_rng(seed).integers(0, 255, (28, 28, 3))
        return frames

    for model in (lazy, dissolving):
        result = check_fast_drags(model, [scene(patch_over_background, grid)], manners=[FAST])
        assert not result.passed
        assert result.scores[1].likeness < 0.5


def test_a_fast_drag_that_spoils_the_rest_fails_though_the_thing_arrives(patch_over_background: Any, grid: Any) -> None:
    def spoiling(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        frames = np.array(obedient(patch_over_background)(image, tracks, prompt, seed))
        if np.abs(np.diff(path_px(tracks), axis=0)).max() > 0.1 * SIDE:
            frames[-1, :40] += 20
        return frames

    fast = check_fast_drags(spoiling, [scene(patch_over_background, grid)], manners=[FAST])
    assert fast.scores[1].error_px < 1
    assert fast.scores[1].change - fast.scores[1].calm_change > 5
    assert not fast.passed


def test_what_is_told_is_what_the_manner_says(patch_over_background: Any, grid: Any) -> None:
    square = scene(patch_over_background, grid)
    count = len(square.points_xy)
    draw = np.random.default_rng(0)
    fast = told(square, FAST, 33, draw)
    np.testing.assert_allclose(fast.xy[8:, :count] - fast.xy[0, :count], np.tile((0.6, 0), (25, count, 1)), atol=1e-6)
    np.testing.assert_allclose(np.diff(fast.xy[4:9, 0, 0]), 0.15, atol=1e-6)
    assert (fast.xy[:, count:] == fast.xy[:1, count:]).all()
    assert fast.visible.all()
    shaking = told(square, Manner(name="", length=0.3, frames=24, jitter=0.02), 33, draw)
    noise = shaking.xy[1:, :count] - told(square, CALM, 33, draw).xy[1:, :count]
    assert noise.std() == pytest.approx(0.02, rel=0.05)
    broken = told(square, Manner(name="", length=0.3, frames=24, unseen=0.3), 33, draw)
    assert (~broken.visible[:, 0]).sum() == 10
    assert broken.visible[[0, -1]].all()
    assert broken.visible[:, count:].all()
    late = told(square, Manner(name="", length=0.3, frames=16, late=12), 33, draw)
    assert not late.visible[:12, :count].any()
    assert late.visible[12:, :count].all()
    np.testing.assert_allclose(late.xy[12, :count], square.points_xy, atol=1e-6)
    assert late.xy[28, 0, 0] - late.xy[12, 0, 0] == pytest.approx(0.3, abs=1e-6)


def test_a_drag_longer_than_the_video_and_a_thing_without_contrast_are_refused(
    patch_over_background: Any, grid: Any
) -> None:
    square = scene(patch_over_background, grid)
    with pytest.raises(InputError, match="within 17 frames, got longer: calm"):
        check_fast_drags(lazy, [square], num_frames=17)
    with pytest.raises(InputError, match="some contrast"):
        FastDrag(**{**square.__dict__, "image": np.full((SIDE, SIDE, 3), 90, np.uint8)})


def test_a_tiny_untrained_network_is_measured(tiny_checkpoint: Path) -> None:
    generate: Any = StreamGenerator(StreamEngine.load(tiny_checkpoint, device="cpu"))
    region = np.zeros((32, 32), bool)
    region[12:20, 3:9] = True
    square = FastDrag(
        name="noise",
        image=np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8),
        prompt="",
        region=region,
        points_xy=np.array([[0.2, 0.5]]),
        heading=(1.0, 0.0),
    )
    result = check_fast_drags(generate, [square], manners=[FAST])
    assert all(np.isfinite((s.error_px, s.arrival_px, s.likeness, s.change)).all() for s in result.scores)
    assert [row[0] for row in result.section().rows] == ["calm", "fast"]
