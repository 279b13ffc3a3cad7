"""Measuring the server: the marker and the null engine are what they say, and the commands report."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionstream.cli import main
from motionstream.cli.live_bench.marker import PERIOD_MS, age_ms, draw_marker, read_marker
from motionstream.cli.live_bench.null_engine import NullEngine
from motionstream.cli.live_bench.picture import measuring_picture
from motionstream.cli.live_bench.report import Latency, parse_size
from motionstream.cli.live_bench.visit import run_visit
from motionstream.client.decoder import FrameDecoder
from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.serving.codecs import open_encoder
from motionstream.serving.messages import Codec
from motionstream.serving.packet import Flag, Packet
from motionstream.tracks import Tracks

SIZE = (160, 96)  # width, height


@given(st.floats(0, 1e12))
def test_a_marker_is_read_as_it_was_drawn(time_ms: float) -> None:
    frame = np.zeros((96, 160, 3), np.uint8)
    draw_marker(frame, time_ms)
    found = read_marker(frame)
    assert found is not None
    assert age_ms(found, time_ms + 5) == pytest.approx(5, abs=0.13)


@pytest.mark.parametrize("codec", ["jpeg", "h264", "vp8"])
def test_a_marker_survives_the_codecs(codec: Codec) -> None:
    encoder = open_encoder(codec, width=160, height=96, fps=30.0, quality=60)
    decoder = FrameDecoder(160, 96)
    for index in range(5):
        frame = measuring_picture(*SIZE)
        draw_marker(frame, 1234.5 + 33 * index)
        encoded = encoder.encode(frame)
        flags = Flag.KEY if encoded.key else Flag(0)
        pixels = decoder.decode(Packet(kind=encoded.kind, payload=encoded.payload, flags=flags))
        assert read_marker(pixels) == 1234.5 + 33 * index


def test_no_marker_is_found_where_there_is_none() -> None:
    assert read_marker(measuring_picture(*SIZE)) is None
    assert read_marker(np.zeros((8, 8, 3), np.uint8)) is None


def test_ages_survive_the_end_of_the_markers_period() -> None:
    assert age_ms(PERIOD_MS - 1, PERIOD_MS * 7 + 2) == pytest.approx(3)


def _session() -> Any:
    engine = NullEngine(StreamConfig(width=SIZE[0], height=SIZE[1]))
    return engine.open_session(measuring_picture(*SIZE), "anything", 3)


def _points(x: float, y: float, num_frames: int) -> Tracks:
    xy = np.tile(np.array([x, y]), (num_frames, 1, 1))
    return Tracks(ids=np.arange(1), xy=xy, visible=np.ones((num_frames, 1), bool))


def test_the_null_engine_shows_where_the_points_are() -> None:
    chunk = _session().step(_points(0.75, 0.5, 9))
    assert chunk.frames.shape == (9, 96, 160, 3)
    assert (chunk.frames[:, 48, 120] == (255, 80, 0)).all()
    assert not (chunk.frames[:, 80, 30] == (255, 80, 0)).all()


def test_the_null_engine_says_in_the_pixels_when_a_frame_was_made() -> None:
    import time

    frames = _session().step(Tracks.empty(9)).frames
    marker = read_marker(frames[-1])
    assert marker is not None
    assert 0 <= age_ms(marker, 1000 * time.monotonic()) < 1000


def test_the_null_engine_pans_and_goes_back_to_a_snapshot() -> None:
    session = _session()
    session.step(Tracks.empty(9))
    state = session.snapshot()
    first = session.step(Tracks.empty(12))
    again = session.step(Tracks.empty(12))
    session.restore(state)
    back = session.step(Tracks.empty(12))
    below = slice(32, None)  # the marker is above
    assert back.index == first.index == 1
    assert (back.frames[:, below] == first.frames[:, below]).all()
    assert (again.frames[:, below] != first.frames[:, below]).any()


def test_a_latency_is_of_all_times_and_a_median_of_runs() -> None:
    assert Latency.of([]) is None
    once = Latency.of([float(n) for n in range(101)])
    assert once == Latency(p50_ms=50, p95_ms=95)
    assert Latency.median_of([once, None, Latency(p50_ms=10, p95_ms=99), Latency(p50_ms=70, p95_ms=9)]) == once


def test_of_several_users_that_are_refused_the_first_is_told() -> None:
    async def refused() -> None:
        raise InputError("no seat")

    async def come() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(refused())

    with pytest.raises(InputError, match="no seat"):
        run_visit(come())


@pytest.mark.parametrize("wrong", ["832", "832x", "8x8", "axb", "-8x100"])
def test_a_size_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="wanted WIDTHxHEIGHT"):
        parse_size(wrong)


def test_the_transport_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    flags = ["--sizes", "160x96", "--codecs", "jpeg", "vp8", "--seconds", "1", "--runs", "1", "--json", str(path)]
    assert main(["bench", "transport", *flags]) == 0
    shown, report = capsys.readouterr().out, json.loads(path.read_text())
    jpeg, vp8 = report["rows"]
    assert (jpeg["codec"], vp8["codec"], jpeg["size"]) == ("jpeg", "vp8", "160x96")
    for row in (jpeg, vp8):
        assert 5 < row["fps_shown"] < 45
        assert 0 < row["delivery"]["p50_ms"] <= row["delivery"]["p95_ms"]
        assert row["hand_to_screen"]["p50_ms"] > row["receipt"]["p50_ms"] > 0
        assert row["cpu_percent"] > 0
    assert vp8["kb_per_frame"] < jpeg["kb_per_frame"]
    assert report["versions"]["websockets"]
    assert "delivery: ms from the engine's finished chunk" in shown


def test_users_are_served_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    flags = ["--engine", "null", "--size", "160x96", "--users", "3", "--seconds", "2", "--json", str(path)]
    assert main(["bench-serve", *flags]) == 0
    (row,) = json.loads(path.read_text())["rows"]
    assert row["users"] == len(row["frames"]) == 3
    assert row["frames"][0] >= 10
    assert row["fairness"] == row["frames"][-1] / row["frames"][0] < 2
    assert row["memory_mib"] > 10
    assert "fairness" in capsys.readouterr().out


def test_a_model_is_served_for_long(tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    flags = ["--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--threads", "1", "--json", str(path)]
    assert main(["bench", "serve", "--engine", "model", "--frames", "60", *flags]) == 0
    (row,) = json.loads(path.read_text())["rows"]
    assert row["frames"] >= 60
    assert 0 < row["seconds"] < 60
    assert row["memory_mib"][0] > 10
    assert row["played_minutes"] == pytest.approx(row["frames"] / 16 / 60)
    assert "minutes of video" in capsys.readouterr().out


def test_the_benchmark_of_the_engine_is_still_called_bench(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "--long" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["bench", "transport", "--help"])
    assert "--pointer-hz" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["bench", "transport", "--sizes", "large"],
        ["bench", "transport", "--runs", "0"],
        ["bench", "serve", "--users", "0"],
    ],
)
def test_numbers_that_cannot_be_measured_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 2
    assert capsys.readouterr().err.startswith("error: ")
