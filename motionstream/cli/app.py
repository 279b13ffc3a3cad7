"""`motionstream app`: the live server with a page on it, in which people drag and see."""

from __future__ import annotations

import contextlib
import os
import socket
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from motionstream.cli.console import say
from motionstream.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from motionstream.serving.settings import ServerSettings
    from motionstream.streaming.engine import StreamEngine

ENTRY_POINT_GROUP = "motionstream.apps"
"""An app is a function that puts a page on a live server; see `motionstream_gradio.mount`."""

_FLAGS = {"allowed_origins": "allow_origin", "history_bytes": "history_mib"}
"""Flags that are not called as the server's settings are."""

_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, kw_only=True)
class App:
    """Open the studio: choose a picture, press Start, drag."""

    tab: str | None = None
    """Only this tab: a name of `motionstream providers`, or recordings."""
    host: str = "127.0.0.1"
    """Address to listen on. Other than the loopback asks visitors for a token, which the printed URL holds."""
    port: int = 7860
    """Port to listen on; 0 is any free one."""
    token: str | None = None
    """What visitors show; by default a new one for every start, where one is needed."""
    auth: str | None = None
    """user:password of a login page; visitors then need no token."""
    allow_origin: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Origin of a page elsewhere that may connect, such as https://example.org, any number of times."""
    root_path: str = ""
    """Prefix under which a reverse proxy shows the server, such as /demo."""
    proxied: bool = False
    """A reverse proxy stands before the server and sets X-Forwarded-Host; taken for granted with --root-path."""
    browser: bool = True
    """Open the page in a browser."""
    ui: bool = True
    """Serve the page; without it only the live protocol, for other clients."""
    recordings: Path = Path("outputs/recordings")
    """Folder of recordings; the oldest are removed beyond 2 GiB."""
    max_streams: int = 4
    """Streams that take turns at the model; others wait."""
    max_waiting: int = 16
    """Streams that may wait; further ones are turned away."""
    max_videos: int = 16
    """Videos that are held in memory, those that are paused too."""
    max_memory_frames: int = 24
    """Latent frames of sink and window together that a visitor may ask for."""
    history_mib: int = 512
    """MiB of snapshots of a video to go back to."""
    checkpoint: str | None = None
    """A checkpoint folder or hub id; by default the embedded one."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number type; auto is bfloat16 where the hardware computes in it."""
    compile: bool = False
    """Compile the network: a slow start, then faster."""

    def run(self) -> int:
        """Serve until interrupted."""
        import uvicorn

        from motionstream.serving.server import create_app, uvicorn_options

        settings = self._settings()
        login = None if self.auth is None else _login(self.auth)
        app = create_app(self._engine, settings)
        if self.ui:
            _find_mount()(app, tab=self.tab, auth=login, root_path=self.root_path)
        with _listening(self.host, self.port) as listener:
            self._announce(app, listener.getsockname()[1])
            options: dict[str, Any] = {**uvicorn_options(settings), "log_level": "warning"}
            server = uvicorn.Server(uvicorn.Config(app, root_path=self.root_path, **options))
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        return 0

    def _settings(self) -> ServerSettings:
        from pydantic import ValidationError

        from motionstream.serving.settings import ServerSettings

        try:
            return ServerSettings(
                host=self.host,
                port=self.port,
                token=self.token,
                login=self.auth is not None,
                allowed_origins=self.allow_origin,
                proxied=self.proxied or bool(self.root_path),
                max_streams=self.max_streams,
                max_waiting=self.max_waiting,
                max_videos=self.max_videos,
                max_memory_frames=self.max_memory_frames,
                history_bytes=2**20 * self.history_mib,
                recordings=self.recordings,
            )
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            name = "_".join(map(str, problem["loc"]))
            flag = _FLAGS.get(name, name).replace("_", "-")
            raise InputError(f"--{flag}: {problem['msg']}, got {problem['input']!r}.") from error

    def _engine(self) -> StreamEngine:
        from motionstream.streaming.engine import StreamEngine

        return StreamEngine.load(self.checkpoint, device=self.device, dtype=self.dtype, compile=self.compile)

    def _announce(self, app: FastAPI, port: int) -> None:
        """Print the page's URL, and open it."""
        token = app.state.service.access.token
        shown = "localhost" if self.host in ("127.0.0.1", "::1") else self.host
        shown = socket.gethostname() if self.host in _EVERYWHERE else shown
        query = f"?token={token}" if token and self.auth is None else ""
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/{query}"
        print(url, flush=True)
        say("The model is loading meanwhile; Ctrl-C stops.")
        if self.browser and self.ui:
            webbrowser.open(url)


def _find_mount() -> Callable[..., None]:
    found = entry_points(group=ENTRY_POINT_GROUP, name="gradio")
    if not found:
        raise InputError(
            f"No app is announced in {ENTRY_POINT_GROUP!r}: this installation is older than its source. "
            "Install it again, or serve without a page with --no-ui."
        )
    mount: Callable[..., None] = next(iter(found)).load()
    return mount


def _login(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise InputError("--auth: wanted user:password with something on both sides of the colon.")
    return user, password


def _listening(host: str, port: int) -> socket.socket:
    """A socket that takes visitors from now on, so that the page can be opened before the server runs."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else error
        raise InputError(f"--host {host} --port {port}: {reason}. Choose another, such as --port 0.") from error
