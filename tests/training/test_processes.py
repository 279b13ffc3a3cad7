"""Runs as processes of their own: killed in the middle, or several together under torchrun."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from motionstream.errors import InputError
from motionstream.training import distributed

PROGRAM = str(Path(__file__).with_name("networks_run.py"))
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def train(folder: Path, steps: int, processes: int = 1) -> None:
    launcher = TORCHRUN if processes == 2 else []
    command = [sys.executable, *launcher, PROGRAM, str(folder), str(steps)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def kill_in(folder: Path, steps: int, stop_in: int) -> None:
    """Kills a run in the middle of a step."""
    command = [sys.executable, PROGRAM, str(folder), str(steps), "--stop-in", str(stop_in)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line == "stopped\n" for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def curve(folder: Path, left_out: tuple[str, ...] = ()) -> list[dict[str, str]]:
    measured = ("seconds_per_step", "peak_memory_gib", *left_out)
    with (folder / "curve.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in measured} for row in csv.DictReader(file)]


def leaves(state: Any, path: str = "") -> dict[str, Any]:
    """The values of nested dicts and lists, by where they are."""
    if isinstance(state, dict):
        return {k: v for name, part in state.items() for k, v in leaves(part, f"{path}/{name}").items()}
    if isinstance(state, list | tuple):
        return {k: v for i, part in enumerate(state) for k, v in leaves(part, f"{path}/{i}").items()}
    return {path: state}


def state(folder: Path) -> dict[str, Any]:
    return leaves(torch.load(folder / "state.pt", weights_only=True))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 14 steps in one process, never interrupted."""
    folder = tmp_path_factory.mktemp("alone")
    train(folder, 14)
    return folder


def test_a_run_that_was_killed_in_the_middle_of_a_step_ends_as_if_it_had_not_been(alone: Path, tmp_path: Path) -> None:
    kill_in(tmp_path, 14, stop_in=9)  # the last state is of step 6, the last row of step 8
    assert state(tmp_path)["/step"] == 6
    assert [row["step"] for row in curve(tmp_path)] == ["4", "8"]
    train(tmp_path, 14)
    assert curve(tmp_path) == curve(alone)
    ours, theirs = state(tmp_path), state(alone)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value) if isinstance(value, Tensor) else ours[name] == value, name


def assert_close(ours: Path, theirs: Path) -> None:
    """Compares curves and states, but for what every process draws itself and the rate, which ends with a run."""
    other = ("chance", "rate")
    for row, wanted in zip(curve(ours, other), curve(theirs, other), strict=True):
        assert row.keys() == wanted.keys()
        for name, value in wanted.items():
            assert float(row[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-4), (name, row["step"])
    mine, wanted_state = state(ours), state(theirs)
    assert mine.keys() == wanted_state.keys()
    for name, value in wanted_state.items():
        if isinstance(value, Tensor) and not name.startswith("/generator"):
            torch.testing.assert_close(mine[name], value, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_two_processes_give_the_curve_and_the_state_of_one_and_take_turns_with_it(
    alone: Path, tmp_path: Path, first: int, then: int
) -> None:
    train(tmp_path, 8, processes=first)
    assert state(tmp_path)["/step"] == 8
    train(tmp_path, 14, processes=then)
    assert_close(tmp_path, alone)
    assert [row["chance"] for row in curve(tmp_path)] != [row["chance"] for row in curve(alone)]
    assert len(list(tmp_path.glob("events.*"))) == 2  # one of each run, by process 0


@pytest.fixture
def third_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "rank", lambda: 2)
    monkeypatch.setattr(distributed, "world_size", lambda: 4)


@pytest.mark.usefixtures("third_of_four")
def test_a_process_takes_its_part_of_a_batch_and_refuses_one_that_does_not_divide() -> None:
    assert distributed.part(range(12)) == range(6, 9)
    with pytest.raises(InputError, match="that 4 processes can share, got 10"):
        distributed.part(range(10))


def test_processes_draw_from_one_chance_what_is_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    drawn, left = [], []
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shared = torch.Generator().manual_seed(5)
        drawn.append(torch.rand(4, generator=distributed.own_generator(shared)))
        left.append(shared.get_state())
    assert not torch.equal(*drawn)
    assert torch.equal(*left)


def test_one_process_draws_from_the_shared_chance_itself() -> None:
    shared = torch.Generator().manual_seed(5)
    assert distributed.own_generator(shared) is shared
    assert distributed.start(torch.device("cpu")) == torch.device("cpu")
    assert (distributed.rank(), distributed.world_size(), distributed.is_first()) == (0, 1, True)
    assert distributed.part([3, 1]) == [3, 1]
