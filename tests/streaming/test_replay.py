"""A live-like run, with events, prompts, cuts and branches, and the same run again from its log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError, ProviderError
from motionstream.providers import Window
from motionstream.streaming.control_log import (
    Control,
    ControlLog,
    CutControl,
    End,
    EventControl,
    LogHeader,
    PromptControl,
)
from motionstream.streaming.control_timeline import ControlTimeline
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.history import History
from motionstream.streaming.loaded_log import LoadedLog, read_log
from motionstream.streaming.replay import apply_chunk, begin, begin_provider, provider_at, replay

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
SETTINGS = {"radius": 0.2, "spacing": 0.1, "max_speed": 1.5}


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> StreamEngine:
    return StreamEngine.load(tiny_checkpoint, device="cpu", dtype="float32")


class Live:
    """What a live server does with a stream, without a network: one user who drags in circles."""

    def __init__(self, engine: StreamEngine, path: Path, **options: Any) -> None:
        self.session = engine.open_session(PICTURE, "a thing moves", seed=5, fit="pad", **options)
        header = LogHeader.of(engine.checkpoint, self.session, provider="drag", settings=SETTINGS, fit="pad")
        self.log = ControlLog.create(path, header)
        self.provider = begin_provider(header)
        self.timeline = ControlTimeline(12 / 16)
        self.history = History(10**9)
        self.history.keep(self.session, self.provider)
        self.seconds, self.seq = 100.0, 0

    def drag(self, phase: float) -> None:
        """Forty samples of a circle within a chunk's time, with a network that delays them unevenly."""
        for number in range(40):
            kind = {0: "press", 39: "release"}.get(number, "move")
            angle = phase + number / 6
            event = {"type": kind, "x": 0.5 + 0.3 * np.cos(angle), "y": 0.5 + 0.3 * np.sin(angle)}
            at = self.seconds + number * 0.75 / 40
            self.timeline.put(self.seq, 1000 * (at - 77), event, at + 0.003 * (number % 5))
            self.seq += 1

    def step(self, *controls: Control) -> np.ndarray:
        """The next chunk's frames."""
        window = Window.of_chunk(self.session.config, self.session.num_chunks)
        self.seconds += 0.75
        timed = self.timeline.take(window, self.seconds)
        events = [EventControl.of(window.index, control) for control in timed]
        made = apply_chunk(self.session, self.provider, [*controls, *events], window)
        assert made.refused == ()
        self.log.extend(made.controls)
        self.history.keep(self.session, self.provider)
        return made.chunk.frames

    def seek(self, chunk: int) -> None:
        self.log.flush()
        log = read_log(self.log.path)
        start, state = self.history.nearest(chunk)
        self.session.restore(state)
        self.provider = provider_at(log, start, self.history)
        for index in range(start, chunk):
            window = Window.of_chunk(self.session.config, index)
            apply_chunk(self.session, self.provider, log.controls(index), window)
        self.log.truncate(chunk)
        self.timeline.clear()
        self.timeline.restart(self.seconds)

    def finish(self) -> LoadedLog:
        self.log.append(End(chunk=self.session.num_chunks))
        self.log.close()
        return read_log(self.log.path)


Begun = Callable[..., Live]


@pytest.fixture
def begun(engine: StreamEngine, tmp_path: Path) -> Iterator[Begun]:
    """Begins live runs; their logs are closed in the end."""
    with ExitStack() as logs:

        def begin_live(**options: Any) -> Live:
            live = Live(engine, tmp_path / "control.jsonl", **options)
            logs.enter_context(live.log)
            return live

        yield begin_live


def run(live: Live, num_chunks: int) -> list[np.ndarray]:
    """Chunks with a drag in every second one, a prompt before the third and a cut before the fifth."""
    frames = []
    for index in range(num_chunks):
        chunk = live.session.num_chunks
        if index % 2 == 0:
            live.drag(phase=index)
        controls: list[Control] = []
        if index == 2:
            controls.append(PromptControl(chunk=chunk, prompt="something else"))
        if index == 4:
            controls.append(CutControl.of(chunk, OTHER, "another scene"))
        frames.append(live.step(*controls))
    return frames


def again(engine: StreamEngine, log: LoadedLog) -> list[np.ndarray]:
    return [chunk.frames for chunk in replay(engine, log)]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def test_a_live_run_with_drags_a_prompt_and_a_cut_is_made_again_to_the_bit(engine: StreamEngine, begun: Begun) -> None:
    live = begun()
    frames = run(live, 7)
    log = live.finish()
    assert same(again(engine, log), frames)
    quiet = LoadedLog(header=log.header, entries=(End(chunk=7),))
    assert not any(map(np.array_equal, again(engine, quiet), frames))


