"""The other commands, and what all of them share."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from motionstream import __version__
from motionstream.cli import main
from motionstream.cli.settings import parse_settings
from motionstream.providers import ProviderEntry


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [[], ["generat"], ["generate"], ["bench", "--chunks", "many"]])
def test_a_command_line_that_is_none_ends_with_code_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_help_and_providers_need_no_torch() -> None:
    code = (
        "import sys; from motionstream.cli import main\n"
        "main(['providers'])\n"
        "try: main(['generate', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_providers_are_listed_with_their_state(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        ProviderEntry(name="one", distribution="dist-a", version="1.2", state="ok", reason="", target="a:A"),
        ProviderEntry(name="two", distribution="dist-b", version="3", state="broken", reason="no cv2", target="b:B"),
    ]
    monkeypatch.setattr("motionstream.cli.providers.discover", lambda: entries)
    assert main(["providers"]) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert header == ["name", "distribution", "version", "state"]
    assert rows == [["one", "dist-a", "1.2", "ok"], ["two", "dist-b", "3", "broken:", "no", "cv2"]]


def test_the_settings_of_a_provider_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers", "motionstream_drag:DragProvider"]) == 0
    shown = capsys.readouterr().out
    assert "radius" in shown
    assert "disc | square" in shown


def test_an_unknown_provider_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers", "nothing"]) == 4
    assert capsys.readouterr().err.startswith("error: No provider is called 'nothing'")


def test_settings_are_text_or_json() -> None:
    assert parse_settings(["a=1", "b = x=y ", "c=[1, 2]", 'd={"e": null}']) == {
        "a": "1",
        "b": "x=y",
        "c": [1, 2],
        "d": {"e": None},
    }


def test_the_benchmark_reports_stages_and_conditions(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    flags = ["--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--chunks", "5", "--long", "41"]
    assert main(["bench", *flags, "--json", str(path)]) == 0
    shown, report = capsys.readouterr().out, json.loads(path.read_text())
    assert list(report["stages"]) == ["tracks", "denoise", "decode", "cache_write", "frames", "total"]
    assert report["fps"] == pytest.approx(1000 * 12 / report["stages"]["total"]["median_ms"])
    assert report["trend"]["num_chunks"] == 41
    assert report["settings"]["stream"]["timesteps"] == [1000, 927, 771]
    assert report["settings"]["parameters"]["transformer"] > 0
    assert report["versions"]["torch"]
    assert report["hardware"]["cores"] >= 1
    assert f"{report['fps']:.1f} frames per second end to end: video frames of a chunk / median" in shown
    assert "trend over 41 chunks" in shown


@pytest.mark.parametrize(
    ("flags", "code"),
    [(["--chunks", "0"], 2), (["--threads", "0"], 2), (["--long", "-1"], 2), (["--checkpoint", "no place"], 3)],
)
def test_a_benchmark_that_cannot_run_is_refused(
    flags: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
