"""A running studio with the embedded checkpoint, and a real browser in which a person uses it."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

SCREENSHOTS = Path(__file__).resolve().parents[2] / "outputs" / "screenshots"
START_SECONDS = 120
STATE = """() => {
  const view = [...document.querySelectorAll("motionstream-live")].find((view) => view.checkVisibility());
  const { status, generation, chunk, frame, marks, link } = view.stream;
  return { status, generation, chunk, frame: frame?.frame ?? -1, waiting: marks.waiting.length, link: link.state,
           points: view.stream.told.of(frame?.frame ?? 0)?.count ?? 0 };
}"""


class LivePage:
    """The visible live view of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view = page.locator("motionstream-live >> visible=true")
        self.surface = self.view.locator(".surface")

    def state(self) -> dict:
        return self.page.evaluate(STATE)

    def until(self, condition: str, seconds: float = 20) -> dict:
        """Wait until a condition on the state, such as "s.chunk > 2", holds."""
        self.page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition}; }}", timeout=1000 * seconds)
        return self.state()

    def ready(self) -> LivePage:
        self.view.locator('.studio:not([data-status="loading"])').wait_for()
        self.page.wait_for_timeout(300)  # the first example arrives
        return self

    def button(self, name: str) -> Locator:
        return self.view.locator(f"[data-do={name}]")

    def key(self, key: str) -> None:
        self.page.keyboard.press(key)

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.surface.bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 20, ms: int = 1000) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        for part in np.linspace(0, 1, steps + 1)[1:]:
            x, y = (1 - part) * np.array(start) + part * np.array(end)
            self.page.mouse.move(*self.at(x, y))
            self.page.wait_for_timeout(ms / steps)
        self.page.mouse.up()

    def tap(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.at(x, y))

    def upload(self, pixels: np.ndarray) -> None:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "png")
        file = {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        self.view.locator("[data-file=picture]").set_input_files(file)
        self.page.wait_for_timeout(300)

    def pixels(self) -> np.ndarray:
        """What the video's canvas shows, uint8 [h, w, 3]."""
        url = self.view.evaluate("(view) => view.shadowRoot.querySelector('.video').toDataURL('image/png')")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)


@dataclass(frozen=True, kw_only=True)
class Studio:
    """`motionstream app` in a process of its own."""

    url: str
    process: subprocess.Popen[str]
    recordings: Path

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@contextmanager
def run_studio(recordings: Path, *flags: str, port: int = 0) -> Iterator[Studio]:
    command = [sys.executable, "-c", "import sys; from motionstream.cli import main; sys.exit(main(sys.argv[1:]))"]
    command += ["app", "--no-browser", "--port", str(port), "--recordings", str(recordings), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield Studio(url=_printed_url(process.stdout), process=process, recordings=recordings)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _printed_url(stdout: IO[str]) -> str:
    url = stdout.readline().strip()
    assert url.startswith("http://"), url
    with urllib.request.urlopen(url.split("?")[0] + "healthz", timeout=START_SECONDS) as answer:
        assert answer.status == 200
    return url


@pytest.fixture(scope="session")
def start_studio() -> Callable[..., AbstractContextManager[Studio]]:
    """Starts a server of its own for a test."""
    return run_studio


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for all tests that do not stop it."""
    with run_studio(tmp_path_factory.mktemp("recordings")) as studio:
        yield studio


@pytest.fixture(scope="module")  # its event loop must not run any more when other tests run theirs
def chromium() -> Iterator[Browser]:
    """Headless Chromium: the system's, or the one that playwright installed."""
    with sync_playwright() as playwright:
        installed = Path(playwright.chromium.executable_path)
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if path is None and not installed.exists():
            pytest.skip("no Chromium: install one, or run playwright install chromium")
        browser = playwright.chromium.launch(executable_path=path or str(installed), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., LivePage]]:
    """Opens pages, each a visitor of its own; none may complain, or ask strangers for anything."""
    contexts, complaints = [], []

    def complained(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.location.get('url')}: {message.text}")

    def opened(url: str, *, width: int = 1280, dark: bool = False, forgive: bool = False) -> LivePage:
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        if not forgive:
            page.on("console", complained)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if _foreign(request.url) else None)
        page.goto(url)
        return LivePage(page)

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _foreign(url: str) -> bool:
    return url.startswith("http") and "//localhost" not in url and "//127.0.0.1" not in url


@pytest.fixture
def run(studio: Studio, visit: Callable[..., LivePage]) -> Callable[..., object]:
    """Runs a function body with `given` in a page of the studio; `bytes` reads what Python wrote in base 64."""
    page = visit(studio.url).page
    decode = "const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));"

    def ran(body: str, given: object = None) -> object:
        return page.evaluate(f"async (given) => {{ {decode} {body} }}", given)

    return ran
