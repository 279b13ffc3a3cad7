"""The checks, run on models of known goodness: one that obeys, and others that fail in one way each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.checks import check_clips, check_photographs, check_two_drags
from motionstream.evaluation.checks.clips import ClipScore, ClipsResult
from motionstream.evaluation.generation import generated
from motionstream.evaluation.scenes import photograph, two_drags_of_clips, two_drags_on_clip
from motionstream.tracks import Tracks

START = (64.0, 56.0)
NUM_FRAMES = 17
Render = Callable[..., np.ndarray]


@dataclass(frozen=True)
class PatchClip:
    """A clip of the test renderer: a square over a background, with a lattice of true tracks."""

    frames: np.ndarray
    tracks: Tracks
    layer: np.ndarray
    caption: str = "a square"


def patch_clip(render: Render, vector: tuple[float, float]) -> PatchClip:
    path = np.linspace(0, 1, NUM_FRAMES)[:, None] * vector
    x, y = np.meshgrid(np.arange(8, 128, 8.0), np.arange(8, 128, 8.0))
    start = np.stack([x.ravel(), y.ravel()], axis=-1)
    on_patch = (np.abs(start - START) <= 14).all(axis=-1)
    xy = (start + path[:, None] * on_patch[:, None]) / 128
    covered = (np.abs(start - START - path[:, None]) <= 14).all(axis=-1) & ~on_patch
    tracks = Tracks(ids=np.arange(len(start)), xy=xy, visible=~covered)
    return PatchClip(render(path, START), tracks, on_patch.astype(np.int64))


def obedient(render: Render) -> Any:
    """Moves the square as its tracks say: the mean motion of the points that move."""

    def generate(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        travel = (tracks.xy - tracks.xy[:1]) * 128
        moving = np.linalg.norm(travel[-1], axis=-1) > 0.5
        path = travel[:, moving].mean(axis=1) if moving.any() else np.zeros((len(tracks), 2))
        return render(path, START)

    return generate


def lazy(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    """Repeats the picture."""
    return np.repeat(image[None], tracks.num_frames, axis=0)


def shattering(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    """Turns the picture into noise."""
    noise = np.random.default_rng(seed).integers(0, 255, (tracks.num_frames, *image.shape), dtype=np.uint8)
    noise[0] = image
    return noise


def sweeping(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    """Moves the whole picture along with the drag."""
    travel = (tracks.xy - tracks.xy[:1]) * 128
    moving = np.linalg.norm(travel[-1], axis=-1) > 0.5
    steps = np.rint(travel[:, moving].mean(axis=1)).astype(int)
    return np.stack([np.roll(image, (dy, dx), axis=(0, 1)) for dx, dy in steps])


def still_picture(render: Render) -> np.ndarray:
    return render(np.zeros((1, 2)), START)[0]


def test_on_held_out_clips_an_obedient_model_passes_and_a_still_one_gains_nothing(patch_over_background: Any) -> None:
    clips = [patch_clip(patch_over_background, vector) for vector in ((20.0, 0.0), (0.0, 18.0))]
    good = check_clips(obedient(patch_over_background), clips)
    assert good.passed
    assert good.mean("gain_db").mean > 10
    assert good.mean("moving_epe_px").mean < 0.3
    assert good.mean("tracked").mean > 0.85
    idle = check_clips(lazy, clips)
    assert not idle.passed
    assert idle.mean("gain_db").mean == idle.pooled_gain_db == pytest.approx(0)
    assert idle.scores[0].still_moving_epe_px == pytest.approx(20 * np.arange(1, 17).mean() / 16, rel=1e-4)
    assert idle.scores[0].moving_epe_px == pytest.approx(idle.scores[0].still_moving_epe_px, abs=0.2)
    assert good.scores[0].floor_epe_px < 0.3


def test_over_all_pixels_a_clip_that_hardly_moves_counts_for_little() -> None:
    unmeasured = dict.fromkeys(
        ("ssim", "epe_px", "moving_epe_px", "still_moving_epe_px", "floor_epe_px", "tracked"), 0.0
    )
    scores = tuple(
        ClipScore(psnr_db=psnr, still_psnr_db=still, **unmeasured) for psnr, still in ((20.0, 10.0), (30.0, 50.0))
    )
    result = ClipsResult(scores=scores, demanded_gain_db=3.0)
    assert result.mean("gain_db").mean == pytest.approx(-5)
    assert result.pooled_gain_db == pytest.approx(10 * np.log10((0.1 + 1e-5) / (0.01 + 1e-3)))


def test_points_told_to_the_model_can_be_limited_and_are_drawn_by_the_seed(patch_over_background: Any) -> None:
    told: list[Tracks] = []

    def listening(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        told.append(tracks)
        assert prompt == "a square"
        return lazy(image, tracks, prompt, seed)

    clip = patch_clip(patch_over_background, (10.0, 0.0))
    for seed in (3, 3, 4):
        check_clips(listening, [clip], told_points=20, measured_points=4, seed=seed)
    assert told[0].num_points == 20
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_of_two_drags_an_obedient_model_follows_each(patch_over_background: Any) -> None:
    scene = two_drags_on_clip(patch_clip(patch_over_background, (5.0, 0.0)), "square")
    assert scene is not None
    result = check_two_drags(obedient(patch_over_background), [scene])
    assert result.passed
    assert result.ratio < 0.1
    assert result.share_passed == 1


def test_of_two_drags_a_model_that_moves_nothing_follows_neither(patch_over_background: Any) -> None:
    scene = two_drags_on_clip(patch_clip(patch_over_background, (5.0, 0.0)), "square")
    assert scene is not None
    result = check_two_drags(lazy, [scene])
    assert not result.passed
    assert result.ratio == pytest.approx(1, abs=0.05)
    assert result.tracked == pytest.approx(1)


def test_of_two_drags_spoiling_the_picture_does_not_pass_though_nothing_can_be_measured(
    patch_over_background: Any,
) -> None:
    obey = obedient(patch_over_background)

    def spoiling_late(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        frames = obey(image, tracks, prompt, seed)
        frames[5:] = shattering(image, tracks, prompt, seed)[5:]
        return frames

    scene = two_drags_on_clip(patch_clip(patch_over_background, (5.0, 0.0)), "square")
    assert scene is not None
    late = check_two_drags(spoiling_late, [scene])
    assert late.ratio < 0.2
    assert late.tracked == pytest.approx(4 / 16, abs=0.05)
    assert not late.passed
    at_once = check_two_drags(shattering, [scene])
    assert at_once.tracked < 0.1
    assert not at_once.passed
    assert at_once.share_passed == 0


def test_a_model_that_always_follows_the_same_drag_fails(patch_over_background: Any) -> None:
    scene = two_drags_on_clip(patch_clip(patch_over_background, (5.0, 0.0)), "square")
    assert scene is not None
    obey = obedient(patch_over_background)
    stubborn = lambda image, tracks, prompt, seed: obey(image, scene.drags[0].tracks, prompt, seed)  # noqa: E731
    result = check_two_drags(stubborn, [scene])
    assert not result.passed
    assert result.share_passed == 0.5


def test_two_clips_with_one_beginning_make_a_scene_of_their_own_tracks(patch_over_background: Any) -> None:
    first, second = (patch_clip(patch_over_background, vector) for vector in ((22.0, 0.0), (0.0, 20.0)))
    scene = two_drags_of_clips(first, second, "pair")
    assert scene is not None
    assert (scene.drags[0].dragged == (first.layer > 0)).all()
    assert check_two_drags(obedient(patch_over_background), [scene]).passed
    assert two_drags_of_clips(first, first, "same") is None
    other = PatchClip(first.frames[1:], first.tracks.slice(1, NUM_FRAMES), first.layer)
    with pytest.raises(InputError, match="same first frame"):
        two_drags_of_clips(first, other, "different")


def test_a_picture_too_flat_to_be_measured_is_left_out_and_does_not_pass() -> None:
    flat = np.full((NUM_FRAMES, 128, 128, 3), 90, np.uint8)
    xy = np.full((NUM_FRAMES, 1, 2), 0.5)
    clip = PatchClip(flat, Tracks(ids=[0], xy=xy, visible=np.ones((NUM_FRAMES, 1), bool)), np.array([1]))
    scene = two_drags_on_clip(clip, "flat")
    assert scene is not None
    result = check_two_drags(lazy, [scene])
    assert np.isnan(result.ratio)
    assert not result.passed
    assert "over 0 of 1 pictures" in result.section().verdict


def test_a_clip_without_objects_gives_no_scene(patch_over_background: Any) -> None:
    clip = patch_clip(patch_over_background, (5.0, 0.0))
    assert two_drags_on_clip(PatchClip(clip.frames, clip.tracks, np.zeros_like(clip.layer)), "empty") is None


def test_in_a_photograph_an_obedient_model_moves_the_thing_and_leaves_the_rest(patch_over_background: Any) -> None:
    scene = photograph(
        still_picture(patch_over_background),
        "square",
        num_frames=NUM_FRAMES,
        centre_xy=(0.5, 56 / 128),
        vector_widths=(0.2, 0.0),
        far_xy=(0.2, 0.85),
        radius=0.09,
    )
    result = check_photographs(obedient(patch_over_background), [scene])
    assert result.passed
    assert result.scores[0].demanded_px == pytest.approx(25.6, abs=0.01)
    assert result.scores[0].followed == pytest.approx(1, abs=0.03)
    assert result.scores[0].far_px < 0.2


@pytest.mark.parametrize(("model", "moved", "stayed"), [(lazy, 0, 0), (shattering, 0, 0), (sweeping, 1, 25.6)])
def test_in_a_photograph_each_failure_shows_in_its_figure(
    model: Any, moved: float, stayed: float, patch_over_background: Any
) -> None:
    scene = photograph(
        still_picture(patch_over_background),
        "square",
        num_frames=NUM_FRAMES,
        centre_xy=(0.5, 56 / 128),
        vector_widths=(0.2, 0.0),
        far_xy=(0.3, 0.85),
        radius=0.09,
    )
    result = check_photographs(model, [scene])
    assert not result.passed
    assert result.scores[0].followed == pytest.approx(moved, abs=0.15)
    assert result.scores[0].far_px == pytest.approx(stayed, abs=2)


def test_a_photograph_without_texture_where_it_is_dragged_is_refused() -> None:
    scene = photograph(
        np.full((96, 96, 3), 128, np.uint8),
        "wall",
        num_frames=5,
        centre_xy=(0.5, 0.5),
        vector_widths=(0.1, 0),
        far_xy=(0.2, 0.8),
    )
    with pytest.raises(InputError, match="wall: wanted texture in the dragged region"):
        check_photographs(lazy, [scene])


def test_a_drag_without_length_is_refused(patch_over_background: Any) -> None:
    with pytest.raises(InputError, match="ends elsewhere"):
        photograph(
            still_picture(patch_over_background),
            "square",
            num_frames=5,
            centre_xy=(0.5, 0.5),
            vector_widths=(0.0, 0.0),
            far_xy=(0.2, 0.8),
        )


def test_a_model_that_gives_too_few_frames_or_another_size_is_named() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    assert len(generated(lambda *_: np.zeros((9, 16, 16, 3), np.uint8), image, Tracks.empty(5), "", 0)) == 5
    for shape in ((4, 16, 16, 3), (5, 8, 16, 3)):
        with pytest.raises(InputError, match="wanted at least 5 frames"):
            generated(lambda *_, shape=shape: np.zeros(shape, np.uint8), image, Tracks.empty(5), "", 0)
