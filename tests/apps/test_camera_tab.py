"""People fly through pictures in a real browser, with the embedded checkpoint."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from motionstream_camera import CameraProvider, CameraSettings, parse_event, read_camera_path

from motionstream.config import StreamConfig
from motionstream.providers import StreamInfo, Window
from motionstream.streaming.video_file import read_video

SCREENSHOTS = Path(__file__).resolve().parents[2] / "outputs" / "screenshots"

CAMERA = "(view) => view.panel.values?.camera"


def mottled(seed: int = 0) -> np.ndarray:
    """A picture with corners everywhere."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(20, 235, (24, 24, 3), np.uint8)
    return cv2.GaussianBlur(cv2.resize(cells, (384, 384), interpolation=cv2.INTER_NEAREST), (0, 0), 2)


def way(before: np.ndarray, after: np.ndarray, rows: slice) -> np.ndarray:
    """Median movement in pixels (x, y) of what lies in some rows, by Lucas and Kanade."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    wanted = np.zeros_like(grey[0])
    wanted[rows] = 255
    corners = cv2.goodFeaturesToTrack(grey[0], 200, 0.01, 4, mask=wanted)
    found, good, _ = cv2.calcOpticalFlowPyrLK(*grey, corners, None, winSize=(15, 15), maxLevel=3)
    assert good.sum() > 10, "too little to follow"
    return np.median((found - corners)[good == 1].reshape(-1, 2), axis=0)


class Flight:
    """The camera's tab of a page."""

    def __init__(self, live) -> None:
        self.live, self.page, self.view = live, live.page, live.view

    def start(self) -> "Flight":
        self.live.button("start").click()
        self.live.until("s.status === 'streaming' && s.frame > 0", 120)
        self.view.locator("img.depth:not([hidden])").wait_for()
        return self

    def stop(self) -> None:
        self.view.locator("[data-do=start]").click()
        self.live.until("s.status === 'stopped'")

    def hold(self, key: str, seconds: float) -> None:
        self.page.keyboard.down(key)
        self.page.wait_for_timeout(1000 * seconds)
        self.page.keyboard.up(key)

    def camera(self) -> dict:
        return self.view.evaluate(CAMERA)

    def until(self, condition: str, seconds: float = 20) -> None:
        """Wait for a condition on the panel `p`."""
        script = f"(view) => {{ const p = view.panel; return {condition}; }}"
        for _ in range(int(10 * seconds)):
            if self.view.evaluate(script):
                return
            self.page.wait_for_timeout(100)
        toasts = self.view.locator(".toast").all_inner_texts()
        raise AssertionError(f"{condition} did not come: {self.camera()}, {self.live.state()}, {toasts}")

    def pace(self, value: float) -> None:
        self.view.locator("[data-in=pace]").fill(str(value))

    def sent(self) -> list[dict]:
        """Events of the camera that left the page since it was asked first."""
        script = """(view) => {
          view.sent ??= [];
          view.act ??= view.stream.act;
          view.stream.act = (events) => {
            view.sent.push(...events.map(({ event }) => event));
            view.act.call(view.stream, events);
          };
          return view.sent.splice(0);
        }"""
        return self.view.evaluate(script)


@pytest.fixture
def opened(studio, visit: Callable) -> Callable[..., Flight]:
    def open_tab(tab: str = "Camera", **kind) -> Flight:
        live = visit(studio.url, **kind)
        live.page.get_by_role("tab", name="Drag", exact=True).wait_for()
        live.page.wait_for_timeout(500)  # tabs that have no room go into a menu
        wanted = live.page.get_by_role("tab", name=tab, exact=True)
        if not wanted.is_visible():
            live.page.locator(".overflow-menu > button").click()
            wanted = live.page.locator(".overflow-dropdown button", has_text=tab).first
        wanted.click()
        return Flight(live.ready())

    return open_tab


