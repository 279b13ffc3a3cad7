"""People move a picture with a camera in a real browser, whose camera is a file of known motion."""

import base64
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserType, sync_playwright

from tests.apps.conftest import LivePage
from tests.plugins.webcam_clips import TILE

SCREENSHOTS = Path(__file__).resolve().parents[2] / "outputs" / "screenshots"
WIDTH, HEIGHT, FPS, SECONDS = 320, 240, 30, 6
SEEN_PX = 128

COLLECT = """(view, px) => {
  const canvas = new OffscreenCanvas(px, px);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  view.collected = [];
  const next = view.stream.nextFrame.bind(view.stream);
  view.stream.nextFrame = (now) => {
    const entry = next(now);
    if (entry) {
      context.drawImage(entry.image, 0, 0, px, px);
      const { data } = context.getImageData(0, 0, px, px);
      const grey = String.fromCharCode(...Array.from({ length: px * px }, (_, i) => data[4 * i + 1]));
      view.collected.push([entry.frame, Number.isNaN(entry.inputMs) ? null : entry.inputMs, btoa(grey)]);
    }
    return entry;
  };
}"""


def motion(seconds: np.ndarray) -> np.ndarray:
    """How far the camera's whole picture has moved, in widths [t, 2]; a loop that no shift in time maps on itself."""
    wave = 2 * np.pi * np.asarray(seconds) / SECONDS
    x = 0.06 * np.sin(wave) + 0.03 * np.sin(3 * wave)
    y = 0.05 * np.sin(2 * wave + 0.7)
    return np.stack([x, y], axis=-1)


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera sees, again and again."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    soft = cv2.GaussianBlur(TILE, (0, 0), 3)
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT, FPS))
        for dx, dy in motion(np.arange(FPS * SECONDS) / FPS) * WIDTH:
            place = np.array([[1, 0, 160 - dx], [0, 1, 120 - dy]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            pixels = cv2.warpAffine(soft, place, (WIDTH, HEIGHT), flags=flags)
            file.write(b"FRAME\n" + cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def launched(kind: BrowserType, *flags: str) -> Browser:
    """Headless Chromium: the system's, or the one that playwright installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None and not Path(kind.executable_path).exists():
        pytest.skip("no Chromium: install one, or run playwright install chromium")
    return kind.launch(executable_path=path or kind.executable_path, args=["--no-sandbox", *flags])


@pytest.fixture(scope="module")
def chromium(camera_file: Path) -> Iterator[Browser]:
    """Chromium with the file for a camera, which pages may use once they are let."""
    file = f"--use-file-for-fake-video-capture={camera_file}"
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium, "--use-fake-device-for-media-stream", file)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def webcam_url(start_studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_studio(tmp_path_factory.mktemp("recordings")) as studio:
        yield studio.url


@pytest.fixture
def open_tab(webcam_url: str, visit: Callable) -> Callable:
    """The Webcam tab of a new visitor."""

    def opened(*, let: bool = True, **look):
        live = visit(webcam_url, **look)
        if let:
            live.page.context.grant_permissions(["camera"])
        live.page.get_by_role("tab", name="Webcam", exact=True).click()
        live.view.locator(".camera").wait_for(state="attached")
        return live.ready()

    return opened


def press(live, name: str) -> None:
    live.view.locator(f"[data-webcam={name}] >> visible=true").first.click()


def camera_on(live) -> None:
    press(live, "on")
    live.view.locator('.camera[data-state="live"]').wait_for(state="attached")


def words(live, part: str) -> None:
    """Wait until the camera's line says so."""
    live.view.locator(".camera-words", has_text=part).wait_for()


def values(live, name: str):
    return live.view.evaluate("(view, name) => view.panel.values[name]", name)


def followed(live, count: int) -> None:
    """Wait until so many more camera pictures were followed."""
    wanted = (values(live, "num_followed") or 0) + count
    live.page.wait_for_function(
        "([view, wanted]) => view.panel.values.num_followed >= wanted", arg=[live.view.element_handle(), wanted]
    )


def mottled() -> np.ndarray:
    rng = np.random.default_rng(3)
    spots = np.kron(rng.integers(30, 225, (20, 20, 3), dtype=np.uint8), np.ones((13, 13, 1), np.uint8))
    return cv2.GaussianBlur(spots, (0, 0), 2.5)


def retracked(frames: list[np.ndarray]) -> np.ndarray:
    """How far the picture has moved, by Lucas-Kanade from frame to frame, in widths [t, 2]."""
    steps = [np.zeros(2)]
    for before, after in pairwise(frames):
        points = cv2.goodFeaturesToTrack(before, 200, 0.01, 5)
        there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=(15, 15), maxLevel=3)
        moved = (there - points)[found[:, 0] == 1, 0]
        steps.append(np.median(moved, axis=0) / SEEN_PX)
    return np.cumsum(steps, axis=0)


def best_correlation(seen: np.ndarray, seconds: np.ndarray, sign: tuple[int, int] = (1, 1)) -> float:
    """Of the motion that was seen with the file's, both axes at once; when the file began is not known."""
    lags = np.arange(0, SECONDS, 1 / 60)
    return max(_correlation(seen, motion(seconds + lag) * sign) for lag in lags)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_the_picture_moves_as_the_camera_sees(open_tab, record_property):
    live = open_tab()
    live.upload(mottled())
    camera_on(live)
    live.view.locator("[name=mirror]").uncheck()
    live.view.evaluate(COLLECT, SEEN_PX)
    live.button("start").click()
    live.until("s.frame > 180", 60)
    collected = live.view.evaluate("(view) => view.collected")
    times = np.array([np.nan if ms is None else ms / 1000 for _, ms, _ in collected])
    known = np.flatnonzero(~np.isnan(times))
    assert len(known) > 60
    first, last = known[0], known[-1]
    frames = [np.frombuffer(base64.b64decode(grey), np.uint8).reshape(SEEN_PX, SEEN_PX) for *_, grey in collected]
    seconds = np.interp(np.arange(first, last + 1), known, times[known])
    seen = retracked(frames[first : last + 1])
    correlation = best_correlation(seen, seconds)
    record_property("correlation", correlation)
    assert correlation >= 0.8
    assert best_correlation(seen, seconds, (1, -1)) < correlation - 0.1  # up and down are not exchanged
    assert np.ptp(seen[:, 0]) == pytest.approx(np.ptp(motion(np.arange(0, 6, 0.02))[:, 0]), rel=0.5)
    latency = live.view.evaluate("(view) => view.stream.stats.control_to_photon_ms")
    assert 0 < latency["p50"] <= latency["p95"]
    live.screenshot(SCREENSHOTS / "webcam-streams.png")


def test_partners_have_one_colour_on_both_pictures(open_tab):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 10)
    live.until("s.points > 100 && s.frame > 12")
    assert values(live, "num_points") == live.state()["points"]
    colours = live.view.evaluate(
        """(view) => {
          const canvas = view.shadowRoot.querySelector("canvas.overlay");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const hues = new Set();
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] === 255) hues.add(`${data[i] >> 6},${data[i + 1] >> 6},${data[i + 2] >> 6}`);
          }
          return hues.size;
        }"""
    )
    assert colours > 6


def test_a_camera_that_is_refused_is_told_in_words_and_the_stream_goes_on(open_tab):
    live = open_tab(let=False, forgive=True)
    live.key("Enter")
    live.until("s.status === 'streaming' && s.frame > 0")
    press(live, "on")
    words(live, "The camera was refused.")
    words(live, "The video goes on from the last motion.")
    frame = live.state()["frame"]
    live.until(f"s.frame > {frame + 12}")


@pytest.mark.parametrize(
    ("error", "part"),
    [("NotReadableError", "Another program uses the camera"), ("NotFoundError", "No camera was found")],
)
def test_a_camera_that_is_not_to_be_had_is_told_in_words(open_tab, error: str, part: str):
    live = open_tab()
    refuse = """(name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
    }"""
    live.page.evaluate(refuse, error)
    press(live, "on")
    words(live, part)


def test_a_camera_that_is_unplugged_leaves_the_stream_going_and_comes_back(open_tab):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 5)
    live.view.evaluate("(view) => view.panel.source.stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    words(live, "The camera was unplugged.")
    frame = live.state()["frame"]
    live.until(f"s.status === 'streaming' && s.points > 100 && s.frame > {frame + 24}")
    camera_on(live)
    followed(live, 5)
    words(live, "of them found")


def test_cameras_are_swapped_while_it_streams(chromium: Browser, webcam_url: str):
    browser = launched(chromium.browser_type, "--use-fake-device-for-media-stream=device-count=2")
    try:
        page = browser.new_page()
        page.context.grant_permissions(["camera"])
        page.goto(webcam_url)
        page.get_by_role("tab", name="Webcam", exact=True).click()
        live = LivePage(page).ready()
        camera_on(live)
        live.view.locator("[data-webcam=swap]").wait_for()
        assert live.view.locator("[name=device] option").count() == 2
        first = live.view.evaluate("(view) => view.panel.source.deviceId")
        live.key("Enter")
        followed(live, 5)
        press(live, "swap")
        other = "([view, first]) => view.panel.source.state === 'live' && view.panel.source.deviceId !== first"
        page.wait_for_function(other, arg=[live.view.element_handle(), first])
        followed(live, 5)
        assert live.view.locator("[name=device]").input_value() != first
        assert live.state()["status"] == "streaming"
    finally:
        browser.close()


def test_the_example_plays_without_a_camera(open_tab):
    live = open_tab(let=False)
    press(live, "example")
    live.view.locator('.camera[data-state="clip"]').wait_for(state="attached")
    live.key("Enter")
    followed(live, 60)
    assert values(live, "seen_share") > 0.8
    xs = []
    for _ in range(25):
        xs.append(np.mean([x for x, _ in values(live, "target_xy")]))
        live.page.wait_for_timeout(200)
    assert max(xs) - min(xs) > 0.1
    live.screenshot(SCREENSHOTS / "webcam-example.png")


def test_leaving_the_tab_turns_the_camera_off_and_coming_back_turns_it_on(open_tab):
    live = open_tab()
    camera_on(live)
    page, view = live.page, live.view.element_handle()
    page.get_by_role("tab", name="Drag", exact=True).click()
    page.wait_for_function("(view) => view.panel.source.state === 'left' && !view.panel.source.stream", arg=view)
    page.get_by_role("tab", name="Webcam", exact=True).click()
    page.wait_for_function("(view) => view.panel.source.state === 'live'", arg=view)


def test_a_hidden_page_sends_nothing_and_goes_on_when_it_is_seen_again(open_tab):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 5)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    live.page.evaluate(hide, True)
    words(live, "The page is hidden")
    live.until("s.status === 'paused'")
    live.page.wait_for_timeout(500)
    before = live.view.evaluate("(view) => view.panel.sender.flight.lastAt")
    live.page.wait_for_timeout(700)
    assert live.view.evaluate("(view) => view.panel.sender.flight.lastAt") == before
    live.page.evaluate(hide, False)
    live.until("s.status === 'streaming'")
    followed(live, 5)


