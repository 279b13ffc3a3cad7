"""Reports: complete as JSON, readable as text."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from motionstream.errors import OutputError
from motionstream.evaluation.checks import ClipScore, ClipsResult, PhotographScore, PhotographsResult
from motionstream.evaluation.report import as_json, circumstances, print_report, save_report


def clips(gain: float) -> ClipsResult:
    figures = dict.fromkeys(("ssim", "epe_px", "moving_epe_px", "still_moving_epe_px", "floor_epe_px", "tracked"), 0.5)
    scores = tuple(ClipScore(psnr_db=20 + gain + index, still_psnr_db=20.0 + index, **figures) for index in range(30))
    return ClipsResult(scores=scores, demanded_gain_db=3.0)


def photographs() -> PhotographsResult:
    score = PhotographScore(
        name="[bold]cat.png", demanded_px=25.6, followed=0.4, far_px=float("nan"), dragged_kept=1.0, far_kept=1.0
    )
    return PhotographsResult(scores=(score,), demanded_part=0.5, far_limit_px=3.0)


def test_the_json_holds_every_figure_and_says_what_is_met(tmp_path: Path) -> None:
    sections = [clips(4).section(), photographs().section()]
    save_report(tmp_path / "report.json", sections, {"device": "cpu"})
    content = json.loads((tmp_path / "report.json").read_text())
    assert content == as_json(sections, {"device": "cpu"})
    assert content["passed"] is False
    first, second = content["checks"]
    assert (first["passed"], second["passed"]) == (True, False)
    assert first["summary"]["gain_db"]["mean"] == pytest.approx(4)
    assert first["summary"]["gain_db"]["count"] == len(first["rows"]) == 30
    assert first["rows"][2]["psnr dB"] == 26
    assert second["rows"][0]["far px"] is None
    assert content["circumstances"] == {"device": "cpu"}


def test_the_demand_is_a_threshold_on_the_mean() -> None:
    assert clips(3.01).passed
    assert not clips(2.99).passed


def test_the_printed_report_shows_tables_verdicts_and_circumstances() -> None:
    console = Console(file=io.StringIO(), width=160)
    print_report([clips(4).section(), photographs().section()], {"device": "two cores"}, console, max_rows=5)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "met  Held-out clips: 4.00 [4.00, 4.00] dB above repeating frame 0 on 30 clips" in text
    assert "NOT MET  Photographs: 0 of 1 as wanted" in text
    assert "and 25 more" in text
    assert "[bold]cat.png" in text
    assert "device two cores" in text


def test_circumstances_name_hardware_versions_command_and_date() -> None:
    under = circumstances("cpu")
    assert {"date", "command", "device", "processor", "python", "torch", "numpy"} <= set(under)
    assert under["device"] == "cpu"
    assert all(under.values())


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="could not: No such file"):
        save_report(tmp_path / "absent" / "report.json", [clips(4).section()], {})
