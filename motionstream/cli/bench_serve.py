"""`motionstream bench serve`: many users on one server, and one user for very long."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.cli.live_bench.report import Latency, LiveReport
    from motionstream.cli.live_bench.server_process import EngineSpec
    from motionstream.serving.settings import ServerSettings
    from motionstream.streaming.profiling import Trend

DEFINITIONS = {
    "frames": "video frames that each user was shown in the same time, fewest..most; fairness is most / fewest. Users "
    "take turns by the chunk, so that in a short time one chunk more or less is much",
    "hand to screen": "ms from a movement to the display of the first frame that has it, p50 / p95 over all users",
    "cpu": "user and system time of the server's process, of one core",
    "memory": "resident memory of the server's process at the end; per user: what it is more than before they came",
    "long run": "one user who shows frames as fast as they come, so that hours pass in minutes; the trends leave the "
    "first tenth out and go through the medians of 20 blocks",
}


@dataclass(frozen=True, kw_only=True)
class ServeRow:
    """One engine with a number of users at the same time.

    Attributes:
        engine: "null" or "model".
        users: How many.
        frames: That each was shown, ascending.
        fairness: The most that one was shown / the fewest.
        fps_total: Video frames a second, all users together.
        hand_to_screen: See `DEFINITIONS`.
        cpu_percent: Of the server.
        memory_mib: Of the server at the end.
        memory_per_user_mib: What it is more than before.
    """

    engine: str
    users: int
    frames: list[int]
    fairness: float
    fps_total: float
    hand_to_screen: Latency | None
    cpu_percent: float
    memory_mib: float
    memory_per_user_mib: float


@dataclass(frozen=True, kw_only=True)
class LongRow:
    """One user for very long.

    Attributes:
        engine: "null" or "model".
        frames: Video frames that were shown.
        seconds: In this time.
        played_minutes: That the video plays.
        memory_mib: Of the server after a tenth of the run, in the middle and at the end.
        memory_mib_per_1000_frames: Slope of its trend, lower and upper end of the 95% interval.
        hand_to_screen: Over the whole run.
        latency_ms_per_1000_frames: Of frames that show a movement; as for memory. None where too few did.
    """

    engine: str
    frames: int
    seconds: float
    played_minutes: float
    memory_mib: tuple[float, float, float]
    memory_mib_per_1000_frames: tuple[float, float, float] | None
    hand_to_screen: Latency | None
    latency_ms_per_1000_frames: tuple[float, float, float] | None


@dataclass(frozen=True, kw_only=True)
class BenchServe:
    """Measure many users on one server: frames each, fairness, memory; or one for very long (--frames)."""

    users: tuple[int, ...] = (1, 4, 16)
    """Numbers of users at the same time."""
    seconds: float = 15.0
    """How long they stay, after a warm-up."""
    frames: int = 0
    """Instead, one user who is shown so many video frames, such as 18000."""
    engine: Literal["null", "model", "both"] = "both"
    """The null engine makes frames at once and shows the server by itself."""
    size: str = "256x256"
    """Of the null engine's frames."""
    fps: float = 16.0
    """Of the null engine's frames."""
    compute_ms: float = 0.0
    """Time that a chunk of the null engine takes, as on a GPU."""
    codec: Literal["jpeg", "h264", "vp8"] = "jpeg"
    """Codec of the frames."""
    history_mib: int = 512
    """Memory for each stream's snapshots; once it is full, the server's memory should not grow any more."""
    checkpoint: str | None = None
    """A checkpoint folder or hub id; by default the embedded one."""
    threads: int | None = None
    """CPU threads of the model; by default torch's choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""
    json: Path | None = None
    """Also write the report to this JSON file."""

    def run(self) -> int:
        """Measure, print and write the report."""
        from motionstream.cli.live_bench.report import load_average, report_of

        if not (self.users and min(self.users) >= 1 and self.seconds > 0 and min(self.frames, self.history_mib) >= 0):
            raise InputError(
                "Wanted numbers of users of at least 1, more than 0 seconds, and frames and MiB of at least 0."
            )
        load = load_average()
        rows: list[ServeRow | LongRow] = []
        for name, spec in self._engines().items():
            if self.frames:
                rows.append(self._long_row(name, spec))
            else:
                rows += [self._row(name, spec, users) for users in self.users]
        settings = {name: value for name, value in dataclasses.asdict(self).items() if name != "json"}
        report = report_of(rows, settings, DEFINITIONS, load)
        _print(report, rows)
        if self.json is not None:
            report.write(self.json)
        return 0

    def _engines(self) -> dict[str, EngineSpec]:
        from motionstream.cli.live_bench.report import parse_size
        from motionstream.cli.live_bench.server_process import ModelSpec, NullSpec
        from motionstream.config import StreamConfig

        width, height = parse_size(self.size)
        stream = StreamConfig(width=width, height=height, fps=self.fps)
        model = ModelSpec(checkpoint=self.checkpoint, device=self.device, dtype=self.dtype, threads=self.threads)
        engines: dict[str, EngineSpec] = {
            "null": NullSpec(stream=stream, compute_seconds=self.compute_ms / 1000),
            "model": model,
        }
        return engines if self.engine == "both" else {self.engine: engines[self.engine]}

    def _row(self, name: str, spec: EngineSpec, users: int) -> ServeRow:
        from motionstream.cli.live_bench.report import Latency
        from motionstream.cli.live_bench.server_process import ServerProcess
        from motionstream.cli.live_bench.user import UserSettings
        from motionstream.cli.live_bench.visit import run_visit, visit

        notes().print(f"{name} engine, {users} user{'s' * (users > 1)} ...")
        with ServerProcess(spec, self._server_settings(users)) as server:
            settings = UserSettings(codec=self.codec)
            run_visit(visit(server, 1, settings, 0.5))  # what is loaded at the first use counts for no user
            empty = server.usage()
            seen = run_visit(visit(server, users, settings, self.seconds))
        frames = sorted(each.frames for each in seen.seen)
        return ServeRow(
            engine=name,
            users=users,
            frames=frames,
            fairness=frames[-1] / max(1, frames[0]),
            fps_total=sum(frames) / seen.seconds,
            hand_to_screen=Latency.of([time for each in seen.seen for time in each.photon_ms]),
            cpu_percent=seen.after.cpu_percent_since(seen.before),
            memory_mib=seen.after.memory_bytes / 2**20,
            memory_per_user_mib=(seen.after.memory_bytes - empty.memory_bytes) / 2**20 / users,
        )

    def _long_row(self, name: str, spec: EngineSpec) -> LongRow:
        from motionstream.cli.live_bench.report import Latency
        from motionstream.cli.live_bench.server_process import ServerProcess
        from motionstream.cli.live_bench.user import UserSettings
        from motionstream.cli.live_bench.visit import run_visit, visit_for_long
        from motionstream.streaming.profiling import Trend

        notes().print(f"{name} engine, {self.frames} frames ...")
        settings = UserSettings(codec=self.codec, num_frames=self.frames, paced=False)
        with ServerProcess(spec, self._server_settings(1, paced=False)) as server:
            seen, fps, memory = run_visit(visit_for_long(server, settings))
        settled = memory[len(memory) // 10 :]
        times = seen.photon_ms[len(seen.photon_ms) // 10 :]
        return LongRow(
            engine=name,
            frames=seen.frames,
            seconds=seen.seconds,
            played_minutes=seen.frames / fps / 60,
            memory_mib=(settled[0], settled[len(settled) // 2], settled[-1]),
            memory_mib_per_1000_frames=_slope(Trend.of(settled), len(memory), seen.frames),
            hand_to_screen=Latency.of(seen.photon_ms),
            latency_ms_per_1000_frames=_slope(Trend.of(times), len(seen.photon_ms), seen.frames),
        )

    def _server_settings(self, users: int, *, paced: bool = True) -> ServerSettings:
        """Seats for all, and no limit that a simulated user could meet."""
        from motionstream.serving.settings import ServerSettings

        return ServerSettings(
            max_streams=users,
            max_videos=users + 1,  # one that has just been left
            max_connections=users + 1,
            messages_per_second=1e6,
            events_per_second=1e6,
            pictures_per_second=1e3,
            history_bytes=self.history_mib * 2**20,
            paced=paced,
        )


def _slope(trend: Trend | None, entries: int, frames: int) -> tuple[float, float, float] | None:
    """A trend over evenly spread entries, per 1,000 frames: slope, lower and upper end."""
    if trend is None:
        return None
    scale = entries / frames
    return trend.slope_ms * scale, trend.low_ms * scale, trend.high_ms * scale


def _print(report: LiveReport, rows: list[ServeRow | LongRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    from motionstream.cli.live_bench.report import print_conditions

    print_conditions(report)
    columns = ("engine", "users", "frames each", "fairness", "fps together", "hand to screen ms", "cpu %")
    table = Table(*columns, "memory MiB", "per user", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        if isinstance(row, LongRow):
            print(_in_words(row))
            continue
        table.add_row(
            row.engine,
            str(row.users),
            f"{row.frames[0]}..{row.frames[-1]}",
            f"{row.fairness:.2f}",
            f"{row.fps_total:.1f}",
            str(row.hand_to_screen),
            f"{row.cpu_percent:.0f} of {100 * (os.cpu_count() or 1)}",
            f"{row.memory_mib:.0f}",
            f"{row.memory_per_user_mib:.1f}",
        )
    if table.rows:
        Console(highlight=False, width=140).print(table)


def _in_words(row: LongRow) -> str:
    def trend(values: tuple[float, float, float] | None, unit: str) -> str:
        if values is None:
            return "not enough for a trend"
        slope, low, high = values
        return f"{slope:+.3f} {unit} per 1,000 frames (95% {low:+.3f}..{high:+.3f})"

    memory = ", ".join(f"{value:.1f}" for value in row.memory_mib)
    return (
        f"{row.engine}: {row.frames} frames ({row.played_minutes:.1f} minutes of video) in {row.seconds:.0f} s\n"
        f"  memory {memory} MiB after a tenth, half and all of it: {trend(row.memory_mib_per_1000_frames, 'MiB')}\n"
        f"  hand to screen {row.hand_to_screen} ms: {trend(row.latency_ms_per_1000_frames, 'ms')}"
    )
