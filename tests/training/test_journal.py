import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motionstream.training.curves import read_curve
from motionstream.training.event_files import EventFiles
from motionstream.training.journal import Journal, Meter, peak_memory_gib

CPU = torch.device("cpu")


def test_means_are_over_the_steps_since_they_were_taken() -> None:
    meter = Meter()
    meter.add({"loss": torch.tensor(1.0), "root": 2.0})
    meter.add({"loss": torch.tensor(2.0), "root": 4.0})
    assert meter.take() == {"loss": 1.5, "root": 3.0}
    meter.add({"loss": torch.tensor(7.0)})
    assert meter.take() == {"loss": 7.0}


def test_numbers_with_a_history_are_let_go_of() -> None:
    meter, weight = Meter(), torch.ones((), requires_grad=True)
    meter.add({"loss": weight * 2})
    assert meter.rows() == [{"loss": 2.0}]


def test_a_number_that_only_some_steps_have_is_a_mean_over_those() -> None:
    meter = Meter()
    for step in range(4):
        meter.add({"loss": 1.0, "critic_loss": float(step)} if step % 2 else {"loss": 3.0})
    assert meter.take() == {"loss": 2.0, "critic_loss": 2.0}


def test_a_row_holds_rates_time_memory_and_means(tmp_path: Path) -> None:
    lines: list[str] = []
    journal = Journal(tmp_path, 10, 40, lines.append)
    journal.write(20, CPU, {"rate": 0.5}, {"loss": 0.25})
    journal.close()
    curve = read_curve(tmp_path / "curve.csv")
    assert list(curve) == ["step", "rate", "seconds_per_step", "peak_memory_gib", "loss"]
    assert curve["peak_memory_gib"][0] == pytest.approx(peak_memory_gib(CPU), rel=0.2)
    assert lines[0].startswith("step 20/40  loss 0.2500")
    assert lines[0].endswith("0 min left")


def test_the_peak_grows_with_what_the_process_holds() -> None:
    before = peak_memory_gib(CPU)
    held = np.ones(int(before * 2**30), np.uint8)  # beside all that the process holds now
    assert before + 0.05 < peak_memory_gib(CPU) < 2.1 * before
    assert held.all()


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return read


def test_tensorboard_reads_the_rows_the_pictures_and_the_videos(tmp_path: Path) -> None:
    files = EventFiles(tmp_path, 0, print)
    for step in (1, 2):
        files.scalars(step, {"loss": 1 / step, "rate": 0.1})
    rng = np.random.default_rng(0)
    files.picture(2, "samples", rng.integers(0, 255, (8, 12, 3), np.uint8))
    files.video(2, "clip", rng.integers(0, 255, (5, 8, 12, 3), np.uint8), fps=16)
    files.close()
    read = events(tmp_path)
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
    picture, clip = read.Images("samples")[0], read.Images("clip")[0]
    assert (picture.step, picture.width, picture.height) == (2, 12, 8)
    assert (clip.step, clip.width, clip.height) == (2, 12, 8)
    assert clip.encoded_image_string[:6] == b"GIF89a"


def test_rows_that_a_resumed_run_makes_again_are_shown_once(tmp_path: Path) -> None:
    for start, steps in ((0, (1, 2, 3, 4)), (2, (3, 4, 5))):
        files = EventFiles(tmp_path, start, print)
        for step in steps:
            files.scalars(step, {"loss": start + step / 8})
        files.close()
    assert [(e.step, e.value) for e in events(tmp_path).Scalars("loss")] == [
        (1, 0.125), (2, 0.25), (3, 2.375), (4, 2.5), (5, 2.625)
    ]  # fmt: skip


def test_without_tensorboard_there_are_no_event_files_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed
    lines: list[str] = []
    files = EventFiles(tmp_path, 0, lines.append)
    files.scalars(1, {"loss": 0.5})
    files.picture(1, "samples", np.zeros((8, 8, 3), np.uint8))
    files.video(1, "clip", np.zeros((2, 8, 8, 3), np.uint8), 16)
    files.close()
    assert len(lines) == 1
    assert "pip install tensorboard" in lines[0]
    assert not list(tmp_path.iterdir())
