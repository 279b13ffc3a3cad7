import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.training.world import Clip, caption_of, make_clip
from motionstream.training.world.caption import MAX_BYTES
from motionstream.training.world.colour import colour_names
from motionstream.training.world.newcomer import COLOURS
from motionstream.training.world.render import render_frames

_AS_EVER = (
    (0, "a patchy blob moves down and left over a spotted background, camera shakes a little", 47.00),
    (1, "a patchy bird flies up and left over a grey cloudy background, camera pans left", 122.35),
    (2, "a piece of the picture slides up and right over a mixed background, still camera", 163.40),
    (5, "a grey spotted box stays in place over a green patchy background, camera pans left", 122.27),
)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [make_clip(seed, 17, 96, 96, newcomer=True) for seed in range(60)]


@pytest.mark.parametrize(("seed", "caption", "brightness"), _AS_EVER)
def test_a_clip_without_a_newcomer_is_what_its_seed_has_always_given(
    seed: int, caption: str, brightness: float
) -> None:
    clip = make_clip(seed, 9, 64, 64)
    assert clip.caption == caption
    assert clip.frames.mean() == pytest.approx(brightness, abs=0.05)
    assert clip.newcomer is None
    assert clip.newcomer_colour is None


def test_frame_0_shows_nothing_of_the_newcomer(clips: list[Clip]) -> None:
    for clip in clips:
        others = tuple(layer.at(0) for n, layer in enumerate(clip.scene.layers) if n != clip.newcomer)
        assert np.array_equal(clip.frames[0], render_frames(others, 1, 96, 96)[0]), clip.caption
        assert not (clip.layer == clip.newcomer).any()


def test_the_last_frame_shows_the_newcomer_large_and_in_the_colour_it_is_called(clips: list[Clip]) -> None:
    large, true = [], []
    for clip in clips:
        pixels = clip.frames[-1][clip.layer_map[-1] == clip.newcomer]
        large.append(len(pixels) >= 0.02 * 96 * 96)
        names, counts = np.unique(colour_names(pixels.astype(np.float32)), return_counts=True)
        true.append(names[np.argmax(counts)] == clip.newcomer_colour)
    assert np.mean(large) > 0.97
    assert np.mean(true) > 0.95


def test_the_caption_names_the_newcomers_colour_and_noun_and_fits(clips: list[Clip]) -> None:
    for clip in clips:
        assert clip.newcomer is not None
        noun = clip.scene.layers[clip.newcomer].words.split()[-1]
        assert f"{clip.newcomer_colour} {noun}" in clip.caption
        assert len(clip.caption.encode()) <= MAX_BYTES


def test_a_newcomer_comes_in_from_the_side_the_caption_names(clips: list[Clip]) -> None:
    came = 0
    for clip in clips:
        newcomer = clip.scene.newcomer
        assert newcomer is not None
        if newcomer.side:
            path = clip.scene.layers[newcomer.layer].path
            assert path is not None
            outside = {"left": -path[0, 0], "right": path[0, 0] - 96, "top": -path[0, 1], "bottom": path[0, 1] - 96}
            assert f"from the {newcomer.side}" in clip.caption
            assert outside[newcomer.side] > 0
            came += 1
    assert 10 < came < 35


def test_all_colours_and_mostly_calm_scenes_are_drawn(clips: list[Clip]) -> None:
    assert {clip.newcomer_colour for clip in clips} == set(COLOURS)
    assert 0.65 < np.mean([not clip.camera_moves for clip in clips]) < 0.95


def test_a_caption_alone_is_that_of_the_clip(clips: list[Clip]) -> None:
    for seed in range(5):
        assert caption_of(seed, 17, 96, 96, newcomer=True) == clips[seed].caption
    assert caption_of(3, 9, 64, 64) == make_clip(3, 9, 64, 64).caption


def test_the_same_seed_brings_the_same_newcomer(clips: list[Clip]) -> None:
    again = make_clip(7, 17, 96, 96, newcomer=True)
    assert again.frames.tobytes() == clips[7].frames.tobytes()


def test_a_clip_too_short_for_a_newcomer_is_refused() -> None:
    with pytest.raises(InputError, match="at least 9 frames"):
        make_clip(0, 8, 64, 64, newcomer=True)