def drag_over(live, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = live.view.locator(selector).bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    live.page.mouse.move(*at[0])
    live.page.mouse.down()
    live.page.mouse.move(*at[1], steps=8)
    live.page.mouse.up()


def test_a_box_on_each_picture_says_which_part_moves_which(open_tab):
    live = open_tab()
    press(live, "box")
    drag_over(live, ".camera-frame .pick", (0.5, 0.1), (0.9, 0.6))
    drag_over(live, ".frame .pick", (0.1, 0.4), (0.5, 0.8))
    settings = live.view.evaluate("(view) => view.stream.options.settings")
    assert settings["camera_box"] == pytest.approx([0.5, 0.1, 0.9, 0.6], abs=0.01)
    assert settings["target_box"] == pytest.approx([0.1, 0.4, 0.5, 0.8], abs=0.01)
    press(live, "box")
    camera_on(live)
    live.key("Enter")
    followed(live, 5)
    middle = np.mean(values(live, "camera_xy"), axis=0)
    assert middle == pytest.approx([0.7, 0.35], abs=0.12)
    assert np.mean(values(live, "target_xy"), axis=0) == pytest.approx([0.3, 0.6], abs=0.12)
    live.screenshot(SCREENSHOTS / "webcam-boxes.png")


def test_a_part_is_painted_while_it_streams_and_all_of_it_is_taken_back(open_tab):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 5)
    press(live, "brush")
    drag_over(live, ".frame .pick", (0.2, 0.2), (0.8, 0.2))
    live.page.wait_for_function(
        "(view) => view.panel.values.target_xy.every(([, y]) => y < 0.5)", arg=live.view.element_handle()
    )
    press(live, "whole")
    live.page.wait_for_function(
        "(view) => view.panel.values.target_xy.some(([, y]) => y > 0.8)", arg=live.view.element_handle()
    )


