"""A loaded model that streams: providers driven and closed, lengths cut, pictures of every kind, failures named."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict

from motionstream.errors import CheckpointError, InputError, ProviderError
from motionstream.models.checkpoint import load_checkpoint
from motionstream.providers import StreamInfo, Window
from motionstream.streaming import engine as engine_file
from motionstream.streaming.engine import StreamEngine
from motionstream.tracks import Tracks

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


class NoSettings(BaseModel):
    model_config = ConfigDict(frozen=True)


class Walker:
    """One point that walks to the right; it notes what it is asked."""

    settings_type: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self) -> None:
        self.info: StreamInfo | None = None
        self.windows: list[Window] = []
        self.num_closed = 0

    def start(self, info: StreamInfo) -> None:
        self.info = info

    def read(self, window: Window) -> Tracks:
        self.windows.append(window)
        xy = np.stack([0.2 + 0.1 * window.frame_times, np.full(window.num_frames, 0.5)], axis=-1)[:, None]
        return Tracks(ids=np.array([0]), xy=xy, visible=np.ones((window.num_frames, 1), bool))

    def handle(self, event: Mapping[str, Any]) -> None:
        raise AssertionError(f"nobody sends events here: {event}")

    def close(self) -> None:
        self.num_closed += 1


class BreaksAtStart(Walker):
    def start(self, info: StreamInfo) -> None:
        raise OSError("no camera")


class BreaksInChunkTwo(Walker):
    def read(self, window: Window) -> Tracks:
        if window.index == 2:
            raise ZeroDivisionError("by zero")
        return super().read(window)


class IsTooShort(Walker):
    def read(self, window: Window) -> Tracks:
        return super().read(window).slice(0, 7)


class GivesNothing(Walker):
    def read(self, window: Window) -> Tracks:
        return None  # type: ignore[return-value]


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


def test_a_stream_asks_for_each_window_once_and_in_order(engine: StreamEngine) -> None:
    walker = Walker()
    chunks = list(engine.stream(walker, PICTURE, "walk", seed=3, num_frames=33))
    assert [(window.index, window.start_frame, window.num_frames) for window in walker.windows] == [
        (0, 0, 9),
        (1, 9, 12),
        (2, 21, 12),
    ]
    assert [len(chunk.frames) for chunk in chunks] == [9, 12, 12]
    assert walker.num_closed == 1


def test_the_provider_is_told_of_the_stream(engine: StreamEngine) -> None:
    walker = Walker()
    list(engine.stream(walker, PICTURE, "walk", seed=3, num_frames=1))
    info = walker.info
    assert info is not None
    assert (info.width, info.height, info.fps, info.seed, info.prompt) == (32, 32, 16.0, 3, "walk")
    assert np.array_equal(info.image, PICTURE)


@pytest.mark.parametrize(("num_frames", "lengths"), [(1, [1]), (9, [9]), (10, [9, 1]), (21, [9, 12]), (22, [9, 12, 1])])
def test_a_stream_has_exactly_the_frames_asked_for(engine: StreamEngine, num_frames: int, lengths: list[int]) -> None:
    chunks = list(engine.stream(Walker(), PICTURE, num_frames=num_frames))
    assert [len(chunk.frames) for chunk in chunks] == lengths
    assert [chunk.tracks.num_frames for chunk in chunks] == lengths


def test_cutting_the_end_does_not_change_what_is_before_it(engine: StreamEngine) -> None:
    whole = np.concatenate([chunk.frames for chunk in engine.stream(Walker(), PICTURE, num_frames=21)])
    part = np.concatenate([chunk.frames for chunk in engine.stream(Walker(), PICTURE, num_frames=13)])
    assert np.array_equal(whole[:13], part)


def test_closing_the_iterator_closes_the_provider(engine: StreamEngine) -> None:
    walker = Walker()
    chunks = engine.stream(walker, PICTURE)
    next(chunks)
    assert walker.num_closed == 0
    chunks.close()
    assert walker.num_closed == 1


def test_the_callers_gradients_and_tensors_are_left_alone(engine: StreamEngine) -> None:
    for _ in engine.stream(Walker(), PICTURE, num_frames=10):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (BreaksAtStart, "BreaksAtStart.start failed: OSError: no camera"),
        (BreaksInChunkTwo, "BreaksInChunkTwo.read failed: ZeroDivisionError: by zero"),
        (IsTooShort, "IsTooShort.read: wanted Tracks of 9 video frames, got 7 frames"),
        (GivesNothing, "GivesNothing.read: wanted Tracks of 9 video frames, got NoneType"),
    ],
)
def test_a_failing_provider_is_named_and_closed(engine: StreamEngine, provider: type[Walker], message: str) -> None:
    failing = provider()
    with pytest.raises(ProviderError, match=message):
        list(engine.stream(failing, PICTURE, num_frames=40))
    assert failing.num_closed == 1


def test_bad_input_is_refused_before_the_provider_starts(engine: StreamEngine, tmp_path: Path) -> None:
    walker = Walker()
    with pytest.raises(InputError, match=r"none\.png"):
        engine.stream(walker, tmp_path / "none.png")
    with pytest.raises(InputError, match="at least 1, got 0"):
        engine.stream(walker, PICTURE, num_frames=0)
    with pytest.raises(InputError, match="Prompt: wanted text, got NoneType"):
        engine.stream(walker, PICTURE, None)  # type: ignore[arg-type]
    assert walker.info is None


def test_a_path_a_picture_and_an_array_give_the_same_frames(engine: StreamEngine, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(PICTURE).save(path)
    kinds = [path, str(path), path.read_bytes(), Image.fromarray(PICTURE), PICTURE]
    made = [engine.open_session(kind).step(Tracks.empty(9)).frames for kind in kinds]
    assert all(np.array_equal(frames, made[0]) for frames in made[1:])


def test_a_picture_of_another_shape_is_fitted_and_it_is_said_how(engine: StreamEngine) -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    assert engine.open_session(wide).picture.description == "cropped 100x40 to 40x40, resized to 32x32"
    assert "black bars" in engine.open_session(wide, fit="pad").picture.description


def test_bfloat16_makes_nearly_the_same_video_and_repeats_itself(engine: StreamEngine, tiny_checkpoint: Path) -> None:
    half = StreamEngine.load(tiny_checkpoint, device="cpu", dtype="bfloat16")
    made = [half.open_session(PICTURE, "walk", 1).step(Tracks.empty(9)).frames for _ in range(2)]
    wanted = engine.open_session(PICTURE, "walk", 1).step(Tracks.empty(9)).frames
    assert np.array_equal(made[0], made[1])
    assert np.abs(made[0].astype(int) - wanted).mean() < 5


def test_the_number_type_follows_the_processor(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert StreamEngine.load(tiny_checkpoint, device="cpu").checkpoint.dtype == torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert StreamEngine.load(tiny_checkpoint, device="cpu").checkpoint.dtype == torch.bfloat16


def test_running_without_a_gpu_is_said(tiny_checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    StreamEngine.load(tiny_checkpoint)
    assert "runs on the CPU" in caplog.text


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused(tiny_checkpoint: Path, device: str) -> None:
    with pytest.raises(InputError, match="Device: wanted"):
        StreamEngine.load(tiny_checkpoint, device=device)


def test_a_number_type_that_is_not_known_is_refused(tiny_checkpoint: Path) -> None:
    with pytest.raises(InputError, match="Number type: wanted auto, bfloat16 or float32, got 'int8'"):
        StreamEngine.load(tiny_checkpoint, device="cpu", dtype="int8")


def test_the_embedded_checkpoint_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_file, "__file__", str(tmp_path / "motionstream" / "streaming" / "engine.py"))
    with pytest.raises(CheckpointError, match=r"embedded checkpoint was not found at .*checkpoints"):
        StreamEngine.load(device="cpu")


def test_a_model_without_a_track_head_streams_by_latent_copy_or_says_that_tracks_are_lost(
    tiny_checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    from motionstream.models.wan import WanTransformer

    loaded = load_checkpoint(tiny_checkpoint)
    for extra, steered in ((8, True), (0, False)):
        shape = replace(loaded.transformer.config, prediction="velocity", gated_condition=False)
        config = replace(shape, condition_channels=extra, track_channels=0)
        torch.manual_seed(1)
        bare = replace(loaded, transformer=WanTransformer(config).eval(), track_head=None)
        engine = StreamEngine(bare)
        still = engine.open_session(PICTURE).step(Tracks.empty(9)).frames
        moved = next(engine.stream(Walker(), PICTURE)).frames
        assert np.array_equal(still, moved) != steered
        assert ("tracks change nothing" in caplog.text) != steered


def test_input_channels_that_nothing_makes_are_named(tiny_checkpoint: Path) -> None:
    from dataclasses import replace

    from motionstream.models.wan import WanTransformer

    loaded = load_checkpoint(tiny_checkpoint)
    config = replace(loaded.transformer.config, condition_channels=3, track_channels=0, gated_condition=False)
    with pytest.raises(CheckpointError, match="wanted 0 or 8 input channels behind the latents, got 3"):
        StreamEngine(replace(loaded, transformer=WanTransformer(config), track_head=None))


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's compiler uses what torch deprecates
def test_a_compiled_model_makes_the_same_video_with_graphs_of_its_first_chunk(
    engine: StreamEngine, tiny_checkpoint: Path
) -> None:
    from torch._dynamo.utils import counters

    compiled = StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32", compile=True)
    chunks = compiled.stream(Walker(), PICTURE, num_frames=57)
    made = [next(chunks).frames]
    num_graphs = counters["stats"]["unique_graphs"]
    made += [chunk.frames for chunk in chunks]
    assert num_graphs > 0
    assert counters["stats"]["unique_graphs"] == num_graphs
    wanted = [chunk.frames for chunk in engine.stream(Walker(), PICTURE, num_frames=57)]
    assert np.abs(np.concatenate(made).astype(int) - np.concatenate(wanted)).max() <= 1


def test_compiling_without_a_compiler_is_refused(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match=r"wanted g\+\+ or clang\+\+, found none"):
        StreamEngine.load(tiny_checkpoint, device="cpu", compile=True)
