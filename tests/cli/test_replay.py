"""`motionstream replay` from a log to the frames that were shown live, and what it says where they must differ."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from motionstream.cli import main
from motionstream.providers import Window
from motionstream.streaming.control_log import ControlLog, End, EventControl, LogHeader
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.replay import apply_chunk, begin_provider
from motionstream.streaming.video_file import VideoWriter, read_video

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def live(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with control.jsonl and video.mp4 of three chunks with a drag."""
    folder = tmp_path_factory.mktemp("live")
    engine = StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")
    session = engine.open_session(PICTURE, "a thing moves", 5)
    header = LogHeader.of(engine.checkpoint, session, provider="drag", settings={"radius": 0.2})
    provider = begin_provider(header)
    with ControlLog.create(folder / "control.jsonl", header) as log, VideoWriter(folder / "video.mp4", fps=16) as video:
        for chunk in range(3):
            window = Window.of_chunk(session.config, chunk)
            kind = ("press", "move", "release")[chunk]
            event = {"type": kind, "x": 0.4 + 0.1 * chunk, "y": 0.5, "time_seconds": window.start_seconds}
            made = apply_chunk(
                session, provider, [EventControl(chunk=chunk, seq=chunk, client_ms=0, event=event)], window
            )
            log.extend(made.controls)
            video.write(made.chunk.frames)
        log.append(End(chunk=3))
    return folder


def replayed(live: Path, checkpoint: Path, out: Path, *flags: str) -> list[str]:
    paths = [str(live / "control.jsonl"), "--out", str(out), "--checkpoint", str(checkpoint)]
    return ["replay", *paths, "--scale", "1", "--device", "cpu", "--dtype", "float32", *flags]


def test_the_video_is_the_one_that_was_shown(
    live: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new folder" / "out.mp4"
    assert main(replayed(live, tiny_checkpoint, out)) == 0
    assert np.array_equal(read_video(out), read_video(live / "video.mp4"))
    output = capsys.readouterr()
    assert "33 video frames" in output.out
    assert "note: the log" not in output.err


def test_a_shorter_video_with_tracks_drawn_on_it(live: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert main(replayed(live, tiny_checkpoint, tmp_path / "plain.mp4", "--num-chunks", "2")) == 0
    assert main(replayed(live, tiny_checkpoint, tmp_path / "drawn.mp4", "--num-chunks", "2", "--overlay")) == 0
    plain, drawn = read_video(tmp_path / "plain.mp4"), read_video(tmp_path / "drawn.mp4")
    assert len(plain) == len(drawn) == 21
    assert not np.array_equal(plain, drawn)


def test_another_checkpoint_is_said(
    live: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "trained further"
    shutil.copytree(tiny_checkpoint, other)
    weights = other / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensor * 1.01 for name, tensor in tensors.items()}, weights)
    assert main(replayed(live, other, tmp_path / "out.mp4", "--num-chunks", "1")) == 0
    (note,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: the log")]
    assert "made with the checkpoint tiny" in note
    assert "not trained further" in note


def test_another_number_type_is_said(
    live: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--num-chunks", "1", "--dtype", "bfloat16")
    assert main(replayed(live, tiny_checkpoint, tmp_path / "out.mp4", *flags)) == 0
    assert "made on cpu in float32, this is cpu in bfloat16" in capsys.readouterr().err


def test_bad_input_is_refused_before_the_weights_are_loaded(
    live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "no checkpoint"
    (tmp_path / "control.jsonl").write_text("{}\n")
    assert main(replayed(tmp_path, nowhere, tmp_path / "out.mp4")) == 2
    assert main(replayed(live, nowhere, tmp_path / "out.mp4", "--num-chunks", "0")) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "line 1" in errors[0]
    assert "wanted at least 1 chunk, got 0" in errors[1]


def test_a_log_of_another_size_names_its_checkpoint(
    live: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (live / "control.jsonl").read_text(encoding="utf-8").replace('"width":32', '"width":64')
    (tmp_path / "control.jsonl").write_text(text, encoding="utf-8")
    assert main(replayed(tmp_path, tiny_checkpoint, tmp_path / "out.mp4")) == 2
    assert "Give the checkpoint that the log was made with: tiny" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()
