from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionstream.errors import InputError, OutputError
from motionstream.training.curves import append_row, cut_after, draw_curves, read_curve, smoothed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A curve of the steps 10, 20, ..., 100."""
    for step in range(10, 101, 10):
        append_row(tmp_path / "curve.csv", {"step": step, "rate": 0.1, "seconds_per_step": 1.5, "loss": 1 / step})
    return tmp_path / "curve.csv"


def test_rows_come_back_as_columns(path: Path) -> None:
    curve = read_curve(path)
    assert list(curve) == ["step", "rate", "seconds_per_step", "loss"]
    assert curve["step"].tolist() == list(range(10, 101, 10))
    assert curve["loss"] == pytest.approx(1 / curve["step"], rel=1e-5)


@pytest.mark.parametrize("step", [0, 45, 50, 100])
def test_rows_after_a_resumed_step_are_dropped(path: Path, step: int) -> None:
    cut_after(path, step)
    append_row(path, {"step": 1000, "rate": 0, "seconds_per_step": 0, "loss": 0})
    assert read_curve(path)["step"].tolist() == [*(s for s in range(10, 101, 10) if s <= step), 1000]


def test_a_row_that_a_kill_cut_in_the_middle_is_dropped(path: Path) -> None:
    with path.open("a") as file:
        file.write("110,0.1")
    cut_after(path, 200)
    assert read_curve(path)["step"].tolist() == list(range(10, 101, 10))


def test_a_run_without_a_curve_has_nothing_to_drop(tmp_path: Path) -> None:
    cut_after(tmp_path / "curve.csv", 5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [None, "", "step,loss\n", "loss\n1\n", "step,loss\n1,high\n"])
def test_a_file_that_is_no_curve_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "curve.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"curve\.csv: wanted a training curve"):
        read_curve(path)


def test_a_number_that_is_new_gets_a_column_and_one_that_is_missing_leaves_it_empty(path: Path) -> None:
    append_row(path, {"step": 110, "memory": 2.5, "loss": 0.5})
    curve = read_curve(path)
    assert list(curve) == ["step", "rate", "seconds_per_step", "loss", "memory"]
    assert curve["memory"][-1] == 2.5
    assert np.isnan(curve["memory"][:-1]).all()
    assert np.isnan(curve["rate"][-1])
    assert curve["loss"][-2:] == pytest.approx([0.01, 0.5])
    cut_after(path, 110)
    assert len(read_curve(path)["step"]) == 11


def test_smoothing_keeps_the_length_a_constant_and_the_mean_of_a_line() -> None:
    assert smoothed(np.full(9, 3.0), 4) == pytest.approx(np.full(9, 3.0))
    line = np.arange(9.0)
    assert smoothed(line, 3)[1:-1] == pytest.approx(line[1:-1])
    assert len(smoothed(np.arange(2.0), 5)) == 2


def test_curves_are_drawn_one_row_a_run_and_one_panel_a_quantity(path: Path, tmp_path: Path) -> None:
    curve = read_curve(path)
    one = draw_curves({"student": curve}, tmp_path / "one.png")
    two = draw_curves({"student": curve, "rollout": {**curve, "chunk_0": curve["loss"]}}, tmp_path / "two.png")
    with Image.open(one) as small, Image.open(two) as large:
        assert large.height == pytest.approx(2 * small.height, abs=2)
        assert large.width == pytest.approx(1.5 * small.width, abs=2)
        assert len(set(small.convert("L").tobytes())) > 20


def test_no_curve_and_no_place_for_the_picture_are_said(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one training curve"):
        draw_curves({}, tmp_path / "x.png")
    with pytest.raises(OutputError, match="nowhere"):
        draw_curves({"student": read_curve(path)}, tmp_path / "nowhere" / "x.png")
