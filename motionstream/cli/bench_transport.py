"""`motionstream bench transport`: what encoding, the network path and decoding add to a model's latency."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motionstream.cli.console import notes
from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.cli.live_bench.report import Latency, LiveReport
    from motionstream.cli.live_bench.server_process import ServerProcess

DEFINITIONS = {
    "delivery": "ms from the engine's finished chunk (read from the frame's pixels) to decoded pixels in the client, "
    "with encoding, the loopback and decoding; the frames of a chunk follow one another",
    "receipt": "ms from sending a movement of the pointer to the server's receipt: the way up and down",
    "hand to screen": "ms from a movement to the display of the first frame that has it, with the wait for the chunk "
    "to begin and the frames' pace",
    "cpu": "user and system time of the server's process, of one core; making the null engine's frames is in it",
    "median": "of the runs, with the lowest and highest run in brackets; each latency is p50 / p95",
}


@dataclass(frozen=True, kw_only=True)
class TransportRow:
    """One size and codec.

    Attributes:
        size: Of the frames.
        codec: Of the frames.
        fps_shown: Video frames shown a second; median of the runs.
        delivery: See `DEFINITIONS`.
        delivery_p50_range_ms: Lowest and highest run.
        receipt: See `DEFINITIONS`.
        hand_to_screen: See `DEFINITIONS`.
        longest_gap_ms: Between two frames shown, of all runs.
        cpu_percent: Of the server; median of the runs.
        making_percent: Of it, making the frames, measured by itself.
        kb_per_frame: 1,000 bytes.
    """

    size: str
    codec: str
    fps_shown: float
    delivery: Latency | None
    delivery_p50_range_ms: tuple[float, float]
    receipt: Latency | None
    hand_to_screen: Latency | None
    longest_gap_ms: float
    cpu_percent: float
    making_percent: float
    kb_per_frame: float


@dataclass(frozen=True, kw_only=True)
class BenchTransport:
    """Measure what encoding, the network path and decoding add, by a null engine and a client on this machine."""

    sizes: tuple[str, ...] = ("256x256", "832x480")
    """Sizes of the frames."""
    codecs: tuple[Literal["jpeg", "h264", "vp8"], ...] = ("jpeg", "h264", "vp8")
    """Codecs of the frames."""
    fps: float = 30.0
    """Video frames per second."""
    pointer_hz: float = 60.0
    """Samples of the pointer per second."""
    chunk_frames: int = 1
    """Latent frames of a chunk; 1 is 4 video frames."""
    seconds: float = 10.0
    """Length of a run, after a warm-up."""
    runs: int = 3
    """Runs of each size and codec."""
    json: Path | None = None
    """Also write the report to this JSON file."""

    def run(self) -> int:
        """Measure, print and write the report."""
        from motionstream.cli.live_bench.report import load_average, parse_size, report_of

        if not (self.runs >= 1 and self.seconds > 0 and 1 <= self.pointer_hz <= 500):
            raise InputError("Wanted at least one run of more than 0 seconds, and 1 to 500 samples a second.")
        sizes, load = [parse_size(size) for size in self.sizes], load_average()
        rows = [row for width, height in sizes for row in self._rows(width, height)]
        settings = {name: value for name, value in dataclasses.asdict(self).items() if name != "json"}
        report = report_of(rows, settings, DEFINITIONS, load)
        _print(report, rows)
        if self.json is not None:
            report.write(self.json)
        return 0

    def _rows(self, width: int, height: int) -> list[TransportRow]:
        from motionstream.cli.live_bench.server_process import NullSpec, ServerProcess
        from motionstream.config import StreamConfig
        from motionstream.serving.settings import ServerSettings

        spec = NullSpec(stream=StreamConfig(width=width, height=height, fps=self.fps, chunk_frames=self.chunk_frames))
        rows = []
        with ServerProcess(spec, ServerSettings()) as server:
            making = self._making_seconds(spec.stream.width, spec.stream.height)
            for codec in self.codecs:
                notes().print(f"{width}x{height} {codec} ...")
                rows.append(self._row(server, codec, (width, height), making))
        return rows

    def _row(
        self, server: ServerProcess, codec: Literal["jpeg", "h264", "vp8"], size: tuple[int, int], making: float
    ) -> TransportRow:
        import numpy as np

        from motionstream.cli.live_bench.report import Latency
        from motionstream.cli.live_bench.user import UserSettings
        from motionstream.cli.live_bench.visit import run_visit, visit

        settings = UserSettings(codec=codec, pointer_hz=self.pointer_hz)
        visits = [run_visit(visit(server, 1, settings, self.seconds)) for _ in range(self.runs)]
        seen = [each.seen[0] for each in visits]
        middles = [float(np.median(each.delivery_ms)) for each in seen if each.delivery_ms] or [float("nan")]
        fps = float(np.median([each.frames / self.seconds for each in seen]))
        return TransportRow(
            size=f"{size[0]}x{size[1]}",
            codec=codec,
            fps_shown=fps,
            delivery=Latency.median_of([Latency.of(each.delivery_ms) for each in seen]),
            delivery_p50_range_ms=(min(middles), max(middles)),
            receipt=Latency.median_of([Latency.of(each.receipt_ms) for each in seen]),
            hand_to_screen=Latency.median_of([Latency.of(each.photon_ms) for each in seen]),
            longest_gap_ms=max((gap for each in seen for gap in each.gaps_ms), default=float("nan")),
            cpu_percent=float(np.median([each.after.cpu_percent_since(each.before) for each in visits])),
            making_percent=100 * making * fps,
            kb_per_frame=sum(each.payload_bytes for each in seen) / max(1, sum(each.frames for each in seen)) / 1000,
        )

    def _making_seconds(self, width: int, height: int) -> float:
        """Processor time of one frame of the null engine."""
        import time

        from motionstream.cli.live_bench.null_engine import NullEngine
        from motionstream.cli.live_bench.picture import measuring_picture
        from motionstream.config import StreamConfig
        from motionstream.tracks import Tracks

        engine = NullEngine(StreamConfig(width=width, height=height))
        session = engine.open_session(measuring_picture(width, height))
        session.step(Tracks.empty(9))
        begun = time.process_time()
        for _ in range(20):
            session.step(Tracks.empty(12))
        return (time.process_time() - begun) / 240


def _print(report: LiveReport, rows: list[TransportRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    from motionstream.cli.live_bench.report import print_conditions

    print_conditions(report)
    columns = (
        "size",
        "codec",
        "fps shown",
        "delivery ms",
        "receipt ms",
        "hand to screen ms",
        "longest gap ms",
        "cpu %",
    )
    table = Table(*columns, "KB/frame", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        low, high = row.delivery_p50_range_ms
        table.add_row(
            row.size,
            row.codec,
            f"{row.fps_shown:.1f}",
            f"{row.delivery} [{low:.1f}..{high:.1f}]",
            str(row.receipt),
            str(row.hand_to_screen),
            f"{row.longest_gap_ms:.0f}",
            f"{row.cpu_percent:.0f} ({row.making_percent:.1f} making)",
            f"{row.kb_per_frame:.1f}",
        )
    Console(highlight=False, width=160).print(table)
