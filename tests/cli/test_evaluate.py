"""`motionstream evaluate` and `compare` from their flags to tables, on real networks of a tiny size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from motionstream.cli import main
from motionstream.streaming.video_file import VideoWriter, read_video

Render = Callable[..., np.ndarray]


@pytest.fixture
def flags(tiny_checkpoint: Path) -> list[str]:
    """A command line that works but for --data and --out; later flags overrule earlier ones."""
    small = ["--clips", "2", "--num-frames", "9", "--points", "60", "--device", "cpu", "--dtype", "float32"]
    return ["evaluate", str(tiny_checkpoint), *small]


@pytest.fixture
def videos(tmp_path: Path, patch_over_background: Render) -> Path:
    """A folder with two videos, one folder of numbered pictures, and two files that cannot be used."""
    folder = tmp_path / "videos"
    (folder / "pictures").mkdir(parents=True)
    for index, name in enumerate(("a.mp4", "b.mp4")):
        path_px = np.arange(12)[:, None] * (1.0, 0.5 * index)
        with VideoWriter(folder / name, fps=16, crf=4) as video:
            video.write(patch_over_background(path_px, (48, 48), side=96))
    (folder / "a.txt").write_text("a square moves right")
    for number, frame in enumerate(patch_over_background(np.arange(16)[:, None] * (0.0, 1.0), (48, 48), side=96)):
        Image.fromarray(frame).save(folder / "pictures" / f"{number:03d}.png")
    with VideoWriter(folder / "brief.mp4", fps=16) as video:
        video.write(patch_over_background(np.zeros((3, 2)), (48, 48), side=96))
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def summary_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return content


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """The one line that a bad command line is answered with."""
    assert main(arguments) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (["--name", "ours"], {"model": "student", "timesteps": [1000, 927, 771], "sink_frames": 3}),
        (
            ["--model", "teacher", "--guidance", "text", "--teacher-steps", "2"],
            {"model": "teacher", "steps": 2, "text_weight": 3, "motion_weight": 0},
        ),
        (
            ["--model", "teacher", "--text-guidance", "2", "--motion-guidance", "0.3", "--teacher-steps", "2"],
            {"model": "teacher", "text_weight": 2, "motion_weight": 0.3},
        ),
        (["--refresh-sink", "2"], {"model": "student", "refresh_sink": 2}),
        (["--model", "still"], {"model": "still"}),
        (["--model", "warp"], {"model": "warp"}),
    ],
    ids=["student", "teacher", "teacher-weighted", "refreshed", "still", "warp"],
)
def test_every_model_is_measured_on_procedural_clips(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], model: list[str], settings: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    assert main([*flags, "--data", "procedural", "--out", str(out), *model]) == 0
    summary = summary_of(out)
    assert settings.items() <= summary["model"].items()
    assert summary["name"] == ("ours" if "--name" in model else settings["model"])
    assert summary["all_clips"]["clips"] == summary["data"]["clips"] == 2
    assert summary["fps"] > 0
    assert {"date", "command", "device", "processor", "torch"} <= summary["circumstances"].keys()
    clips = [json.loads(path.read_text()) for path in sorted((out / "clips").iterdir())]
    assert [clip["source"] for clip in clips] == ["seed 900000000", "seed 900000001"]
    psnr = [clip["figures"]["psnr_db"] for clip in clips]
    assert summary["all_clips"]["figures"]["psnr_db"]["mean"] == pytest.approx(np.mean(psnr))
    assert read_video(out / "videos" / "001.mp4").shape == (9, 384, 3 * 384 + 8, 3)
    assert f"| {summary['name']} | 2 | " in capsys.readouterr().out


def test_measured_models_are_compared_in_one_table_and_other_data_is_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    for out, model, clips in ((one, "still", "2"), (two, "warp", "2"), (other, "warp", "1")):
        line = [*flags, "--data", "procedural", "--model", model, "--clips", clips, "--out", str(out)]
        assert main(line) == 0
    table = tmp_path / "table.md"
    assert main(["compare", str(one), str(two), "--out", str(table)]) == 0
    rows = table.read_text().splitlines()
    assert [row.split(" | ")[0] for row in rows[:4]] == ["| model", "| ---", "| still", "| warp"]
    capsys.readouterr()
    assert main(["compare", str(one)]) == 0
    assert capsys.readouterr().out.splitlines()[2] == rows[2]
    assert "'still' and 'warp' differ in clips: 2 and 1" in refused(["compare", str(one), str(other)], capsys)
    assert "wanted the summary of" in refused(["compare", str(tmp_path / "nowhere")], capsys)
    assert "could not be written" in refused(["compare", str(one), "--out", str(tmp_path / "no" / "t")], capsys, 5)


def test_a_folder_of_videos_is_measured_and_what_cannot_be_used_is_listed(
    flags: list[str], videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    line = [*flags, "--data", str(videos), "--out", str(out), "--height", "96", "--width", "96"]
    assert main([*line, "--clips", "9", "--folder-fps", "16"]) == 0
    clips = [json.loads(path.read_text()) for path in sorted((out / "clips").iterdir())]
    assert [clip["name"] for clip in clips] == ["a.mp4", "b.mp4", "pictures"]
    assert clips[0]["caption"] == "a square moves right"
    assert len({clip["source"] for clip in clips}) == 3
    summary = summary_of(out)
    assert [name for name, _ in summary["skipped"]] == ["brief.mp4", "broken.mp4"]
    assert "wanted 9 frames at 16 a second, it has 3" in summary["skipped"][0][1]
    assert summary["data"]["tracks_by"] == summary["data"]["retracked_by"] == "lucas-kanade"
    assert (summary["data"]["height"], summary["data"]["width"]) == (96, 96)
    assert summary["occlusion"] is None
    assert "skipped: broken.mp4: " in capsys.readouterr().err


def test_the_tracks_of_a_video_take_the_warp_where_the_video_goes(
    flags: list[str], videos: Path, tmp_path: Path
) -> None:
    figures = {}
    for model in ("still", "warp"):
        size = ["--height", "96", "--width", "96", "--points", "600"]
        line = [*flags, *size, "--data", str(videos), "--out", str(tmp_path / model), "--model", model]
        assert main(line) == 0
        figures[model] = summary_of(tmp_path / model)["all_clips"]["figures"]
    assert figures["warp"]["moving_epe_px"]["mean"] < 0.5
    assert figures["still"]["moving_epe_px"]["mean"] > 2
    assert figures["warp"]["psnr_db"]["mean"] > figures["still"]["psnr_db"]["mean"] + 3


@pytest.mark.parametrize(
    ("given", "timesteps"),
    [
        (["--steps", "2"], [1000, 750]),
        (["--steps", "3"], [1000, 927, 771]),
        (["--timesteps", "900", "400"], [900, 400]),
    ],
)
def test_steps_and_memory_of_the_student_are_taken_from_the_flags(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], timesteps: list[float]
) -> None:
    line = [*flags, *given, "--sink", "0", "--window", "6", "--clips", "1", "--data", "procedural"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 0
    model = summary_of(tmp_path / "out")["model"]
    assert (model["timesteps"], model["sink_frames"], model["window_frames"]) == (timesteps, 0, 6)
    said = "timesteps: 1000 750; the checkpoint has 3" in capsys.readouterr().err
    assert said == (given == ["--steps", "2"])


def test_without_data_the_checks_are_made_and_an_untrained_model_fails_them(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--json", str(tmp_path / "report.json")]) == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert [check["title"] for check in report["checks"]][:2] == ["Held-out clips", "Two drags of one picture"]
    assert "NOT MET  Held-out clips" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--clips", "0"], "--clips: wanted at least 1, got 0"),
        (["--data", "procedural", "--num-frames", "1"], "--num-frames: wanted at least 2, got 1"),
        (["--data", "procedural"], "wanted --out besides"),
        (["--out", "results"], "--out: wanted --data besides"),
        (["--data", "procedural", "--out", "x", "--json", "report.json"], "checks are made without --data"),
        (["--data", "procedural", "--out", "x", "--tracker", "lucas-kanade"], "--tracker: wanted a folder for --data"),
        (["--data", "no folder", "--out", "x"], "wanted a folder, no folder is none"),
        (["--model", "warp", "--steps", "2"], "--steps: it is for --model student, got --model warp"),
        (["--guidance", "text"], "--guidance: it is for --model teacher, got --model student"),
        (["--text-guidance", "2"], "--text-guidance: it is for --model teacher, got --model student"),
        (["--refresh-sink", "0"], "SinkPolicy.refresh_every: wanted a whole number"),
        (["--steps", "5"], "--steps 5: wanted 1 to 4. Name others by --timesteps"),
        (["--steps", "0"], "--steps: wanted at least 1, got 0"),
        (["--steps", "2", "--timesteps", "1000"], "--steps 2: got 1 timesteps besides"),
        (["--timesteps", "500", "900"], "wanted falling numbers"),
    ],
)
def test_a_command_line_that_cannot_be_followed_is_refused(
    flags: list[str],
    given: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused([*flags, *given], capsys)
    assert not (tmp_path / "x").exists()


def test_results_are_not_written_over_older_ones(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [*flags, "--model", "still", "--data", "procedural", "--out", str(tmp_path / "out")]
    assert main(line) == 0
    capsys.readouterr()
    assert "wanted a folder without results" in refused(line, capsys)


def test_a_folder_of_which_nothing_can_be_used_is_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    line = [*flags, "--model", "still", "--data", str(videos), "--out", str(tmp_path / "out")]
    assert "wanted videos, got a folder without any" in refused(line, capsys)
    (videos / "broken.mp4").write_bytes(b"no video")
    assert "none of it could be used" in refused(line, capsys)


def test_every_check_can_be_asked_for_by_name(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    names = ["colours", "permanence", "drift", "fast-drags"]
    small = ["--clips", "1", "--num-frames", "33", "--drift-frames", "200", "--drift-scenes", "1", "--device", "cpu"]
    code = main(["evaluate", str(tiny_checkpoint), *small, "--json", str(report), "--checks", *names])
    assert code == 1  # random networks pass none of them
    sections = json.loads(report.read_text())["checks"]
    assert len({section["title"] for section in sections}) == 4
    assert not all(section["passed"] for section in sections)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--checks", "photographs"], "wanted --photographs FOLDER besides"),
        (["--drift-frames", "10"], "--drift-frames: wanted at least 200, got 10"),
        (["--told-share", "0"], "--told-share: wanted more than 0 and at most 1"),
        (["--data", "procedural", "--out", "x", "--checks", "drift"], "checks are made without --data"),
    ],
)
def test_checks_that_cannot_be_made_are_refused(
    flags: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused([*flags, *arguments], capsys)