def test_keys_fly_and_what_is_near_moves_more_in_the_generated_frames(opened: Callable, studio):
    flight = opened()
    flight.live.upload(mottled())
    flight.pace(0.1)
    flight.start()
    flight.live.key("v")
    chunk = flight.live.state()["chunk"]
    flight.hold("d", 4)
    flight.until("p.values.camera.position[0] > 0.1")
    flight.live.until(f"s.chunk > {chunk + 4}")
    flight.live.button("record").click()
    flight.view.locator(".recorded:not([hidden])").wait_for()
    flight.stop()
    newest = max(studio.recordings.glob("*"), key=lambda folder: folder.stat().st_mtime)
    frames = read_video(next(newest.rglob("video.mp4")))
    ways = [
        (way(*pair, slice(0, 50))[0], way(*pair, slice(100, 128))[0])
        for pair in zip(frames[::4], frames[4::4], strict=False)
    ]
    far, near = np.array(ways).sum(axis=0)
    assert near < -4, "the camera goes to the right, so the near floor goes to the left"
    print(f"the floor moved {near:.1f} px, the backdrop {far:.1f} px")
    assert near < 3 * far, f"the floor moved {near:.1f} px, the backdrop {far:.1f} px"


def test_a_preset_flies_says_so_and_ends(opened: Callable):
    flight = opened().start()
    flight.live.key("5")
    flight.until("p.values.flying === 'crane'")
    crane = flight.view.locator("[data-preset=crane]")
    assert crane.get_attribute("aria-pressed") == "true"
    flight.until("p.values.camera.position[1] < -0.1")
    crane.click()
    flight.until("p.values.flying === null")
    assert crane.get_attribute("aria-pressed") == "false"
    flight.live.key("h")
    flight.until("Math.hypot(...p.values.camera.position) < 0.01", 40)
    flight.stop()