def test_a_part_is_chosen_with_the_keyboard_alone(open_tab):
    live = open_tab()
    press(live, "box")
    live.view.locator(".camera-frame .pick").focus()
    live.key("ArrowLeft")
    live.key("ArrowLeft")
    live.key("Shift+ArrowRight")
    box = live.view.evaluate("(view) => view.stream.options.settings.camera_box")
    assert box == pytest.approx([0.23, 0.25, 0.75, 0.75])


def test_the_reference_is_set_with_a_key_and_the_points_rest_again(open_tab):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 40)
    live.key("c")
    assert "pose of rest" in live.view.locator(".toast").last.inner_text()
    live.page.wait_for_timeout(2500)
    assert values(live, "state") == "running"
    assert values(live, "seen_share") > 0.6


def test_the_mirror_is_what_is_sent(open_tab):
    live = open_tab()
    camera_on(live)
    picture = """async (view) => {
      const sender = view.panel.sender;
      const bytes = await new Promise((resolve) => {
        const send = sender.send;
        sender.send = (bytes, ms) => { sender.send = send; resolve(bytes); return send(bytes, ms); };
      });
      return btoa(String.fromCharCode(...bytes));
    }"""
    live.key("Enter")
    followed(live, 3)

    def sent() -> np.ndarray:
        data = np.frombuffer(base64.b64decode(live.view.evaluate(picture)), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)

    def offset(one: np.ndarray, other: np.ndarray) -> float:
        """How well two pictures match at their best shift."""
        window = cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F)
        return cv2.phaseCorrelate(one.astype(np.float32), other.astype(np.float32), window)[1]

    mirrored = sent()
    assert mirrored.shape == (240, 320)
    live.key("m")
    plain = sent()
    assert offset(plain, mirrored[:, ::-1]) > 2 * offset(plain, mirrored)


