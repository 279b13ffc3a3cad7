"""The stages that ask the teacher, made by two processes under torchrun."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from motionstream.training.shard_index import ShardIndex, damaged_shards

PROGRAM = str(Path(__file__).with_name("cli_run.py"))
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prepared = tmp_path_factory.mktemp("distilled")
    runpy.run_path(PROGRAM)["prepare"](prepared)
    return prepared


def run(folder: Path, *arguments: str, processes: int = 2) -> list[str]:
    """Runs a stage; returns the lines that it prints."""
    launcher = TORCHRUN if processes == 2 else []
    done = subprocess.run(
        [sys.executable, *launcher, PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_two_processes_share_the_shards_of_trajectories_and_solve_what_one_does(folder: Path) -> None:
    flags = ("train", "trajectories", "--number", "5")  # shards of 2, 2 and 1
    assert run(folder, *flags, "--folder", "alone", processes=1) == ["alone: 5 trajectories"]
    assert run(folder, *flags, "--folder", "shared") == ["shared: 3 trajectories of 5, this process's share"]
    alone, shared = folder / "alone", folder / "shared"
    assert list(ShardIndex.load(shared).shards) == [f"{number:05d}.safetensors" for number in range(3)]
    assert json.loads((shared / "index.json").read_text()) == json.loads((alone / "index.json").read_text())
    assert damaged_shards(shared) == []
    for name in ShardIndex.load(alone).shards:
        ours, theirs = load_file(shared / name), load_file(alone / name)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name


def weights(state: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested dicts, by where they are."""
    if isinstance(state, dict):
        for name, part in state.items():
            yield from weights(part, f"{path}/{name}")
    elif isinstance(state, Tensor):
        yield path, state


def test_self_forcing_with_the_teacher_in_shards_and_chunks_computed_again_is_that_with_neither(folder: Path) -> None:
    flags = ("--from-run", "runs/teacher", "--steps", "1", "--batch", "4", "--preview-every", "0")
    said = run(folder, "train", "self-forcing", *flags, "--folder", "shards", "--checkpointing")
    assert {f"process {rank} holds 0.5 of the teacher" for rank in range(2)} < set(said)
    said = run(folder, "--whole-teacher", "train", "self-forcing", *flags, "--folder", "whole")
    assert {f"process {rank} holds 1.0 of the teacher" for rank in range(2)} < set(said)
    assert said.count("whole/state.pt: 1 steps on 4 clips") == 1
    ours, theirs = (
        dict(weights(torch.load(folder / name / "state.pt", weights_only=True))) for name in ("shards", "whole")
    )
    begun = dict(weights(torch.load(folder / "runs" / "teacher" / "state.pt", weights_only=True)["model"]))
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        torch.testing.assert_close(ours[name], wanted, atol=1e-7, rtol=1e-4, msg=name)
    assert any(not torch.equal(theirs[f"/model{name}"], start) for name, start in begun.items())