def coloured(pixels: np.ndarray) -> int:
    """Different colours of a picture."""
    return len(np.unique(pixels.reshape(-1, pixels.shape[-1]) // 16, axis=0))


def canvas(flight: Flight) -> np.ndarray:
    url = flight.view.evaluate("(view) => view.panel.find('canvas.cloud').toDataURL('image/png')")
    return cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)


def test_depth_and_the_scene_are_drawn_and_the_scene_turns_by_mouse_and_keys(opened: Callable):
    flight = opened()
    flight.live.upload(mottled())
    flight.start()
    assert flight.view.locator("img.depth").evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 256
    assert "a floor" in flight.view.locator("[data-out=depth]").inner_text()
    flight.page.wait_for_timeout(300)
    flight.live.key(" ")
    flight.live.until("s.status === 'paused'")
    flight.page.wait_for_timeout(300)
    before = canvas(flight)
    assert coloured(before) > 100
    box = flight.view.locator("canvas.cloud")
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    flight.page.mouse.move(place["x"] + 80, place["y"] + 120)
    flight.page.mouse.down()
    flight.page.mouse.move(place["x"] + 180, place["y"] + 130, steps=4)
    flight.page.mouse.up()
    flight.page.wait_for_timeout(200)
    turned = canvas(flight)
    assert (turned != before).mean() > 0.02
    flight.live.key("ArrowLeft")
    flight.page.wait_for_timeout(200)
    assert (canvas(flight) != turned).mean() > 0.02
    flight.live.key("0")
    flight.page.wait_for_timeout(200)
    assert (canvas(flight) != before).mean() < 0.01
    flight.stop()


def test_the_path_flown_is_saved_as_a_file_that_flies_again(opened: Callable, tmp_path: Path):
    flight = opened().start()
    flight.hold("w", 1)
    flight.until("p.values.camera.position[2] > 0.05")
    flight.live.until("s.chunk >= 6", 40)
    with flight.page.expect_download() as download:
        flight.view.locator("[data-act=save]").click()
    flight.stop()
    file = tmp_path / "flight.json"
    download.value.save_as(file)
    path = read_camera_path(file)
    assert path.size == (128, 128)
    assert len(path) >= 9 + 4 * 12
    forward = path.relative[:, 2, 3]
    assert forward.max() > 0.05
    assert np.abs(np.diff(forward)).max() < 0.5, "no frame is missing"
    again = CameraProvider(CameraSettings(path_file=file, path_scale=1))
    again.start(StreamInfo(width=128, height=128, fps=16))
    for index in range(5):
        again.read(Window.of_chunk(StreamConfig(width=128, height=128), index))
    np.testing.assert_allclose(again.flown.poses, path.poses[: len(again.flown)], atol=1e-4)


def test_going_back_in_the_stream_takes_the_path_back_too(opened: Callable):
    flight = opened().start()
    flight.hold("d", 1)
    flight.live.until("s.chunk >= 5", 40)
    flight.live.key("r")
    flight.live.until("s.generation > 1 && s.status === 'streaming' && s.frame > 0", 40)
    flight.until("p.flown.length > 0 && p.flown.newest < 60 && p.flown.length === p.flown.newest + 1")
    flight.stop()


def test_key_frames_are_added_edited_and_flown(opened: Callable):
    flight = opened().start()
    flight.live.key("k")
    flight.hold("d", 1)
    flight.until("p.values.camera.position[0] > 0.1")
    flight.page.wait_for_timeout(1500)
    flight.view.get_by_role("button", name="Add key frame here").click()
    flight.live.key("k")
    assert flight.view.locator("[data-out=frames] li").count() == 3
    flight.view.get_by_role("button", name="Remove key frame 3").click()
    flight.view.get_by_role("button", name="Earlier: key frame 2").click()
    first = flight.view.get_by_label("Seconds to key frame 1")
    first.fill("0.5")
    first.press("Tab")
    frames = flight.view.evaluate("(view) => view.panel.keyFrames.event().frames")
    assert [frame["seconds"] for frame in frames] == [0.5, 2.5]
    assert frames[0]["pose"][3] > 0.1 > abs(frames[1]["pose"][3])
    assert len(parse_event({"type": "keyframes", "frames": frames}).frames) == 2
    flight.view.get_by_role("button", name="Fly key frames").click()
    flight.until("p.values.flying === 'keyframes'")
    flight.until("p.values.flying === null", 40)
    assert abs(flight.camera()["position"][0]) < 0.01
    flight.stop()


def test_the_mouse_looks_goes_round_and_zooms(opened: Callable):
    flight = opened().start()
    flight.sent()
    flight.live.drag((0.4, 0.5), (0.6, 0.5), ms=300)
    flight.until("p.values.camera.forward[0] > 0.1")
    flight.page.wait_for_timeout(500)
    flight.page.keyboard.down("Alt")
    flight.live.drag((0.5, 0.8), (0.6, 0.8), ms=300)
    flight.page.keyboard.up("Alt")
    flight.page.mouse.wheel(0, -100)
    flight.page.keyboard.down("Shift")
    flight.page.mouse.wheel(0, -200)
    flight.page.keyboard.up("Shift")
    flight.until("p.values.camera.field_of_view < 54")
    sent = flight.sent()
    looked = sum(event["dx"] for event in sent if event["type"] == "look")
    assert looked == pytest.approx(0.2, abs=0.01)
    orbits = [event for event in sent if event["type"] == "orbit"]
    assert (orbits[0]["x"], orbits[0]["y"]) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.8, abs=0.01))
    assert sum(event.get("dx", 0) for event in orbits) == pytest.approx(0.1, abs=0.01)
    assert [event["amount"] for event in sent if event["type"] in ("dolly", "zoom")] == [1, 2]
    assert flight.page.evaluate("window.scrollY") == 0
    flight.stop()


