import sys
import time
from types import ModuleType

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from motionstream.errors import InputError, ProviderError
from motionstream.providers import discover
from motionstream.testing import check_provider
from motionstream.tracks import Tracks

FROZEN = ConfigDict(frozen=True)


class Settings(BaseModel):
    model_config = FROZEN
    size: float = Field(0.5, ge=0, le=1, description="Size.")
    limit: int | None = Field(None, gt=0, lt=9, description="Limit.")
    kind: str = Field("a", description="Kind.")


class Still:
    """Keeps the contract: one point that stays."""

    settings_type = Settings

    def __init__(self, settings=None):
        self.settings = settings or Settings()

    def start(self, info):
        pass

    def read(self, window):
        shape = (window.num_frames, 1)
        return Tracks(ids=np.array([0]), xy=np.full((*shape, 2), 0.5), visible=np.ones(shape, bool))

    def handle(self, event):
        if "x" in event:
            raise InputError("no place wanted")

    def close(self):
        pass


@pytest.fixture
def check(monkeypatch):
    """Make a variant of `Still`, hold it to the contract, and give back what it is blamed for."""

    def blame(**changes):
        module = ModuleType("a_plugin")
        module.Variant = type("Variant", (Still,), changes)
        monkeypatch.setitem(sys.modules, "a_plugin", module)
        with pytest.raises(ProviderError) as caught:
            check_provider("a_plugin:Variant", patience_seconds=0.5 if "blocks" in changes else 10)
        return str(caught.value)

    module = ModuleType("a_plugin")
    module.Still = Still
    monkeypatch.setitem(sys.modules, "a_plugin", module)
    check_provider("a_plugin:Still")
    return blame


@pytest.mark.parametrize("entry", [entry for entry in discover() if entry.state == "ok"], ids=lambda entry: entry.name)
def test_every_installed_provider_keeps_the_contract(entry):
    check_provider(entry.name)


def test_no_installed_provider_of_this_distribution_is_broken():
    assert [entry for entry in discover() if entry.distribution == "motionstream" and entry.state != "ok"] == []


def test_a_wrong_number_of_frames_is_found(check):
    assert "9 video frames; got 8 frames" in check(read=lambda self, window: Tracks.empty(window.num_frames - 1))


def test_something_else_than_tracks_is_found(check):
    assert "returns Tracks; got NoneType" in check(read=lambda self, window: None)


def test_an_id_that_comes_back_is_found(check):
    def read(self, window):
        return Still.read(self, window) if window.index % 2 == 0 else Tracks.empty(window.num_frames)

    assert "does not come back; got [0]" in check(read=read)


def test_a_read_that_waits_is_found(check):
    assert "read returns at once" in check(read=lambda self, window: time.sleep(2), blocks=True)


def test_a_crash_in_any_call_is_found(check):
    def fail(self, *args):
        raise KeyError("sensor")

    for call in ("start", "read", "handle", "close"):
        assert "KeyError('sensor')" in check(**{call: fail})


def test_a_second_close_that_fails_is_found(check):
    def close(self):
        del self.settings

    assert "a second close raised" in check(close=close)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        (Field(ge=0, le=1, description="Size."), "has a default; got ['size']"),
        (Field(0.5, ge=0, le=1), "has help"),
        (Field(0.5, ge=0, description="Size."), "lower and an upper bound; got ['size']"),
        (Field(0.5, lt=1, description="Size."), "lower and an upper bound; got ['size']"),
    ],
)
def test_settings_without_default_help_or_range_are_found(check, field, rule):
    body = {"model_config": FROZEN, "__annotations__": {"size": float}, "size": field}
    settings_type = type("Poor", (BaseModel,), body)
    assert rule in check(settings_type=settings_type)