def test_a_recording_has_camera_and_video_side_by_side_too(open_tab, tmp_path: Path):
    live = open_tab()
    camera_on(live)
    live.key("Enter")
    followed(live, 3)
    live.key("v")
    live.page.wait_for_timeout(3000)
    live.key("v")
    live.view.locator(".recorded:not([hidden])").wait_for()
    link = live.view.locator(".both a")
    link.wait_for()
    with live.page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    video = cv2.VideoCapture(str(tmp_path / download.value.suggested_filename))
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    assert width / height == pytest.approx(4 / 3 + 1, abs=0.02)
    assert sum(video.read()[0] for _ in range(20)) > 10


def test_a_trackers_license_and_why_it_cannot_work_are_shown(open_tab):
    live = open_tab()
    live.view.evaluate("(view) => (view.stream.options.settings.tracker = 'cotracker3')")
    camera_on(live)
    live.key("Enter")
    live.view.locator(".notice", has_text="its license is").wait_for()
    if importlib.util.find_spec("cotracker") is None:
        words(live, "pip install")
    live.until("s.status === 'streaming' && s.frame > 9")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_overflows_and_every_control_has_a_name(open_tab, width: int, dark: bool):
    live = open_tab(width=width, dark=dark)
    camera_on(live)
    live.page.locator("button.label-wrap:visible", has_text="Motion").click()
    live.page.wait_for_timeout(300)
    assert live.page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = live.view.evaluate(
        "(view) => [...view.shadowRoot.querySelectorAll('button, input:not([hidden]), select, textarea, .pick')]"
        ".filter((one) => !(one.ariaLabel || one.textContent?.trim() || one.labels?.length))"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []
    live.screenshot(SCREENSHOTS / f"webcam-{width}-{'dark' if dark else 'light'}.png")
