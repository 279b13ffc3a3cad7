"""ServerProcess: a live server in a process of its own, so that what it uses is known by itself."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from motionstream.config import StreamConfig
from motionstream.errors import CheckpointError
from motionstream.serving.opener import Opener
from motionstream.serving.settings import ServerSettings

_START_SECONDS = 300.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class NullSpec:
    """The null engine, and of which streams."""

    stream: StreamConfig
    compute_seconds: float = 0.0

    def load(self) -> Opener:
        """Make it."""
        from motionstream.cli.live_bench.null_engine import NullEngine

        return NullEngine(self.stream, self.compute_seconds)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A checkpoint on its device; the arguments of `StreamEngine.load`."""

    checkpoint: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None

    def load(self) -> Opener:
        """Load it."""
        import torch

        from motionstream.streaming.engine import StreamEngine

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        return StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype)


EngineSpec = NullSpec | ModelSpec


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu_seconds: Of all its threads, user and system.
        memory_bytes: That it holds now; its peak where the system does not tell.
        time_seconds: When this was.
    """

    cpu_seconds: float
    memory_bytes: int
    time_seconds: float

    @classmethod
    def of_this_process(cls) -> Self:
        """Now."""
        return cls(cpu_seconds=time.process_time(), memory_bytes=_memory_bytes(), time_seconds=time.monotonic())

    def cpu_percent_since(self, earlier: Usage) -> float:
        """Processor between two moments, in percent of one core."""
        return 100 * (self.cpu_seconds - earlier.cpu_seconds) / (self.time_seconds - earlier.time_seconds)


class ServerProcess:
    """A server on a free port of the loopback; a context manager that starts and stops it.

    Attributes:
        url: Where it is.

    Args:
        engine: What makes the frames.
        settings: Of the server; its port is not used.
    """

    url: str

    def __init__(self, engine: EngineSpec, settings: ServerSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child, engine, settings), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.url = self._answer(_START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._pipe.send("stop")
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()

    def usage(self) -> Usage:
        """What it has used so far."""
        self._pipe.send("usage")
        usage: Usage = self._answer(_STOP_SECONDS)
        return usage

    def _answer(self, seconds: float) -> Any:
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
        except EOFError:
            pass
        raise CheckpointError("The server that was to be measured did not start or died; its messages are above.")


def _serve(pipe: Connection, engine: EngineSpec, settings: ServerSettings) -> None:
    """The child's whole life."""
    import uvicorn

    from motionstream.serving.server import create_app, uvicorn_options

    options: dict[str, Any] = {**uvicorn_options(settings), "log_level": "error"}
    server = uvicorn.Server(uvicorn.Config(create_app(engine.load, settings), **options))
    with closing(socket.socket()) as listening:
        listening.bind((settings.host, 0))
        thread = threading.Thread(target=_report, args=(pipe, server, listening.getsockname()[1]), daemon=True)
        thread.start()
        server.run(sockets=[listening])


def _report(pipe: Connection, server: Any, port: int) -> None:
    while not server.started:
        time.sleep(0.01)
    pipe.send(f"http://127.0.0.1:{port}")
    questions: dict[str, Callable[[], Usage]] = {"usage": Usage.of_this_process}
    while (question := pipe.recv()) in questions:
        pipe.send(questions[question]())
    server.should_exit = True


def _memory_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
