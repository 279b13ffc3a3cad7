"""How fast a model streams: stage by stage over many chunks, and whether that changes along the stream."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from motionstream.providers import Window
from motionstream.streaming.device import hardware, versions
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.profiling import Spread, StageTimes, Trend, stage_spreads
from motionstream.tracks import Tracks

FPS_DEFINITION = (
    "video frames of a chunk / median wall-clock time of a chunk: from its tracks to its uint8 frames in the CPU's "
    "memory (tracks + denoise + decode: frames), and its cache write; without provider, video file or network"
)


REFERENCE_EVERY = 10
"""Chunks between two of a young stream that show how fast the machine is at that time."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """What was measured, and everything that a claim of speed must carry.

    Attributes:
        date: When, UTC, ISO 8601.
        hardware: Processor, cores, threads, GPU.
        versions: Of what the speed depends on.
        settings: Checkpoint, sizes, number type, what was run.
        frames_per_chunk: Video frames.
        stages: Spread of every stage, of "frames" (until they are there) and of "total" over the measured chunks.
        trend: Change along the stream; None where too few chunks were run.
    """

    date: str
    hardware: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    frames_per_chunk: int
    stages: dict[str, Spread]
    trend: Trend | None

    @property
    def fps(self) -> float:
        """End to end, as `FPS_DEFINITION` says."""
        return 1000 * self.frames_per_chunk / self.stages["total"].median_ms

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**dataclasses.asdict(self), "fps": self.fps, "fps_definition": FPS_DEFINITION}


def measure(
    engine: StreamEngine,
    *,
    num_chunks: int = 50,
    num_long: int = 0,
    num_points: int = 400,
    on_chunk: Callable[[StageTimes], None] = lambda _: None,
) -> BenchmarkReport:
    """Stream a random picture under swirling points and time every chunk once the cache is full.

    Args:
        engine: What is measured.
        num_chunks: Chunks over which the stages are summed up.
        num_long: Chunks over which the trend is found, side by side with a young stream; 0 for none.
        num_points: About how many points move, a square number.
        on_chunk: Called after each measured chunk.
    """
    config = engine.config
    pixels = np.random.default_rng(0).integers(0, 256, (config.height, config.width, 3), dtype=np.uint8)
    session = engine.open_session(pixels, "points swirl around the middle")
    for _ in range(num_warm_up_chunks(engine)):
        session.step(swirl(Window.of_chunk(config, session.num_chunks), num_points))
    young, reference = session.snapshot(), session.fork()
    times: list[StageTimes] = []
    machine: list[float] = []
    for index in range(max(num_chunks, num_long)):
        if num_long and index % REFERENCE_EVERY == 0:
            reference.restore(young)
            step = reference.step(swirl(Window.of_chunk(config, young.num_chunks), num_points))
            reference.settle()
        machine.append(step.timings.total_ms if num_long else 1.0)
        times.append(session.step(swirl(Window.of_chunk(config, session.num_chunks), num_points)).timings)
        on_chunk(times[-1])
    return BenchmarkReport(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        hardware=hardware(engine.checkpoint.device),
        versions=versions(),
        settings={**_settings(engine), "num_chunks": num_chunks, "num_long": num_long, "num_points": num_points},
        frames_per_chunk=config.video_frames_in_chunk(1),
        stages=stage_spreads(times[:num_chunks]),
        trend=Trend.of(_at_one_speed([each.total_ms for each in times], machine)) if num_long else None,
    )


def _at_one_speed(times_ms: list[float], machine_ms: list[float]) -> list[float]:
    """Times as they would be on a machine whose own speed does not change: one chunk of a stream that is always as
    young as at the start is timed along the way, and what that takes longer is the machine's doing."""
    usual = float(np.median(machine_ms))
    window = 5 * REFERENCE_EVERY
    return [
        time * usual / float(np.median(machine_ms[max(0, i - window) : i + window + 1]))
        for i, time in enumerate(times_ms)
    ]


def num_warm_up_chunks(engine: StreamEngine) -> int:
    """Chunks until the cache is full (the first ones attend less, and are faster), and two more."""
    config = engine.config
    return math.ceil((config.sink_frames + config.window_frames) / config.chunk_frames) + 2


def swirl(window: Window, num_points: int) -> Tracks:
    """A square grid of points that swing around the middle of the picture and stay inside it."""
    side = math.isqrt(num_points)
    ticks = (np.arange(side) + 0.5) / side * 0.6 - 0.3
    start = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    angle = 0.4 * np.sin(window.frame_times)[:, None]
    turned = [
        np.cos(angle) * start[:, 0] - np.sin(angle) * start[:, 1],
        np.sin(angle) * start[:, 0] + np.cos(angle) * start[:, 1],
    ]
    xy = 0.5 + np.stack(turned, axis=-1)
    return Tracks(ids=np.arange(len(start)), xy=xy, visible=np.ones(xy.shape[:2], bool))


def _settings(engine: StreamEngine) -> dict[str, Any]:
    checkpoint = engine.checkpoint
    networks = {"transformer": checkpoint.transformer, "track_head": checkpoint.track_head, "vae": checkpoint.vae}
    return {
        "checkpoint": str(checkpoint.path),
        "parameters": {
            name: sum(parameter.numel() for parameter in network.parameters())
            for name, network in networks.items()
            if isinstance(network, nn.Module)
        },
        "stream": engine.config.to_json(),
        "device": str(checkpoint.device),
        "dtype": str(checkpoint.dtype).removeprefix("torch."),
        "compiled": engine.compiled,
    }
