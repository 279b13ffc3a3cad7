"""The studio under a path prefix, behind a reverse proxy that strips it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


@contextmanager
def prefix_proxy(prefix: str, port: int) -> Iterator[str]:
    """A proxy that shows localhost:port under a prefix; one request a connection, WebSockets pass."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, prefix, port), daemon=True).start()
        yield f"http://localhost:{server.getsockname()[1]}{prefix}/"


def _accept(server: socket.socket, prefix: str, port: int) -> None:
    with suppress(OSError):
        while True:
            visitor, _ = server.accept()
            threading.Thread(target=_serve, args=(visitor, prefix, port), daemon=True).start()


def _serve(visitor: socket.socket, prefix: str, port: int) -> None:
    with visitor, suppress(OSError):
        head = b""
        while HEAD_END not in head:
            part = visitor.recv(65536)
            if not part:
                return
            head += part
        line, rest = head.split(b"\r\n", 1)
        if not line.split()[1].startswith(f"{prefix}/".encode()):
            icon = line.split()[1] == b"/favicon.ico"  # that of the host, which browsers ask for
            status = b"204 No Content" if icon else b"404 Not Found"
            visitor.sendall(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return
        line = line.replace(prefix.encode(), b"", 1)
        if b"upgrade: websocket" not in rest.lower():
            rest = rest.replace(b"Connection: keep-alive", b"Connection: close")
        with socket.create_connection(("127.0.0.1", port)) as inner:
            inner.sendall(line + b"\r\n" + rest)
            threading.Thread(target=_pump, args=(visitor, inner), daemon=True).start()
            _pump(inner, visitor)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def test_the_page_streams_and_offers_its_files_under_a_prefix(start_studio, visit: Callable, tmp_path: Path):
    with start_studio(tmp_path, "--root-path", "/demo") as studio:
        port = urlsplit(studio.url).port
        with prefix_proxy("/demo", port) as url:
            live = visit(url).ready()
            live.key("Enter")
            live.until("s.status === 'streaming' && s.frame > 0")
            live.key("v")
            live.until("s.chunk >= 3")
            live.key("v")
            live.view.locator(".recorded:not([hidden])").wait_for()
            link = live.view.locator(".files a").first.get_attribute("href")
            assert link.startswith("/demo/api/recordings/")
            assert live.page.evaluate("(link) => fetch(link).then((answer) => answer.status)", link) == 200