@pytest.mark.parametrize("chunk", [0, 1, 4, 5, 7])
def test_a_branch_goes_on_as_if_what_it_left_had_never_been(engine: StreamEngine, begun: Begun, chunk: int) -> None:
    live = begun()
    first = run(live, 7)
    live.seek(chunk)
    assert live.session.num_chunks == chunk
    live.drag(phase=chunk + 2)
    branch = [live.step(), live.step(PromptControl(chunk=chunk + 1, prompt="a branch")), live.step()]
    assert same(again(engine, live.finish()), [*first[:chunk], *branch])


def test_a_seek_between_two_snapshots_makes_the_chunks_between_again(engine: StreamEngine, begun: Begun) -> None:
    live = begun()
    first = run(live, 6)
    live.history.forget(1)
    live.seek(5)
    branch = [live.step()]
    assert same(again(engine, live.finish()), [*first[:5], *branch])


def test_a_log_that_was_torn_by_a_crash_gives_the_chunks_up_to_its_last_control(
    engine: StreamEngine, begun: Begun
) -> None:
    live = begun()
    frames = run(live, 5)
    live.log.flush()
    content = live.log.path.read_bytes()
    live.log.path.write_bytes(content + b'{"chunk":5,"se')
    log = read_log(live.log.path)
    assert "torn" in log.note
    assert same(again(engine, log), frames)


def test_other_timesteps_and_another_memory_are_replayed_too(engine: StreamEngine, begun: Begun) -> None:
    live = begun(timesteps=(1000.0, 500.0), sink_frames=1, window_frames=6)
    frames = run(live, 4)
    log = live.finish()
    assert log.header.stream.timesteps == (1000, 500)
    assert same(again(engine, log), frames)
    assert same([chunk.frames for chunk in replay(engine, log, 2)], frames[:2])


@pytest.mark.parametrize("chunk", [0, 3, 5])
def test_a_provider_goes_on_alike_from_a_copy_and_from_the_log(begun: Begun, chunk: int) -> None:
    live = begun()
    run(live, 5)
    live.log.flush()
    log = read_log(live.log.path)
    told = provider_at(log, chunk)
    assert type(told) is type(live.provider)
    for _ in range(2):  # a copy can be taken up again and again
        copy = provider_at(log, chunk, live.history)
        window = Window.of_chunk(live.session.config, chunk)
        for provider in (told, copy):
            provider.handle({"type": "press", "x": 0.4, "y": 0.4, "time_seconds": window.start_seconds})
        assert copy.read(window) == told.read(window)
        told = provider_at(log, chunk)
    assert provider_at(log, 5).read(Window.of_chunk(live.session.config, 5)) == live.provider.read(
        Window.of_chunk(live.session.config, 5)
    )


def test_a_control_that_makes_no_sense_is_refused_and_the_others_are_applied(
    engine: StreamEngine, begun: Begun
) -> None:
    live = begun()
    bad = EventControl(chunk=0, seq=0, client_ms=0, event={"type": "fly"})
    good = EventControl(chunk=0, seq=1, client_ms=0, event={"type": "pin", "x": 0.5, "y": 0.5})
    huge = CutControl(chunk=0, picture="no picture", prompt="never")
    made = apply_chunk(live.session, live.provider, [bad, huge, good], Window.of_chunk(engine.config, 0))
    assert made.controls == (good,)
    assert [refusal.control for refusal in made.refused] == [bad, huge]
    assert "fly" in made.refused[0].reason
    assert made.chunk.tracks.num_points == 1
    assert live.session.prompt == "a thing moves"


def test_a_model_of_another_shape_or_a_missing_provider_is_refused_at_once(engine: StreamEngine, begun: Begun) -> None:
    live = begun()
    log = live.finish()
    wide = replace(log.header, stream=replace(log.header.stream, width=64))
    with pytest.raises(InputError, match=r"have width 64, got 32.*tiny"):
        replay(engine, replace(log, header=wide))
    with pytest.raises(ProviderError, match="No provider is called 'nobody'"):
        replay(engine, replace(log, header=replace(log.header, provider="nobody")))
    with pytest.raises(InputError, match="announced provider, got 'antigravity:Fly'"):
        replay(engine, replace(log, header=replace(log.header, provider="antigravity:Fly")))
    assert "antigravity" not in sys.modules


def test_a_header_opens_the_session_that_it_was_made_of(engine: StreamEngine, begun: Begun) -> None:
    live = begun(timesteps=(900.0,), window_frames=0)
    twin = begin(engine, live.finish().header)
    assert np.array_equal(twin.picture.pixels, live.session.picture.pixels)
    assert (twin.config, twin.seed, twin.prompt) == (live.session.config, 5, "a thing moves")
