"""CoTracker3: our windows are those of its own online demo; with its package there, run beside it, random weights."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from motionstream_webcam.cotracker3 import CoTracker3Online
from motionstream_webcam.online_windows import OnlineWindows
from motionstream_webcam.tracker import TrackerOptions, load_tracker

from motionstream.errors import CheckpointError, InputError
from tests.plugins.webcam_clips import shifted

HAS_COTRACKER = importlib.util.find_spec("cotracker") is not None

DEMO_CALLS = [
    (True, range(8)),
    (False, range(16)),
    (False, range(8, 24)),
    (False, range(16, 32)),
    (False, range(24, 40)),
]
"""Frames that `online_demo.py` of cotracker 3.0 gives its model at step 8, and whether as the first call; recorded."""


def test_the_windows_are_those_of_the_online_demo() -> None:
    windows, calls = OnlineWindows(8), []
    for number in range(40):
        window = windows.add(np.full((1, 1, 3), number, np.uint8))
        if window is not None:
            calls.append((window.first, [int(frame[0, 0, 0]) for frame in window.frames]))
    assert calls == [(first, list(frames)) for first, frames in DEMO_CALLS]


def test_every_picture_is_answered_for_once() -> None:
    windows, answered = OnlineWindows(8), 0
    for number in range(64):
        window = windows.add(np.zeros((1, 1, 3), np.uint8))
        answered += 0 if window is None else window.num_new
        assert answered == (0 if number < 15 else (number + 1) // 8 * 8)


@pytest.mark.skipif(HAS_COTRACKER, reason="it is installed")
def test_without_the_package_it_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"pip install git\+https://github.com/facebookresearch/co-tracker"):
        load_tracker("cotracker3", TrackerOptions())


def demo(model: Any, frames: np.ndarray, queries: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a loop like that of the online demo gets for points of frame 0: all answers, call by call."""
    import torch

    points = torch.from_numpy(np.concatenate([np.zeros((len(queries), 1)), queries - 0.5], axis=1)).float()[None]
    answers = []
    for first, numbers in DEMO_CALLS:
        video = torch.from_numpy(frames[numbers.start : numbers.stop]).permute(0, 3, 1, 2)[None].float()
        xy, seen = model(video, is_first_step=first, queries=points if first else None, add_support_grid=True)
        if not first:
            answers.append((xy[0].numpy() + 0.5, seen[0].numpy()))
    return answers


@pytest.mark.skipif(not HAS_COTRACKER, reason="needs the package cotracker; put its repository on PYTHONPATH")
def test_it_answers_as_the_models_own_demo_does_and_its_memory_does_not_grow() -> None:
    import torch
    from cotracker.predictor import CoTrackerOnlinePredictor

    torch.manual_seed(0)
    model = CoTrackerOnlinePredictor(checkpoint=None, window_len=16)
    model.interp_shape, model.support_grid_size = (96, 128), 2  # small, so that it is quick
    frames = np.stack([shifted(index, width=128, height=96) for index in range(40)])
    points = np.random.default_rng(0).uniform(10, 80, (5, 2)).astype(np.float32)
    wanted = demo(model, frames, points)
    tracker = CoTracker3Online(TrackerOptions(device="cpu"), predictor=model)
    tracker.start(frames[0], points)
    got = [tracker.track(frame) for frame in frames[1:]]
    assert {n: len(sightings) for n, sightings in enumerate(got, start=1) if sightings} == {15: 15, 23: 8, 31: 8, 39: 8}
    answers = [np.stack([seen.xy for seen in sightings]) for sightings in got if sightings]
    for (xy, _), answer in zip(wanted, answers, strict=True):
        np.testing.assert_allclose(answer, xy[-len(answer) :], atol=1e-3)
    assert model.model.online_coords_predicted.shape[1] == 16


@pytest.mark.skipif(not HAS_COTRACKER, reason="needs the package cotracker; put its repository on PYTHONPATH")
def test_weights_that_cannot_be_read_are_named(tmp_path: Any) -> None:
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"bad\.pth"):
        load_tracker("cotracker3", TrackerOptions(weights=tmp_path / "bad.pth", device="cpu"))
