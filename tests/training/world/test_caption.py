import numpy as np
import pytest

from motionstream.training.world import Clip, make_clip
from motionstream.training.world.caption import MAX_BYTES
from motionstream.training.world.colour import colour_names, dominant_name

_COLOURS = {"red", "brown", "pink", "orange", "beige", "yellow", "olive", "green", "teal", "blue", "purple"}
_COLOURS |= {"black", "grey", "white"}


def test_captions_are_short_plain_ascii_for_many_seeds() -> None:
    for seed in range(120):
        caption = make_clip(seed, 3, 32, 32).caption
        assert caption.isascii()
        assert 0 < len(caption.encode()) <= MAX_BYTES


def test_captions_say_whether_the_camera_moves() -> None:
    for seed in range(40):
        clip = make_clip(seed, 9, 32, 32)
        assert ("still camera" in clip.caption) == (not clip.camera_moves)


def _sole_mover(clip: Clip) -> int | None:
    moving = [n for n, layer in enumerate(clip.scene.layers) if not layer.still]
    return moving[0] if len(moving) == 1 and moving[0] > 0 else None


def test_the_direction_in_the_caption_is_where_the_thing_goes() -> None:
    checked = 0
    for seed in range(80):
        clip = make_clip(seed, 33, 32, 32, calm=True)
        mover = _sole_mover(clip)
        if mover is None or not (clip.layer == mover).any():
            continue
        net = (clip.tracks.xy[-1] - clip.tracks.xy[0])[clip.layer == mover].mean(axis=0)
        words = clip.caption.split(";")[0].split(" over ")[0].split(", still")[0].split()
        for word, axis, sign in (("right", 0, 1), ("left", 0, -1), ("down", 1, 1), ("up", 1, -1)):
            if word in words and np.abs(net).max() > 0.08:
                assert net[axis] * sign > 0, clip.caption
                checked += 1
    assert checked > 15


def test_colour_words_of_things_are_true_of_their_pixels() -> None:
    checked = 0
    for seed in range(80):
        clip = make_clip(seed, 1, 64, 64)
        for number, layer in enumerate(clip.scene.layers[1:], start=1):
            pixels = clip.frames[0][clip.layer_map[0] == number]
            colour = layer.words.split()[0]
            if colour in _COLOURS and len(pixels) > 80 and layer.shadow is None:
                names = colour_names(pixels.astype(np.float32))
                checked += 1
                assert (names == colour).mean() > 0.35, (seed, layer.words)
    assert checked > 20


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((220, 20, 30), "red"),
        ((40, 180, 60), "green"),
        ((30, 60, 210), "blue"),
        ((240, 220, 40), "yellow"),
        ((120, 120, 122), "grey"),
        ((245, 245, 240), "white"),
        ((8, 10, 9), "black"),
        ((110, 70, 40), "brown"),
        ((250, 140, 20), "orange"),
    ],
)
def test_plain_colours_have_plain_names(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_names(np.array([rgb], np.float32)).tolist() == [name]


def test_an_image_of_many_colours_has_no_single_name() -> None:
    rng = np.random.default_rng(0)
    assert dominant_name(rng.uniform(0, 255, (40, 40, 3)).astype(np.float32)) is None
    assert dominant_name(np.full((40, 40, 3), (20, 30, 200), np.float32)) == "blue"


def test_the_picture_moves_against_the_pan_in_the_caption() -> None:
    checked = 0
    for seed in range(40):
        clip = make_clip(seed, 33, 32, 32, calm=False)
        far = clip.tracks.xy[:, clip.layer == 0].mean(axis=1)
        for word, axis, sign in (("right", 0, -1), ("left", 0, 1), ("down", 1, -1), ("up", 1, 1)):
            if f"camera pans {word}" in clip.caption and np.abs(far[-1] - far[0]).max() > 0.08:
                assert (far[-1] - far[0])[axis] * sign > 0, clip.caption
                checked += 1
    assert checked > 5
