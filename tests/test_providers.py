import sys

import numpy as np
import pytest

from motionstream.config import StreamConfig
from motionstream.errors import InputError, ProviderError
from motionstream.providers import StreamInfo, TrajectoryProvider, Window, discover, load_provider, provider_class

HEADER = """
from pydantic import BaseModel, ConfigDict
class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)
class Loose(BaseModel):
    x: int = 3
class Good:
    settings_type = Settings
    def __init__(self, settings=None): self.settings = settings
    def start(self, info): ...
    def read(self, window): ...
    def handle(self, event): ...
    def close(self): ...
"""

MODULES = {
    "fine_one": HEADER,
    "needs_missing": "import a_module_that_nobody_has",
    "fails": "raise RuntimeError('no camera\\nmany lines')",
    "leaves": "import sys; sys.exit(3)",
    "half": HEADER + "class Half:\n    settings_type = Settings\n    def start(self, info): ...\n",
    "no_settings": HEADER + "class Bare(Good):\n    settings_type = None\n",
    "not_frozen": HEADER + "class Thawed(Good):\n    settings_type = Loose\n",
    "no_class": "Thing = 3",
    "bad_init": HEADER + "class Bad(Good):\n    def __init__(self, settings=None): 1 / 0\n",
}

ENTRIES = {
    "good": "fine_one:Good",
    "missing": "needs_missing:P",
    "fails": "fails:P",
    "leaves": "leaves:P",
    "half": "half:Half",
    "bare": "no_settings:Bare",
    "thawed": "not_frozen:Thawed",
    "thing": "no_class:Thing",
    "absent": "fine_one:Nobody",
    "odd": "fine_one",
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with one provider that works and many that do not."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    for dist, entries in (("zoo", ENTRIES), ("zoo-twin", {"good": "half:Half"})):
        info = tmp_path / f"{dist.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
        lines = "\n".join(f"{name} = {target}" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[motionstream.providers]\n{lines}\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def test_broken_providers_are_listed_with_their_reason_and_stop_nothing(installed):
    entries = {(entry.name, entry.target): entry for entry in discover() if entry.distribution.startswith("zoo")}
    found = {name: entries[name, target] for name, target in ENTRIES.items()}
    assert [name for name, entry in found.items() if entry.state == "ok"] == ["good"]
    assert (found["good"].distribution, found["good"].version, found["good"].reason) == ("zoo", "1.2", "")
    assert found["missing"].reason == "module 'a_module_that_nobody_has' is not installed"
    assert found["fails"].reason == "RuntimeError: no camera"
    assert found["leaves"].reason == "SystemExit: 3"
    assert found["half"].reason.endswith("lacks read, handle, close")
    assert "settings_type, a pydantic model" in found["bare"].reason
    assert "not frozen" in found["thawed"].reason
    assert "not a class but int" in found["thing"].reason
    assert "Nobody" in found["absent"].reason
    assert "module:Class" in found["odd"].reason
    assert "taken by zoo" in entries["good", "half:Half"].reason


def test_the_built_in_provider_comes_through_the_same_door():
    drag = next(entry for entry in discover() if entry.name == "drag")
    assert (drag.state, drag.distribution, drag.target) == ("ok", "motionstream", "motionstream_drag:DragProvider")


def test_a_provider_loads_by_name_and_by_module_and_class(installed):
    assert type(load_provider("good")).__name__ == "Good"
    assert isinstance(load_provider("fine_one:Good"), TrajectoryProvider)


def test_an_unknown_name_is_answered_with_the_known_ones(installed):
    with pytest.raises(ProviderError, match=r"'drga'.*drag, .*good"):
        load_provider("drga")


def test_using_a_broken_provider_names_the_reason(installed):
    with pytest.raises(ProviderError, match=r"a_module_that_nobody_has.*not installed"):
        provider_class("missing")
    with pytest.raises(ProviderError, match="module:Class"):
        provider_class("fine_one:Good; import os")
    with pytest.raises(ProviderError, match="ZeroDivisionError"):
        load_provider("bad_init:Bad")


def test_settings_arrive_checked_and_typed():
    provider = load_provider("drag", {"radius": "0.2"})
    assert provider.settings.radius == 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 3}, "radius: .*less than or equal to 0.5, got 3"),
        ({"radius": "wide"}, "radius: .*got 'wide'"),
        ({"radios": 0.1}, "no setting radios; known: script, radius"),
        ({"radius": 0.5, "spacing": 0.005}, "201 x 201 points"),
        ({"after_release": "fly"}, "after_release"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ProviderError, match=message):
        load_provider("drag", settings)


def test_errors_of_input_pass_through(tmp_path):
    with pytest.raises(InputError, match="could not be read"):
        load_provider("drag", {"script": tmp_path / "none.json"})


def test_a_window_knows_its_times():
    config = StreamConfig(height=8, width=8, fps=16)
    window = Window.of_chunk(config, 1)
    assert (window.start_frame, window.num_frames) == (9, 12)
    assert window.start_seconds == window.frame_times[0] == 9 / 16
    assert window.end_seconds == Window.of_chunk(config, 2).start_seconds
    np.testing.assert_allclose(np.diff(window.frame_times), 1 / 16)
    with pytest.raises(InputError, match="num_frames >= 1"):
        Window(index=0, start_frame=0, num_frames=0, fps=16)


def test_stream_info_checks_its_picture_and_keeps_it_from_being_painted_on():
    picture = np.zeros((4, 6, 3), np.uint8)
    info = StreamInfo(width=6, height=4, fps=16, image=picture)
    assert not info.image.flags.writeable
    assert picture.flags.writeable
    with pytest.raises(InputError, match=r"uint8 \[6, 4, 3\], got uint8 \[4, 6, 3\]"):
        StreamInfo(width=4, height=6, fps=16, image=picture)
    with pytest.raises(InputError, match="size and a rate"):
        StreamInfo(width=4, height=6, fps=0)
