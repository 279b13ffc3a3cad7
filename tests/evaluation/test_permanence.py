"""The permanence check, on models that keep the hidden thing, drop it, or draw it in front."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.checks.permanence import BehindScene, check_permanence, mean_lab
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.tracks import Tracks

NUM_FRAMES = 17
SCREEN = slice(11, 21)
THING, SCREEN_COLOUR, BACKGROUND = (200, 40, 60), (60, 110, 60), (120, 130, 170)


def place(index: int) -> slice:
    left = round(2 + 22 * index / (NUM_FRAMES - 1))
    return slice(left, left + 6)


def picture(index: int, *, thing: bool = True, in_front: bool = False, colour: Any = THING) -> np.ndarray:
    frame = np.full((32, 32, 3), BACKGROUND, np.uint8)
    order = ["screen", "thing"] if in_front else ["thing", "screen"]
    for what in order:
        if what == "screen":
            frame[6:26, SCREEN] = SCREEN_COLOUR
        elif thing:
            frame[12:18, place(index)] = colour
    return frame


def scene() -> BehindScene:
    first, last = picture(0), picture(NUM_FRAMES - 1)
    hidden = np.zeros((32, 32), bool)
    hidden[12:18, place(8)] = True
    return BehindScene(
        name="square",
        image=first,
        tracks=Tracks.empty(NUM_FRAMES),
        prompt="a square",
        last=last,
        region=(last == THING).all(axis=-1),
        screen=(first == SCREEN_COLOUR).all(axis=-1),
        hidden_frame=8,
        hidden_region=hidden,
    )


def model(**how: Any) -> Any:
    return lambda image, tracks, prompt, seed: np.stack([picture(i, **how) for i in range(NUM_FRAMES)])


def test_a_thing_that_is_hidden_and_returns_passes_even_a_little_off_in_colour() -> None:
    result = check_permanence(model(), [scene()])
    assert result.passed
    assert result.scores[0].distance == pytest.approx(0, abs=1e-4)
    assert check_permanence(model(colour=(180, 60, 70)), [scene()]).passed


def test_a_thing_that_is_dropped_behind_the_screen_does_not_return() -> None:
    def dropping(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        return np.stack([picture(i, thing=i < 8) for i in range(NUM_FRAMES)])

    result = check_permanence(dropping, [scene()])
    assert result.returned.mean == 0
    assert result.hidden.mean == 1
    assert not result.passed


def test_a_screen_smeared_out_over_the_thing_is_no_return() -> None:
    result = check_permanence(model(colour=SCREEN_COLOUR), [scene()])
    assert result.returned.mean == 0


def test_a_thing_drawn_before_the_screen_returns_but_was_not_hidden() -> None:
    result = check_permanence(model(in_front=True), [scene()])
    assert result.returned.mean == 1
    assert result.hidden.mean == 0
    assert not result.passed
    assert "is hidden before that in 0%" in result.section().verdict


def test_half_the_way_to_the_background_is_where_a_return_ends() -> None:
    thing, background = (np.array(colour, float) for colour in (THING, BACKGROUND))
    nearly, hardly = (tuple(np.rint(thing + part * (background - thing)).astype(int)) for part in (0.3, 0.75))
    assert check_permanence(model(colour=nearly), [scene()]).returned.mean == 1
    assert check_permanence(model(colour=hardly), [scene()]).returned.mean == 0


def test_colours_are_cie_lab() -> None:
    np.testing.assert_allclose(mean_lab(np.full((4, 3), 255, np.uint8)), (100, 0, 0), atol=0.1)
    np.testing.assert_allclose(mean_lab(np.array([[255, 0, 0]], np.uint8)), (53.2, 80.1, 67.2), atol=0.2)


def test_a_scene_in_which_nothing_comes_out_is_refused() -> None:
    whole = scene()
    with pytest.raises(InputError, match="empty region"):
        BehindScene(**{**whole.__dict__, "region": np.zeros_like(whole.region)})


def test_a_tiny_untrained_network_is_measured(tiny_checkpoint: Path) -> None:
    generate: Any = StreamGenerator(StreamEngine.load(tiny_checkpoint, device="cpu"))
    result = check_permanence(generate, [scene()])
    assert np.isfinite(result.scores[0].distance)
    assert not result.passed
