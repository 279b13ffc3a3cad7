"""`motionstream generate` from its flags to a playable file, and every way of getting it wrong."""

import errno
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from motionstream.cli import main
from motionstream.providers import StreamInfo, Window
from motionstream.streaming.forgiving_file import ForgivingFile
from motionstream.streaming.session import StreamSession
from motionstream.streaming.video_file import read_video
from motionstream.tracks import Tracks


class WalkerSettings(BaseModel):
    model_config = ConfigDict(frozen=True)
    speed: float = Field(0.1, ge=0, le=1, description="Widths per second.")
    breaks_in_chunk: int = -1
    stops_in_chunk: int = -1


class Walker:
    """One point that walks to the right, or fails, or is where the user presses Ctrl-C."""

    settings_type: ClassVar[type[BaseModel]] = WalkerSettings

    def __init__(self, settings: WalkerSettings | None = None) -> None:
        self.settings = settings or WalkerSettings()

    def start(self, info: StreamInfo) -> None: ...

    def read(self, window: Window) -> Tracks:
        if window.index == self.settings.stops_in_chunk:
            raise KeyboardInterrupt
        if window.index == self.settings.breaks_in_chunk:
            raise ValueError("out of luck")
        x = 0.2 + self.settings.speed * window.frame_times
        xy = np.stack([x, np.full(window.num_frames, 0.5)], axis=-1)[:, None]
        return Tracks(ids=np.array([0]), xy=xy, visible=np.ones((window.num_frames, 1), bool))

    def handle(self, event: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def flags(tiny_checkpoint: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line that works; later flags overrule earlier ones."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    provider = "test_generate:Walker"
    return [
        *("generate", "--image", str(picture), "--out", str(tmp_path / "out.mp4"), "--provider", provider),
        *("--checkpoint", str(tiny_checkpoint), "--num-frames", "14", "--scale", "1", "--device", "cpu"),
    ]


def refused(code: int, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a bad command line is answered with."""
    assert main(arguments) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def test_a_video_of_the_length_asked_for_is_written(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == 0
    assert read_video(tmp_path / "out.mp4").shape == (14, 32, 32, 3)
    said = capsys.readouterr()
    assert "picture: cropped 60x40 to 40x40, resized to 32x32" in said.err
    last = said.out.splitlines()[-1]
    assert last.startswith(f"{tmp_path / 'out.mp4'}: 14 video frames, 0.9 s at 16 fps, 32x32; made at ")
    assert re.search(r"made at [\d.]+ frames per second \(tracks \d+ ms, denoise \d+ ms, decode \d+ ms, cache", last)


def test_the_same_seed_writes_the_same_video_and_another_seed_another(flags: list[str], tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.mp4", "two.mp4", "three.mp4")]
    for path, seed in zip(files, ("4", "4", "5"), strict=True):
        assert main([*flags, "--out", str(path), "--seed", seed]) == 0
    one, two, three = map(read_video, files)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_small_videos_are_enlarged_for_viewing_and_the_overlay_is_drawn_on_the_large_ones(
    flags: list[str], tmp_path: Path
) -> None:
    without_scale = [*flags[: flags.index("--scale")], *flags[flags.index("--scale") + 2 :]]
    assert main([*without_scale, "--num-frames", "3"]) == 0
    plain = read_video(tmp_path / "out.mp4")
    assert plain.shape == (3, 384, 384, 3)
    assert main([*without_scale, "--num-frames", "3", "--overlay"]) == 0
    drawn = read_video(tmp_path / "out.mp4")
    changed = np.abs(drawn.astype(int) - plain).max(axis=-1) > 60
    rows, columns = np.nonzero(changed[0])
    assert 0 < changed[0].sum() < 2000
    assert abs(rows.mean() - 192) < 8
    assert abs(columns.mean() - 0.2 * 384) < 8


def test_settings_reach_the_provider(flags: list[str], tmp_path: Path) -> None:
    assert main(flags) == 0
    slow = read_video(tmp_path / "out.mp4")
    assert main([*flags, "--set", "speed=0.9"]) == 0
    assert not np.array_equal(slow, read_video(tmp_path / "out.mp4"))


def test_a_drag_script_moves_the_picture(flags: list[str], tmp_path: Path) -> None:
    script = tmp_path / "drag.json"
    events = [
        {"type": "press", "time_seconds": 0, "x": 0.3, "y": 0.5},
        {"type": "move", "time_seconds": 0.5, "x": 0.7, "y": 0.5},
    ]
    for number, some in enumerate(([], events)):
        script.write_text(json.dumps({"version": 1, "settings": {}, "events": some}))
        out = tmp_path / f"{number}.mp4"
        assert main([*flags, "--provider", "drag", "--script", str(script), "--out", str(out)]) == 0
    assert not np.array_equal(read_video(tmp_path / "0.mp4"), read_video(tmp_path / "1.mp4"))


def test_the_folder_of_the_video_is_made(flags: list[str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder" / "clip.mp4"
    assert main([*flags, "--num-frames", "2", "--out", str(out)]) == 0
    assert len(read_video(out)) == 2


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--image", "none.png"], 2, r"none\.png: .*could not read it"),
        (["--image", __file__], 2, "wanted an image file"),
        (["--num-frames", "0"], 2, "--num-frames: wanted at least 1, got 0"),
        (["--seed", "-3"], 2, "Seed: wanted a whole number"),
        (["--scale", "0"], 2, "wanted a whole factor of at least 1"),
        (["--device", "nowhere"], 2, "Device: wanted auto or one that torch can use"),
        (["--set", "speed"], 2, "--set: wanted key=value"),
        (["--set", "speed=[1"], 2, "--set speed: wanted JSON"),
        (["--provider", "drag", "--script", "none.json"], 2, r"none\.json: could not be read"),
        (["--checkpoint", "no such place"], 3, "No checkpoint at"),
        (["--provider", "drug"], 4, "No provider is called 'drug'; known: .*drag"),
        (["--provider", "nowhere:Class"], 4, "module 'nowhere' is not installed"),
        (["--set", "sped=1"], 4, "has no setting sped; known: speed"),
        (["--set", "speed=7"], 4, "speed: .*less than or equal to 1"),
        (["--set", "breaks_in_chunk=0"], 4, "Walker.read failed: ValueError: out of luck"),
        (["--out", "/proc/none/clip.mp4"], 5, "its folder could not be made"),
        (["--out", "/"], 5, "wanted the name of a file"),
    ],
)
def test_what_cannot_work_is_answered_in_one_line(
    flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, more: list[str], code: int, message: str
) -> None:
    answer = refused(code, [*flags, *more], capsys)
    assert re.search(message, answer), answer
    assert not (tmp_path / "out.mp4").exists()


def test_a_bad_script_is_named_with_its_first_problem(
    flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "drag.json"
    script.write_text('{"version": 1, "events": [{"type": "jump"}]}')
    answer = refused(2, [*flags, "--provider", "drag", "--script", str(script)], capsys)
    assert "drag.json" in answer
    assert "jump" in answer


def test_a_video_that_exists_survives_a_bad_picture(flags: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert main(flags) == 0
    before = out.read_bytes()
    assert main([*flags, "--image", "none.png"]) == 2
    assert out.read_bytes() == before


def test_a_provider_that_breaks_half_way_leaves_what_was_written(
    flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "out of luck" in refused(4, [*flags, "--num-frames", "40", "--set", "breaks_in_chunk=2"], capsys)
    assert len(read_video(tmp_path / "out.mp4")) == 21


def test_ctrl_c_leaves_a_playable_video(flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*flags, "--num-frames", "40", "--set", "stops_in_chunk=2"]) == 130
    assert len(read_video(tmp_path / "out.mp4")) == 21
    assert "21 video frames" in capsys.readouterr().out.splitlines()[-1]


def test_ctrl_c_before_the_first_frame_leaves_nothing(
    flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*flags, "--set", "stops_in_chunk=0"]) == 130
    assert "nothing was written" in capsys.readouterr().out
    assert not (tmp_path / "out.mp4").exists()


def test_ctrl_c_while_loading_is_no_traceback(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StreamSession, "__init__", interrupted)
    assert refused(130, flags, capsys) == "error: interrupted"


def test_a_disk_that_fills_up_leaves_a_playable_video(
    flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, write = [12_000], ForgivingFile.write

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, data: memoryview) -> int:
            if not room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            fits = data[: room[0]]
            room[0] -= len(fits)
            return int(self._file.write(fits))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    def limited(self: ForgivingFile, data: bytes) -> int:
        if not isinstance(self._file, Full):
            self._file = Full(self._file)  # type: ignore[assignment]
        return write(self, data)

    monkeypatch.setattr(ForgivingFile, "write", limited)
    answer = refused(5, [*flags, "--num-frames", "57"], capsys)
    assert "the disk is full" in answer
    monkeypatch.undo()
    assert 0 < len(read_video(tmp_path / "out.mp4")) < 57