def test_a_frame_that_is_shown_becomes_the_scene(opened: Callable):
    flight = opened()
    flight.live.upload(mottled())
    flight.pace(0.1)
    flight.start()
    flight.hold("d", 1)
    flight.until("p.rowShown[0] > 0.02", 40)  # in the frame that is shown
    flight.sent()
    before = flight.view.evaluate("(view) => view.panel.values.cloud.xyz[0]")
    flight.view.get_by_role("button", name="New anchor here").click()
    (event,) = flight.sent()
    assert event["image"].startswith("data:image/jpeg;base64,")
    assert event["frame"] > 0
    flight.until(f"p.values.cloud.xyz[0] !== {before}")
    assert "is the scene now" in flight.view.locator(".toast").last.inner_text()
    flight.stop()


def test_while_nothing_moves_keys_do_nothing_and_say_so(opened: Callable):
    flight = opened()
    flight.sent()
    flight.live.key("w")
    assert "press Start" in flight.view.locator(".toast").inner_text()
    flight.live.key("d")
    flight.view.locator("[data-key=q]").click()
    assert flight.sent() == []
    assert flight.live.state()["status"] == "idle"


def test_pads_are_held_by_fingers_and_by_the_keyboard(opened: Callable):
    flight = opened(width=360).start()
    flight.sent()
    pad = flight.view.get_by_role("button", name="Forward (W)")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    session = flight.page.context.new_cdp_session(flight.page)
    touch = {"x": box["x"] + 20, "y": box["y"] + 20, "id": 1}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    flight.page.wait_for_timeout(400)
    assert "held" in pad.get_attribute("class")
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    flight.page.wait_for_timeout(200)
    assert [event["keys"] for event in flight.sent()] == [["w"], []]
    pad.focus()
    flight.page.keyboard.down("Enter")
    flight.page.wait_for_timeout(100)
    flight.page.keyboard.up("Enter")
    flight.page.wait_for_timeout(100)
    assert [event["keys"] for event in flight.sent()] == [["w"], []]
    assert flight.live.state()["status"] == "streaming"
    flight.stop()


def test_keys_are_let_go_when_the_window_loses_the_keyboard(opened: Callable):
    flight = opened().start()
    flight.sent()
    flight.page.keyboard.down("w")
    flight.page.keyboard.down("a")
    flight.page.wait_for_timeout(100)
    flight.page.evaluate("window.dispatchEvent(new Event('blur'))")
    flight.page.wait_for_timeout(100)
    assert [event["keys"] for event in flight.sent()] == [["w"], ["a", "w"], []]
    flight.page.keyboard.up("w")
    flight.page.keyboard.up("a")
    flight.stop()


def test_taps_shorter_than_the_rate_are_told_together_with_their_times(opened: Callable):
    flight = opened()
    told = flight.page.evaluate("""async () => {
      const { FlightKeys, flightKey, RATE_MS } = await import("/studio/flight_keys.js");
      let now = 0;
      const sent = [];
      const keys = new FlightKeys({ send: (events) => sent.push(events), clock: () => now });
      keys.down("w");
      for (const [name, act] of [["w", "up"], ["d", "down"], ["d", "down"], ["d", "up"]]) {
        now += 5;
        keys[act](name);
      }
      await new Promise((done) => setTimeout(done, 2 * RATE_MS));
      return { sent, other: flightKey({ code: "KeyW", key: "z" }), none: flightKey({ code: "KeyX", key: "w" }) };
    }""")
    assert [[event["t_ms"] for event in events] for events in told["sent"]] == [[0], [5, 10, 20]]
    assert [event["event"]["keys"] for event in told["sent"][1]] == [[], ["d"], []]
    assert (told["other"], told["none"]) == ("w", None), "keys are known by their place, as on other layouts"


GAMEPAD = """() => {
  const buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
  window.pad = { id: "A pad", connected: true, axes: [0, 0, 0, 0], buttons };
  navigator.getGamepads = () => [null, window.pad];
}"""


