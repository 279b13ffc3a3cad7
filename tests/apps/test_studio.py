"""People use the studio in a real browser, with the embedded checkpoint."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from motionstream.streaming.video_file import read_video

SCREENSHOTS = Path(__file__).resolve().parents[2] / "outputs" / "screenshots"


def red_disc() -> np.ndarray:
    """A red disc at the left on a mottled grey ground."""
    rng = np.random.default_rng(0)
    ground = np.repeat(np.repeat(rng.integers(90, 170, (16, 16, 1), np.uint8), 16, 0), 16, 1).repeat(3, 2)
    picture = Image.fromarray(ground)
    ImageDraw.Draw(picture).ellipse((40, 100, 110, 170), fill=(220, 30, 30))
    return np.asarray(picture)


def red_middle(pixels: np.ndarray) -> float:
    """x of the middle of what is red, in widths."""
    r, g, b = pixels.astype(float).transpose(2, 0, 1)
    red = (r > 1.6 * g) & (r > 1.6 * b)
    assert red.any(), "nothing is red"
    return float(np.nonzero(red)[1].mean() / pixels.shape[1])


@pytest.fixture
def live(studio, visit: Callable):
    return visit(studio.url).ready()


def test_the_first_page_plays_an_example_at_one_click(live):
    assert live.state()["waiting"] > 0
    assert live.view.locator(".lead").inner_text().startswith("Choose a picture, press Start")
    before = live.pixels()
    live.button("start").click()
    live.until("s.status === 'streaming' && s.frame > 12 && s.points > 0")
    assert np.abs(live.pixels().astype(int) - before).mean() > 1
    live.screenshot(SCREENSHOTS / "drag.png")
    live.key("Enter")
    live.until("s.status === 'stopped'")


def test_what_is_dragged_in_an_uploaded_picture_moves(live):
    live.upload(red_disc())
    assert live.state()["waiting"] == 0
    start = red_middle(live.pixels())
    live.key("Enter")
    live.until("s.status === 'streaming' && s.frame > 0")
    live.drag((start, 0.53), (start + 0.35, 0.53), ms=1500)
    frame = live.state()["frame"]
    live.until(f"s.frame > {frame + 24}")
    assert red_middle(live.pixels()) > start + 0.2
    live.key("Enter")


def test_a_paused_stream_takes_marks_and_moves_them_when_it_goes_on(live):
    live.upload(red_disc())
    live.key("Enter")
    live.until("s.frame > 6")
    live.key(" ")
    live.until("s.status === 'paused'")
    live.drag((0.3, 0.53), (0.6, 0.53), ms=300)
    live.tap(0.8, 0.2)
    assert live.state()["waiting"] == 2
    frame = live.state()["frame"]
    live.key(" ")
    live.until(f"s.status === 'streaming' && s.waiting === 0 && s.frame > {frame + 30} && s.points > 20")
    assert red_middle(live.pixels()) > 0.4
    live.key("Enter")


def test_undo_and_redo_take_back_marks_that_wait(live):
    live.upload(red_disc())
    live.key("p")
    live.tap(0.2, 0.2)
    live.tap(0.7, 0.7)
    live.key("z")
    assert live.state()["waiting"] == 1
    live.key("y")
    assert live.state()["waiting"] == 2
    live.key("e")
    live.tap(0.2, 0.2)
    assert live.state()["waiting"] == 1
    live.key("Delete")
    assert live.state()["waiting"] == 0


def test_marks_are_saved_to_a_file_and_loaded_again(live, tmp_path: Path):
    live.upload(red_disc())
    live.key("l")
    live.drag((0.2, 0.5), (0.7, 0.6), ms=200)
    with live.page.expect_download() as download:
        live.button("save").click()
    download.value.save_as(tmp_path / "motion.json")
    events = json.loads((tmp_path / "motion.json").read_text())["events"]
    assert [event["type"] for event in events] == ["path"]
    live.key("Delete")
    live.view.locator("[data-file=marks]").set_input_files(tmp_path / "motion.json")
    live.until("s.waiting === 1")


def test_the_prompt_changes_while_it_streams_and_a_recording_is_downloaded(live, tmp_path: Path):
    live.key("Enter")
    live.until("s.frame > 0")
    live.key("v")
    chunk = live.state()["chunk"]
    prompt = live.view.locator("[data-in=prompt]")
    prompt.fill("a green cup of tea")
    prompt.press("Enter")
    live.until(f"s.chunk > {chunk + 2}")
    live.button("record").click()
    live.view.locator(".recorded:not([hidden])").wait_for()
    files = {}
    for link in live.view.locator(".files a").all():
        with live.page.expect_download() as download:
            link.click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        files[path.name.split("-")[-1]] = path
    assert set(files) == {"video.mp4", "clip.gif", "tracks.npz", "tracks.json", "control.jsonl"}
    assert len(read_video(files["video.mp4"])) >= 12
    with Image.open(files["clip.gif"]) as clip:
        assert clip.n_frames > 1
    assert "a green cup of tea" in files["control.jsonl"].read_text()
    live.key("Enter")


def test_going_back_to_an_earlier_chunk_shows_no_frame_of_the_old_branch(live):
    live.key("Enter")
    live.until("s.chunk >= 3")
    live.key("r")
    state = live.until("s.generation > 1 && s.frame >= 0 && s.status === 'streaming'")
    assert state["generation"] == 2
    shown = [live.state()["frame"] for _ in range(5)]
    assert shown == sorted(shown)
    live.key("Enter")


def test_a_reloaded_page_finds_its_stream_again(live):
    live.key("Enter")
    before = live.until("s.chunk >= 2")
    live.page.reload()
    live.ready()
    after = live.until(f"s.status === 'streaming' && s.frame > {before['frame'] + 12}")
    assert after["generation"] == before["generation"]
    assert live.view.locator("[data-in=prompt]").input_value().startswith("a cup of coffee")
    live.key("Enter")


def test_two_people_have_a_stream_each(studio, visit: Callable):
    one, two = (visit(studio.url).ready() for _ in range(2))
    one.upload(red_disc())
    for live in (one, two):
        live.key("Enter")
    for live in (one, two):
        live.until("s.status === 'streaming' && s.frame > 6")
    assert red_middle(one.pixels()) < 0.4
    one.key("Enter")
    one.until("s.status === 'stopped'")
    frame = two.state()["frame"]
    two.until(f"s.status === 'streaming' && s.frame > {frame + 6}")
    two.key("Enter")


def test_a_page_lives_through_a_restart_of_the_server(start_studio, visit: Callable, tmp_path: Path):
    with start_studio(tmp_path) as studio:
        live = visit(studio.url, forgive=True).ready()  # a browser says that the server is gone
        live.key("Enter")
        live.until("s.frame > 0")
        assert studio.stop() == 0
        live.until("s.link === 'retrying'")
    with start_studio(tmp_path, port=int(studio.url.rstrip("/").rsplit(":", 1)[1])):
        live.until("s.link === 'open'", seconds=30)
        live.until("s.status === 'idle'")
        live.key("Enter")
        live.until("s.status === 'streaming' && s.frame > 0")


def test_enter_starts_after_a_click_on_an_example(live):
    live.view.get_by_role("button", name="Cup").click()
    live.page.wait_for_timeout(300)
    live.key("Enter")
    live.until("s.status === 'streaming'")
    live.key("Enter")


def test_letters_in_a_text_field_do_nothing_else(live):
    prompt = live.view.locator("[data-in=prompt]")
    prompt.fill("")
    prompt.press_sequentially("vrpz toe")
    assert prompt.input_value() == "vrpz toe"
    assert live.view.locator("button[data-tool=drag]").get_attribute("aria-pressed") == "true"
    assert live.state()["status"] == "idle"


def test_a_drag_is_made_with_the_keyboard_alone(live):
    live.upload(red_disc())
    live.surface.focus()
    for _ in range(10):
        live.key("ArrowLeft")
    live.key("x")
    for _ in range(10):
        live.key("ArrowRight")
    live.key("x")
    assert live.state()["waiting"] == 1


def test_what_is_not_a_picture_is_refused_in_words(live):
    file = {"name": "notes.png", "mimeType": "image/png", "buffer": b"this is text"}
    live.view.locator("[data-file=picture]").set_input_files(file)
    assert "notes.png is not a picture" in live.view.locator(".toast.problem").inner_text()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_overflows_and_every_control_has_a_name(studio, visit: Callable, width: int, dark: bool):
    live = visit(studio.url, width=width, dark=dark).ready()
    for name in ("Motion", "Model", "Stream"):
        live.page.locator("button.label-wrap:visible", has_text=name).click()
    live.page.wait_for_timeout(300)
    assert live.page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = live.view.evaluate(
        "(view) => [...view.shadowRoot.querySelectorAll('button, input:not([hidden]), textarea')]"
        ".filter((one) => !(one.ariaLabel || one.innerText?.trim() || one.labels?.length)).map((one) => one.outerHTML)"
    )
    assert unnamed == []
    live.screenshot(SCREENSHOTS / f"drag-{width}-{'dark' if dark else 'light'}.png")


def test_a_setting_of_gradio_reaches_the_next_press_and_the_next_start(live):
    live.page.locator("button.label-wrap:visible", has_text="Motion").click()
    live.page.get_by_text("square", exact=True).click()
    live.page.get_by_text("let go", exact=True).click()
    live.page.wait_for_timeout(200)
    state = live.view.evaluate("(view) => ({ ...view.tools.grid, ...view.stream.options.settings })")
    assert (state["shape"], state["after_release"]) == ("square", "let_go")


def test_denoising_steps_that_make_no_sense_are_refused_in_words(live):
    live.page.locator("button.label-wrap:visible", has_text="Model").click()
    steps = live.page.get_by_label("Denoising steps")
    steps.fill("1000, many")
    steps.press("Enter")
    assert 'got "1000, many"' in live.view.locator(".toast.problem").inner_text()
    steps.fill("1000, 500")
    steps.press("Enter")
    assert live.view.evaluate("(view) => view.stream.options.timesteps") == [1000, 500]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_another_codec_is_chosen_while_it_streams(live, codec: str):
    live.key("Delete")  # nothing shall move
    live.key("Enter")
    live.until("s.frame > 0")
    if codec not in live.page.evaluate("async () => (await import('/studio/decoder.js')).showableCodecs()"):
        pytest.skip(f"this browser cannot show {codec}")
    before = live.pixels()
    live.page.locator("button.label-wrap:visible", has_text="Stream").click()
    live.page.get_by_text(codec, exact=True).click()
    frame = live.state()["frame"]
    live.until(f"s.link === 'open' && s.frame > {frame + 12}")
    assert live.view.evaluate("(view) => view.stream.info.codec") == codec
    assert np.abs(live.pixels().astype(float) - before).mean() < 10  # the same picture, coded otherwise
    live.surface.focus()
    live.key("Enter")


def test_two_fingers_drag_two_things(live):
    live.upload(red_disc())
    live.key("Enter")
    live.until("s.frame > 0")
    session = live.page.context.new_cdp_session(live.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": live.at(*place)[0], "y": live.at(*place)[1], "id": i} for i, place in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.2, 0.2), (0.7, 0.7))
    for part in range(5):
        touch("touchMove", (0.2 + part / 50, 0.2), (0.7, 0.7 - part / 50))
        live.page.wait_for_timeout(50)
    assert live.view.evaluate("(view) => view.tools.hands.length") == 2
    touch("touchEnd")
    assert live.view.evaluate("(view) => view.tools.hands.length") == 0
    assert live.page.evaluate("window.scrollY") == 0
    live.key("Enter")


def test_recordings_are_listed(studio, visit: Callable):
    live = visit(studio.url).ready()
    live.key("Enter")
    live.until("s.frame > 0")
    live.key("v")
    live.until("s.chunk >= 3")
    live.key("Enter")
    live.view.locator(".recorded:not([hidden])").wait_for()
    live.page.get_by_role("tab", name="Recordings").click()
    card = live.page.locator("motionstream-recordings article").first
    card.wait_for()
    link = card.get_by_text("MP4").get_attribute("href")
    answer = live.page.request.get(studio.url.rstrip("/") + link)
    assert answer.ok
    assert io.BytesIO(answer.body()).read(12)[4:8] == b"ftyp"
    live.screenshot(SCREENSHOTS / "recordings.png")


def test_behind_a_login_only_those_who_know_the_password_stream(start_studio, visit: Callable, tmp_path: Path):
    with start_studio(tmp_path, "--auth", "ada:lovelace", "--tab", "drag") as studio:
        live = visit(studio.url, forgive=True)  # Gradio's login page says 401 in the console
        refused = live.page.request.get(studio.url + "api/recordings")
        assert refused.status == 401
        live.page.get_by_label("username").fill("ada")
        live.page.get_by_label("password").fill("lovelace")
        live.page.get_by_role("button", name="Login").click()
        live.ready().key("Enter")
        live.until("s.status === 'streaming' && s.frame > 0")
        assert live.page.evaluate("fetch('api/recordings').then((answer) => answer.status)") == 200
