import json
from pathlib import Path

import pytest

from motionstream.cli import main
from motionstream.cli.train_plan import Plan
from motionstream.errors import InputError, OutputError


def test_the_plan_names_every_stage_its_total_and_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert Plan(gpus="8xH100-80GB").run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "wan2.1-1.3b on 8xH100-80GB"
    stages = ("teacher ", "teacher --masked", "rollout", "trajectories", "causal-init", "self-forcing")
    assert [next(i for i, line in enumerate(lines) if line.startswith(name)) for name in stages] == list(range(2, 8))
    assert any(line.startswith("total without rollout:") and " GPU-days" in line for line in lines)
    assert len(lines[lines.index("assumptions:") + 1 :]) > 5


def test_what_does_not_fit_is_said_with_what_would_make_it_fit(capsys: pytest.CaptureFixture[str]) -> None:
    Plan(gpus="1xRTX4090-24GB", preset="wan2.2-5b").run()
    out = capsys.readouterr().out
    assert "teacher does not fit. What would: " in out
    assert " GPUs of this kind" in out


def test_the_same_plan_is_written_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.json"
    Plan(gpus="2xA100-40GB", preset="tiny", json=path).run()
    written = json.loads(path.read_text())
    assert (written["preset"], written["machine"]) == ("tiny", "2xA100-40GB")
    teacher = written["stages"][0]
    parts = sum(size for part, size in teacher["memory"].items() if part != "total")
    assert parts == pytest.approx(teacher["memory"]["total"])
    out = capsys.readouterr().out
    assert all(f"- {line}" in out for line in written["assumptions"])


def test_a_plan_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the plan could not be written"):
        Plan(gpus="8xH100-80GB", json=tmp_path / "missing" / "plan.json").run()


def test_it_is_a_command_beside_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "plan", "--gpus", "2xA100-40GB", "--preset", "tiny"]) == 0
    assert capsys.readouterr().out.startswith("tiny on 2xA100-40GB\n")
    assert main(["train", "plan", "--gpus", "2xA100"]) == 2
    assert "--gpus: wanted NxNAME" in capsys.readouterr().err


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="--preset"):
        Plan(gpus="8xH100-80GB", preset="wan3").run()