def test_a_gamepad_flies(opened: Callable):
    flight = opened().start()
    flight.page.evaluate(GAMEPAD)
    flight.sent()
    flight.page.evaluate("() => { pad.axes = [1, 0, 0, 0]; }")
    flight.until("p.values.camera.position[0] > 0.1")
    flight.page.evaluate("() => { pad.axes = [0.02, 0, 0, 0]; pad.buttons[7] = { pressed: true, value: 1 }; }")
    flight.page.wait_for_timeout(300)
    flight.page.evaluate("() => { pad.buttons[7] = { pressed: false, value: 0 }; }")
    flight.page.wait_for_timeout(300)
    sent = flight.sent()
    assert [event["axes"] for event in sent if event["type"] == "gamepad"] == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert [event["keys"] for event in sent if event["type"] == "keys"] == [["e"], []]
    assert flight.view.locator("[data-out=gamepad]").inner_text() == "Gamepad: A pad"
    flight.stop()


def test_with_drag_keys_fly_while_a_pointer_drags(opened: Callable):
    flight = opened("Camera + drag")
    flight.live.upload(mottled())
    flight.pace(0.1)
    flight.start()
    flight.live.surface.scroll_into_view_if_needed()
    flight.page.keyboard.down("d")
    flight.live.drag((0.5, 0.3), (0.5, 0.6), ms=800)
    flight.page.keyboard.up("d")
    flight.until("p.values.camera.position[0] > 0.02")
    flight.live.until("s.points > 2500", 40)  # the grid that was picked rides along
    assert len(flight.view.evaluate("(view) => view.stream.marks.placed")) == 2
    flight.stop()


def test_a_preset_of_the_settings_form_flies_from_the_first_frame_on(opened: Callable):
    flight = opened("Camera + drag")
    flight.page.locator("button.label-wrap:visible", has_text="Motion").click()
    flight.page.get_by_text("dolly", exact=True).locator("visible=true").click()
    flight.start()
    flight.until("p.values.flying === 'dolly' && p.values.camera.position[2] > 0.05")
    flight.stop()
    flight.page.get_by_text("none", exact=True).locator("visible=true").first.click()
    flight.start()
    flight.live.until("s.chunk >= 2", 40)
    assert flight.view.evaluate("(view) => view.panel.values.flying") is None
    flight.stop()


def test_the_time_from_picture_to_first_frame_is_told(opened: Callable):
    flight = opened()
    flight.live.upload(mottled())
    flight.start()
    line = flight.view.locator("[data-out=first]")
    flight.until("p.first.words !== ''")
    first = line.inner_text()
    after_start, after_choice = (float(number) for number in re.findall(r"([\d.]+) s", first))
    assert 0 < after_start < after_choice
    assert "after Start" in first
    assert "after the picture was chosen" in first
    flight.live.key("r")
    flight.live.until("s.generation > 1 && s.frame > 0", 40)
    assert line.inner_text() == first, "going back is no start"
    flight.stop()


@pytest.mark.parametrize(
    ("tab", "width", "dark"),
    [
        ("Camera", 360, False),
        ("Camera", 360, True),
        ("Camera", 1280, False),
        ("Camera", 1280, True),
        ("Camera + drag", 1280, False),
    ],
)
def test_nothing_overflows_and_every_control_has_a_name(opened: Callable, tab: str, width: int, dark: bool):
    flight = opened(tab, width=width, dark=dark).start()
    flight.live.key("1")
    flight.hold("w", 1)
    flight.live.key("k")
    flight.until("p.values.flying === 'orbit'")
    flight.page.wait_for_timeout(700)
    assert flight.page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = flight.view.evaluate(
        "(view) => [...view.shadowRoot.querySelectorAll('button, canvas[tabindex], input:not([hidden]), textarea')]"
        ".filter((one) => !(one.ariaLabel || one.innerText?.trim() || one.labels?.length)).map((one) => one.outerHTML)"
    )
    assert unnamed == []
    assert "W A S D" in flight.view.evaluate("(view) => view.find('dialog dl').textContent")
    flight.live.screenshot(SCREENSHOTS / f"{tab.lower().replace(' + ', '-')}-{width}-{'dark' if dark else 'light'}.png")
    flight.stop()
