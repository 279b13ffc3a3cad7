"""The provider contract, written as a test that others can run.

def test_my_provider_keeps_the_contract():
    check_provider("my_package:MyProvider")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from motionstream.config import StreamConfig
from motionstream.errors import InputError, ProviderError
from motionstream.providers import StreamInfo, TrajectoryProvider, Window, load_provider, provider_class
from motionstream.tracks import Tracks

_SIZES = ((128, 96), (96, 128))
_T = TypeVar("_T")


def check_provider(
    name: str, settings: Mapping[str, Any] | None = None, *, num_chunks: int = 4, patience_seconds: float = 10.0
) -> None:
    """Run a provider through two short streams and hold it to its contract.

    Args:
        name: Its announced name, or "module:Class".
        settings: Settings to run it with; the defaults must work too.
        num_chunks: Chunks read in each stream.
        patience_seconds: How long one call may take: ample for a busy machine, as `read` waits for nothing.

    Raises:
        ProviderError: A rule is broken; the message names the rule and what was seen.
    """
    rules = _Rules(name, patience_seconds)
    rules.check_settings()
    provider = load_provider(name, settings)
    rules.hold("a provider has settings_type, start, read, handle and close", isinstance(provider, TrajectoryProvider))
    for width, height in _SIZES:  # the second start must find nothing of the first
        rules.check_stream(provider, width, height, num_chunks)


class _Rules:
    def __init__(self, name: str, patience_seconds: float) -> None:
        self._name, self._patience_seconds = name, patience_seconds

    def hold(self, rule: str, kept: bool, seen: object = "") -> None:
        if not kept:
            raise ProviderError(
                f"Provider {self._name!r} breaks the rule that {rule}{f'; got {seen}' if seen else ''}."
            )

    def check_settings(self) -> None:
        settings_type = provider_class(self._name).settings_type
        required = [key for key, field in settings_type.model_fields.items() if field.is_required()]
        self.hold("every setting has a default", not required, required)
        unhelpful = [key for key, field in settings_type.model_fields.items() if not field.description]
        self.hold("every setting has help (Field description)", not unhelpful, unhelpful)
        properties = settings_type.model_json_schema().get("properties", {})
        unbounded = [key for key, schema in properties.items() if not _bounded(schema)]
        self.hold("every number among the settings has a lower and an upper bound", not unbounded, unbounded)

    def check_stream(self, provider: TrajectoryProvider, width: int, height: int, num_chunks: int) -> None:
        config = StreamConfig(width=width, height=height)
        ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
        info = StreamInfo(width=width, height=height, fps=config.fps, image=ramp, prompt="a grey ramp")
        self._timely("start", lambda: provider.start(info))
        gone: set[int] = set()
        before: set[int] = set()
        for index in range(num_chunks):
            self._disturb(provider)
            window = Window.of_chunk(config, index)
            tracks = self._timely("read", lambda window=window: provider.read(window))  # type: ignore[misc]
            self._check_tracks(tracks, window)
            ids = set(tracks.ids.tolist())
            self.hold("an id that was left out does not come back", not ids & gone, sorted(ids & gone)[:5])
            gone, before = gone | (before - ids), ids
        self._timely("close", provider.close)
        self._timely("a second close", provider.close)
        self._disturb(provider)

    def _check_tracks(self, tracks: Tracks, window: Window) -> None:
        self.hold("read returns Tracks", isinstance(tracks, Tracks), type(tracks).__name__)
        wanted = f"read returns tracks of the window's {window.num_frames} video frames"
        self.hold(wanted, tracks.num_frames == window.num_frames, f"{tracks.num_frames} frames")

    def _disturb(self, provider: TrajectoryProvider) -> None:
        """Events come at any time, from any thread, and need not make sense."""
        for event in ({"type": "an event nobody knows"}, {}, {"type": "press", "x": float("nan"), "y": "left"}):
            self._timely("handle", lambda event=event: _refused(provider, event))  # type: ignore[misc]

    def _timely(self, call: str, function: Callable[[], _T]) -> _T:
        """Call on another thread, as servers do, and do not wait for ever."""
        results: list[_T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(function())
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        began = time.monotonic()
        thread.start()
        thread.join(self._patience_seconds)
        took = f"more than {time.monotonic() - began:.1f} s"
        self.hold(f"{call} returns at once", not thread.is_alive(), took)
        if errors:
            raise ProviderError(f"Provider {self._name!r}: {call} raised {errors[0]!r}.") from errors[0]
        return results[0]


def _refused(provider: TrajectoryProvider, event: Mapping[str, Any]) -> None:
    try:
        provider.handle(event)
    except InputError:
        pass  # the right answer to an event that makes no sense; ignoring it is the other one
    except Exception as error:
        raise TypeError(f"{error!r} for {event}; a provider ignores an event or raises InputError") from error


def _bounded(schema: Mapping[str, Any]) -> bool:
    for option in [schema, *schema.get("anyOf", ())]:
        if option.get("type") in ("number", "integer") and "enum" not in option and "const" not in option:
            lower = "minimum" in option or "exclusiveMinimum" in option
            upper = "maximum" in option or "exclusiveMaximum" in option
            if not (lower and upper):
                return False
    return True
