"""The colour check, on models that read, that do not, and on a tiny real one."""

import colorsys
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.checks.colours import (
    CHANCE,
    NO_COLOUR,
    ColourScene,
    check_colours,
    colour_votes,
)
from motionstream.hues import HUES
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.tracks import Tracks

NUM_FRAMES = 9


def painted(colour: str, saturation: float = 0.9) -> np.ndarray:
    low, high = HUES[colour]
    return np.rint(255 * np.array(colorsys.hsv_to_rgb((low + high) / 720 % 1, saturation, 0.8))).astype(np.uint8)


def colour_scene(colour: str, kind: str = "uncovered", prompt: str | None = None) -> ColourScene:
    image = np.full((32, 32, 3), 120, np.uint8)
    region = np.zeros((32, 32), bool)
    region[8:20, 8:20] = True
    article = "an" if colour == "orange" else "a"
    return ColourScene(
        name=f"{kind} {colour}",
        kind=kind,
        image=image,
        tracks=Tracks.empty(NUM_FRAMES),
        prompt=prompt or f"a grey box moves left, {article} {colour} bird appears",
        colour=colour,
        last=np.where(region[..., None], painted(colour), image),
        region=region,
    )


def reading(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    """Paints the colour that the prompt gives to the bird, a little pale and over more than the bird."""
    colour = re.search(r"an? (\w+) bird", prompt).group(1)  # type: ignore[union-attr]
    frames = np.repeat(image[None], tracks.num_frames, axis=0)
    frames[-1, 6:22, 6:18] = painted(colour, saturation=0.5)
    return frames


def always_red(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    return reading(image, tracks, "a red bird", seed)


def lazy(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    return np.repeat(image[None], tracks.num_frames, axis=0)


def test_a_model_that_reads_finds_all_colours_asked_for() -> None:
    result = check_colours(reading, [colour_scene(colour) for colour in HUES])
    assert result.passed
    assert result.share_found().mean == result.ceiling.mean == 1
    assert all(len(set(score.asked)) == 4 for score in result.scores)


def test_a_model_that_does_not_read_is_at_chance_over_all_colours() -> None:
    result = check_colours(always_red, [colour_scene("green")], num_asked=len(HUES))
    assert result.share_found().mean == pytest.approx(CHANCE)
    assert not result.passed
    assert result.ceiling.mean == 1


def test_a_grey_picture_shows_no_colour_and_finds_none() -> None:
    result = check_colours(lazy, [colour_scene("blue")])
    assert result.scores[0].seen == (NO_COLOUR,) * 4
    assert result.share_found().mean == 0
    assert not result.passed


def test_kinds_are_reported_apart() -> None:
    scenes = [colour_scene("blue"), colour_scene("green", "entering")]
    tells_by_place = lambda image, tracks, prompt, seed: (reading if seed == 0 else lazy)(image, tracks, prompt, seed)  # noqa: E731
    section = check_colours(tells_by_place, scenes).section()
    assert section.summary["share_found_uncovered"].mean == 1
    assert section.summary["share_found_entering"].mean == 0
    assert section.verdict.startswith("uncovered: 100%")
    assert section.verdict.endswith("entering 0%")


def test_the_demand_is_made_of_what_is_uncovered_because_the_tracks_tell_its_place() -> None:
    scenes = [colour_scene("blue"), colour_scene("green", "entering")]
    entering_only = lambda image, tracks, prompt, seed: (reading if seed == 1 else lazy)(image, tracks, prompt, seed)  # noqa: E731
    assert not check_colours(entering_only, scenes).passed
    uncovered_only = lambda image, tracks, prompt, seed: (reading if seed == 0 else lazy)(image, tracks, prompt, seed)  # noqa: E731
    assert check_colours(uncovered_only, scenes).passed


@pytest.mark.parametrize("colour", HUES)
def test_every_hue_of_a_word_counts_as_the_word(colour: str) -> None:
    low, high = HUES[colour]
    for hue in np.linspace(low + 0.5, high - 0.5, 5):
        rgb = np.rint(255 * np.array(colorsys.hsv_to_rgb(hue / 360 % 1, 0.8, 0.7))).astype(np.uint8)
        assert colour_votes(np.tile(rgb, (50, 1)))[colour] == 1


def test_red_and_green_mixed_are_not_yellow_and_grey_counts_for_nothing() -> None:
    grey = np.full((60, 3), 130, np.uint8)
    pixels = np.concatenate([np.tile(painted("red"), (30, 1)), np.tile(painted("green"), (20, 1)), grey])
    votes = colour_votes(pixels)
    assert votes["red"] == pytest.approx(0.6, abs=0.01)
    assert votes["yellow"] == 0
    assert colour_votes(np.concatenate([pixels[:1], grey])) == {}


def test_the_word_is_replaced_with_its_article_and_other_things_keep_their_colours() -> None:
    scene = colour_scene("orange", prompt="a redstart and a blue box, an orange bird appears")
    assert scene.prompt_for("red") == "a redstart and a blue box, a red bird appears"
    asked = scene.asked(len(HUES), np.random.default_rng(0))
    assert asked[0] == "orange"
    assert set(asked) == set(HUES) - {"blue"}
    assert colour_scene("red").prompt_for("orange").endswith("an orange bird appears")


def test_a_prompt_that_does_not_name_the_colour_once_is_refused() -> None:
    for prompt in ("a bird appears", "a red bird over a red ground"):
        with pytest.raises(InputError, match="once in the prompt"):
            colour_scene("red", prompt=prompt)


def test_a_tiny_untrained_network_is_judged_and_fails(tiny_checkpoint: Path) -> None:
    generate: Any = StreamGenerator(StreamEngine.load(tiny_checkpoint, device="cpu"))
    result = check_colours(generate, [colour_scene("red"), colour_scene("blue")])
    assert not result.passed
    assert all(len(score.seen) == 4 for score in result.scores)
