"""A control log on disk: what was written is read, branches are cut off, damage is named, memory is flat."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motionstream.config import StreamConfig
from motionstream.errors import InputError, OutputError
from motionstream.streaming.checkpoint_id import CheckpointId
from motionstream.streaming.control_log import (
    ControlLog,
    CutControl,
    End,
    Entry,
    EventControl,
    LogHeader,
    PromptControl,
)
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.loaded_log import read_log

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def event(chunk: int, seq: int = 0) -> EventControl:
    return EventControl(chunk=chunk, seq=seq, client_ms=1.5, event={"type": "move", "x": 0.1, "time_seconds": 0.2})


ENTRIES: tuple[Entry, ...] = (
    event(0),
    PromptControl(chunk=1, prompt='a "new" thing\nürgh'),
    event(1, 1),
    CutControl.of(3, 255 - PIXELS, "elsewhere"),
    CutControl.of(3, PIXELS, None),
    End(chunk=5),
)


@pytest.fixture(scope="module")
def header(tiny_checkpoint: Path) -> LogHeader:
    engine = StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")
    session = engine.open_session(PIXELS, "a thing", 7)
    return LogHeader.of(engine.checkpoint, session, provider="drag", settings={"radius": 0.2, "shape": "disc"})


@pytest.fixture
def log(header: LogHeader, tmp_path: Path) -> Iterator[ControlLog]:
    with ControlLog.create(tmp_path / "control.jsonl", header) as log:
        yield log


def test_what_was_written_is_read(header: LogHeader, log: ControlLog) -> None:
    log.extend(ENTRIES)
    log.close()
    loaded = read_log(log.path)
    assert (loaded.header, loaded.entries, loaded.note, loaded.num_chunks) == (header, ENTRIES, "", 5)
    assert loaded.controls(1) == ENTRIES[1:3]
    assert loaded.controls(2) == loaded.controls(5) == ()
    assert len(log.path.read_bytes().splitlines()) == 1 + len(ENTRIES)


def test_pictures_keep_their_pixels(header: LogHeader, log: ControlLog) -> None:
    log.extend(ENTRIES)
    log.close()
    loaded = read_log(log.path)
    assert np.array_equal(loaded.header.pixels, PIXELS)
    cut = loaded.entries[3]
    assert isinstance(cut, CutControl)
    assert np.array_equal(cut.pixels, 255 - PIXELS)
    info = loaded.header.info
    assert info.image is not None
    assert (info.width, info.fps, info.seed, info.prompt) == (32, 16, 7, "a thing")
    assert np.array_equal(info.image, PIXELS)


def test_the_header_says_how_the_stream_was_made(header: LogHeader, tiny_checkpoint: Path) -> None:
    assert header.checkpoint == CheckpointId.of(tiny_checkpoint)
    assert header.checkpoint.name == "tiny"
    assert (header.device, header.dtype, header.seed) == ("cpu", "float32", 7)
    assert header.stream == StreamConfig(height=32, width=32)


@pytest.mark.parametrize(("chunk", "left"), [(0, 0), (1, 1), (2, 3), (3, 3), (4, 5), (5, 5), (6, 5)])
def test_going_back_drops_the_entries_of_later_chunks_and_no_others(log: ControlLog, chunk: int, left: int) -> None:
    log.extend(ENTRIES)
    log.truncate(chunk)
    log.flush()
    assert read_log(log.path).entries == ENTRIES[:left]
    log.append(event(max(chunk, 5), 99))
    log.close()
    assert read_log(log.path).entries == (*ENTRIES[:left], event(max(chunk, 5), 99))


def test_entries_of_an_earlier_chunk_are_refused_until_the_log_goes_back(log: ControlLog) -> None:
    log.append(event(3))
    with pytest.raises(ValueError, match="chunk 3 or later, got one of 2"):
        log.append(event(2))
    log.truncate(2)
    log.append(event(2))
    log.flush()
    assert read_log(log.path).entries == (event(2),)


def test_a_torn_last_line_is_left_out_and_said(log: ControlLog) -> None:
    log.extend(ENTRIES)
    log.close()
    log.path.write_bytes(log.path.read_bytes()[:-5])
    loaded = read_log(log.path)
    assert loaded.entries == ENTRIES[:-1]
    assert "torn" in loaded.note
    assert loaded.num_chunks == 4  # up to the last control


def test_a_long_log_takes_no_memory(log: ControlLog) -> None:
    log.append(event(0))
    log.flush()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(20_000):
        log.append(event(number // 40, number))
    log.truncate(499)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log.flush()
    assert log.path.stat().st_size > 1_500_000
    assert after - before < 200_000
    assert peak - before < 400_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3: the line: Invalid JSON"),
        ('{"type":"fly","chunk":0}', "line 3: .*'fly'"),
        ('{"type":"prompt","chunk":0}', "line 3: prompt.prompt: Field required"),
        ('{"type":"prompt","chunk":0,"prompt":"a","colour":1}', "line 3: prompt.colour"),
        ('{"type":"prompt","chunk":-1,"prompt":"a"}', "line 3: wanted entries in the order"),
        ('{"type":"end","chunk":1}\n{"type":"prompt","chunk":1,"prompt":"a"}', "line 3: .*the end last"),
    ],
)
def test_a_damaged_line_is_named(log: ControlLog, line: str, message: str) -> None:
    log.append(event(0))
    log.close()
    with log.path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=message) as caught:
        read_log(log.path)
    assert str(log.path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty file"), ("{}\n", "line 1"), ('{"type":"header","version":2}\n', "line 1")]
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "no.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_log(path)


def test_a_log_of_an_impossible_stream_is_refused_by_name(header: LogHeader, log: ControlLog) -> None:
    text = log.path.read_text(encoding="utf-8").replace('"fps":16.0', '"fps":0')
    log.path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: StreamConfig\.fps"):
        read_log(log.path)


def test_paths_that_cannot_be_read_or_written_are_named(header: LogHeader, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_log(tmp_path / "none.jsonl")
    with pytest.raises(OutputError, match="No such file"):
        ControlLog.create(tmp_path / "none" / "control.jsonl", header)


def test_a_damaged_picture_is_refused_as_input(header: LogHeader) -> None:
    for picture in ("no base64!", "AAAA"):
        with pytest.raises(InputError):
            replace(header, picture=picture).pixels  # noqa: B018


def test_checkpoints_that_differ_in_one_weight_or_setting_have_different_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content = rng.bytes(3_000)
    ids = []
    for number, (weights, config) in enumerate([(content, "{}"), (content[:-1] + b"x", "{}"), (content, '{"a": 1}')]):
        folder = tmp_path / str(number) / "model"
        (folder / "transformer").mkdir(parents=True)
        (folder / "transformer" / "model.safetensors").write_bytes(weights)
        (folder / "transformer" / "config.json").write_text(config)
        ids.append(CheckpointId.of(folder))
    assert len({identity.digest for identity in ids}) == 3
    assert {identity.name for identity in ids} == {"model"}
    assert ids[0] == CheckpointId.of(tmp_path / "0" / "model")
    assert str(ids[0]) == f"model ({ids[0].digest[:8]})"
