import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionstream_drag import DragProvider, DragScript, DragSettings

from motionstream.config import StreamConfig
from motionstream.errors import InputError, OutputError
from motionstream.providers import StreamInfo, Window, load_provider

CONFIG = StreamConfig(width=120, height=80)
INFO = StreamInfo(width=120, height=80, fps=16)

place = {"x": st.floats(-0.2, 1.2), "y": st.floats(-0.2, 1.2)}
pointers = {"pointer": st.integers(0, 1)}
kinds = st.one_of(
    *(st.fixed_dictionaries({"type": st.just(kind), **place, **pointers}) for kind in ("press", "move", "release")),
    *(st.fixed_dictionaries({"type": st.just(kind), **place}) for kind in ("pin", "remove")),
    *(st.fixed_dictionaries({"type": st.just(kind)}) for kind in ("clear", "undo", "undo", "redo", "pause", "resume")),
    st.just({"type": "path", "points": [[0.1, 0.1], [0.6, 0.5]], "speed": 0.5, "radius": 0.2, "falloff": 0.5}),
    st.fixed_dictionaries(
        {"type": st.just("brush"), "points": st.just([[0.4, 0.4], [0.6, 0.5]]), "pinned": st.booleans()}
    ),
)
# When it happened, by the client's clock (None: it does not say), and before which of five reads it was handed over.
moments = st.tuples(st.none() | st.floats(0, 3.5), st.integers(0, 4), kinds)
behaviours = st.fixed_dictionaries(
    {
        "after_release": st.sampled_from(["hold", "let_go"]),
        "max_speed": st.sampled_from([0.3, 20]),
        "smoothing_seconds": st.sampled_from([0, 0.1]),
        "background_points": st.sampled_from([0, 3]),
    }
)


def play(provider, moments=()):
    """Five chunks, with each event handed over before the read it is due at."""
    provider.start(INFO)
    chunks = []
    for index in range(5):
        for time, turn, event in moments:
            if turn == index:
                provider.handle(event if time is None else {**event, "time_seconds": time})
        chunks.append(provider.read(Window.of_chunk(CONFIG, index)))
    provider.close()
    return chunks


@given(moments=st.lists(moments, max_size=25), behaviour=behaviours)
@settings(deadline=None, max_examples=30)
def test_a_recorded_drag_replayed_gives_identical_tracks_however_late_events_came(moments, behaviour):
    live = DragProvider(DragSettings(**behaviour))
    live.record()
    first = play(live, moments)
    script = DragScript.model_validate_json(live.script().model_dump_json())
    assert play(DragProvider.replay(script)) == first


@given(moments=st.lists(moments, max_size=25), behaviour=behaviours, turn=st.integers(0, 4))
@settings(deadline=None, max_examples=30)
def test_a_copy_goes_on_as_its_original_does_and_neither_disturbs_the_other(moments, behaviour, turn):
    provider, copy = DragProvider(DragSettings(**behaviour)), None
    provider.start(INFO)
    for index in range(5):
        if index == turn:
            copy = provider.copy()
        for each in filter(None, (provider, copy)):
            for time, due, event in moments:
                if due == index:
                    each.handle(event if time is None else {**event, "time_seconds": time})
        tracks = provider.read(Window.of_chunk(CONFIG, index))
        assert copy is None or copy.read(Window.of_chunk(CONFIG, index)) == tracks
    provider.close()
    assert copy.read(Window.of_chunk(CONFIG, 5)).num_frames == 12


@given(moments=st.lists(moments, max_size=25), behaviour=behaviours)
@settings(deadline=None, max_examples=30)
def test_no_id_comes_back_and_no_point_exceeds_the_speed_limit(moments, behaviour):
    provider = DragProvider(DragSettings(**behaviour))
    chunks = play(provider, moments)
    seen, before = set(), set()
    for tracks in chunks:
        ids = set(tracks.ids.tolist())
        assert not (ids - before) & seen
        seen, before = seen | ids, ids
        steps = np.hypot(*(np.diff(tracks.xy, axis=0) * (1, 80 / 120)).T)
        assert steps.size == 0 or steps.max() <= behaviour["max_speed"] / 16 + 1e-5


def test_a_script_from_a_file_is_a_provider_for_the_command_line(tmp_path):
    path = tmp_path / "drag.json"
    live = DragProvider(DragSettings(radius=0.12, spacing=0.05))
    live.record()
    first = play(
        live, [(0.1, 0, {"type": "press", "x": 0.3, "y": 0.3}), (0.9, 2, {"type": "move", "x": 0.6, "y": 0.3})]
    )
    live.script().save(path)
    assert DragScript.load(path) == live.script()
    assert play(load_provider("drag", {"script": str(path)})) == first
    assert first[-1].num_points > 5


def test_given_settings_overrule_those_of_the_script(tmp_path):
    path = tmp_path / "drag.json"
    DragScript(settings={"radius": 0.2, "falloff": 0.5}).save(path)
    settings = load_provider("drag", {"script": path, "falloff": 0.1}).settings
    assert (settings.radius, settings.falloff, settings.spacing) == (0.2, 0.1, DragSettings().spacing)
    with pytest.raises(InputError, match="exceeds max_points"):
        load_provider("drag", {"script": path, "max_points": 50})


def test_live_events_add_to_a_script_and_are_recorded_with_it(tmp_path):
    path = tmp_path / "drag.json"
    path.write_text('{"version": 1, "events": [{"type": "pin", "x": 0.5, "y": 0.5}]}')
    live = DragProvider(DragSettings(script=path))
    live.record()
    first = play(live, [(None, 1, {"type": "pin", "x": 0.2, "y": 0.2})])
    assert [tracks.num_points for tracks in first] == [1, 2, 2, 2, 2]
    assert play(DragProvider.replay(live.script())) == first


def test_only_what_is_asked_for_is_recorded():
    live = DragProvider()
    play(live, [(None, 0, {"type": "clear"})])
    assert live.script().events == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("[]", "the file"),
        ('{"version": 2}', "version"),
        ('{"event": []}', "event: Extra inputs"),
        ('{"events": [{"type": "press", "x": 0.5, "y": 0.5}, {"type": "press", "x": 0.5}]}', "events.1.press.y"),
        ('{"events": [{"type": "fly"}]}', "events.0"),
        ('{"settings": {"radius": 7}}', "radius"),
        ('{"settings": {"script": "other.json"}}', "another script"),
    ],
)
def test_a_file_that_is_not_a_script_is_refused_by_its_first_problem(tmp_path, text, message):
    path = tmp_path / "drag.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        DragScript.load(path)
    assert str(path) in str(caught.value)


def test_paths_that_cannot_be_read_or_written_are_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        DragScript.load(tmp_path / "none.json")
    with pytest.raises(OutputError, match="No such file"):
        DragScript().save(tmp_path / "none" / "drag.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"bytes\.json"):
        DragScript.load(tmp_path / "bytes.json")


def test_the_script_in_the_tutorial_is_a_script_that_drags(tmp_path):
    tutorial = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```json\n(.*?)```", tutorial, flags=re.DOTALL)
    assert json.loads(text)["version"] == 1
    script = DragScript.model_validate_json(text)
    last = play(DragProvider.replay(script))[-1]
    np.testing.assert_allclose(last.xy[-1, 1], [0.6, 0.4], atol=1e-3)  # the middle of the dragged grid
