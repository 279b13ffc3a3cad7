"""Providers turn something (a pointer, a camera, a file) into tracks; this is all they share with the library.

A provider is any class of the shape of `TrajectoryProvider`; there is no base class. It is found by the name it has in
the entry-point group `motionstream.providers`, or by "module:Class". A provider that cannot be imported is listed with
the reason and stops nothing.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float64, UInt8

from motionstream.config import StreamConfig
from motionstream.errors import InputError, MotionStreamError, ProviderError
from motionstream.tracks import Tracks

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

ENTRY_POINT_GROUP = "motionstream.providers"

_METHODS = ("start", "read", "handle", "close")


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamInfo:
    """What a provider is told of the stream before its first window.

    Attributes:
        width: Video width in pixels.
        height: Video height in pixels.
        fps: Video frames per second.
        image: The first picture as the model sees it, uint8 [height, width, 3], read-only; None where there is none.
        seed: The stream's seed, for providers that draw random numbers.
        prompt: What the user says the video shows.
    """

    width: int
    height: int
    fps: float
    image: UInt8[np.ndarray, "h w 3"] | None = None
    seed: int = 0
    prompt: str = ""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not self.fps > 0:
            raise InputError(f"StreamInfo: wanted a size and a rate, got {self.width}x{self.height} at {self.fps} fps.")
        if self.image is None:
            return
        wanted = (self.height, self.width, 3)
        if self.image.shape != wanted or self.image.dtype != np.uint8:
            got = f"{self.image.dtype} {list(self.image.shape)}"
            raise InputError(f"StreamInfo.image: wanted uint8 {list(wanted)}, got {got}. Fit the picture first.")
        image = self.image.view()
        image.setflags(write=False)
        object.__setattr__(self, "image", image)


@dataclass(frozen=True, kw_only=True)
class Window:
    """The video frames [start_frame, start_frame + num_frames) of one chunk.

    Attributes:
        index: Number of the chunk.
        start_frame: First video frame, counted from the start of the video.
        num_frames: Video frames in the chunk.
        fps: Video frames per second.
    """

    index: int
    start_frame: int
    num_frames: int
    fps: float

    def __post_init__(self) -> None:
        if self.index < 0 or self.start_frame < 0 or self.num_frames < 1 or not self.fps > 0:
            raise InputError(f"Window: wanted index, start_frame >= 0, num_frames >= 1 and fps > 0, got {self}.")

    @classmethod
    def of_chunk(cls, config: StreamConfig, index: int) -> Self:
        """The window of chunk `index` of a stream."""
        start, num_frames = config.first_video_frame(index), config.video_frames_in_chunk(index)
        return cls(index=index, start_frame=start, num_frames=num_frames, fps=config.fps)

    @property
    def start_seconds(self) -> float:
        """Stream time of the first frame."""
        return self.start_frame / self.fps

    @property
    def end_seconds(self) -> float:
        """Stream time at which the next window starts."""
        return (self.start_frame + self.num_frames) / self.fps

    @property
    def frame_times(self) -> Float64[np.ndarray, " t"]:
        """Stream time of each frame, in seconds."""
        return (self.start_frame + np.arange(self.num_frames)) / self.fps


@runtime_checkable
class TrajectoryProvider(Protocol):
    """Where motion comes from. Constructed as ``Provider(settings)``; ``Provider()`` takes the default settings.

    One stream is `start`, any number of `read`, `close`; after `close` another `start` begins a new stream. `start`,
    `read` and `close` are called from the engine's thread, `handle` from any thread: the provider holds one lock.
    """

    settings_type: ClassVar[type[BaseModel]]
    """A frozen pydantic model: every field with a default and help, every number with a range."""

    def start(self, info: StreamInfo) -> None:
        """Begin a stream: forget the one before."""

    def read(self, window: Window) -> Tracks:
        """Tracks for the frames of `window`, at once: what is known by now, never waiting for more.

        An id means the same point for the whole stream; once a point has been left out its id does not come back.
        """

    def handle(self, event: Mapping[str, Any]) -> None:
        """Take in something that happened (JSON values, with a "type"); InputError where it makes no sense."""

    def close(self) -> None:
        """End the stream and give back what it held; a second call does nothing."""


@runtime_checkable
class Reporting(Protocol):
    """What a provider may have besides: something to show of itself beside the video, such as the depth it found."""

    def report(self) -> Mapping[str, Any]:
        """What there is to show now: JSON values by name, of which those that changed are sent on. From any thread."""


@runtime_checkable
class Dated(Protocol):
    """What a provider may have besides: when what it was sent was taken, so that people see how late the video is."""

    def input_seconds(self) -> Sequence[float]:
        """For each video frame that was read last, when the newest picture in it was taken, by its sender's clock.

        NaN where there is none; empty where nothing is known. From the thread that reads.
        """


@dataclass(frozen=True, kw_only=True)
class ProviderEntry:
    """One announced provider, usable or not.

    Attributes:
        name: The name it is asked for by.
        distribution: The installed distribution that announces it.
        version: Version of the distribution.
        state: "ok", or "broken" where it cannot be used.
        reason: Why it is broken; empty where it is not.
        target: "module:Class" it stands for.
    """

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken"]
    reason: str
    target: str


def discover() -> list[ProviderEntry]:
    """All announced providers, sorted by name; each is imported, and a failure becomes its reason."""
    entries: list[ProviderEntry] = []
    for point in _announced():
        taken = next((entry for entry in entries if entry.name == point.name), None)
        reason = f"the name is taken by {taken.distribution}" if taken else _reason_broken(point.value)
        entries.append(
            ProviderEntry(
                name=point.name,
                distribution=point.dist.name if point.dist else "",
                version=point.dist.version if point.dist else "",
                state="broken" if reason else "ok",
                reason=reason,
                target=point.value,
            )
        )
    return entries


def provider_class(name: str) -> type[TrajectoryProvider]:
    """The class of an announced name or of "module:Class".

    Raises:
        ProviderError: The name is not known, the import fails, or the class lacks what a provider needs.
    """
    target = name
    if ":" not in name:
        targets = {point.name: point.value for point in reversed(_announced())}
        if name not in targets:
            raise ProviderError(
                f"No provider is called {name!r}; known: {', '.join(sorted(targets)) or 'none'}. "
                "Choose one of them, install its plugin, or give module:Class."
            )
        target = targets[name]
    try:
        return _imported(target)
    except _BrokenProvider as broken:
        raise ProviderError(f"Provider {name!r} cannot be used: {broken}. Repair or remove its plugin.") from broken


def load_provider(name: str, settings: Mapping[str, Any] | None = None) -> TrajectoryProvider:
    """Make a provider from its name or "module:Class" and plain settings.

    Raises:
        ProviderError: There is no such provider, it is broken, or a setting is unknown or out of range.
    """
    provider_type = provider_class(name)
    checked = _checked_settings(name, provider_type.settings_type, settings or {})
    try:
        # The protocol says nothing of construction, so the type checker cannot know that settings are taken.
        provider: TrajectoryProvider = provider_type(checked)  # type: ignore[call-arg]
    except MotionStreamError:
        raise
    except Exception as error:
        raise ProviderError(f"Provider {name!r} could not be made: {_one_line(error)}. Tell its authors.") from error
    return provider


def _announced() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value))


class _BrokenProvider(Exception):  # noqa: N818  (not an error to show: its text is the reason)
    pass


def _reason_broken(target: str) -> str:
    try:
        _imported(target)
    except _BrokenProvider as broken:
        return str(broken)
    return ""


def _imported(target: str) -> type[TrajectoryProvider]:
    if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", target):
        raise _BrokenProvider(f"wanted module:Class, got {target!r}")
    module, _, path = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # a stranger's module may do anything at import, even exit
        raise _BrokenProvider(_one_line(error)) from error
    problem = _shape_problem(found)
    if problem:
        raise _BrokenProvider(f"{target} {problem}")
    provider_type: type[TrajectoryProvider] = found
    return provider_type


def _shape_problem(found: Any) -> str:
    """What `found` lacks to be a provider class, or nothing."""
    from pydantic import BaseModel

    if not isinstance(found, type):
        return f"is not a class but {type(found).__name__}"
    missing = [name for name in _METHODS if not callable(getattr(found, name, None))]
    if missing:
        return f"lacks {', '.join(missing)}"
    settings_type = getattr(found, "settings_type", None)
    if not (isinstance(settings_type, type) and issubclass(settings_type, BaseModel)):
        return "lacks settings_type, a pydantic model"
    return "" if settings_type.model_config.get("frozen") else "has settings_type that is not frozen"


def _checked_settings(name: str, settings_type: type[BaseModel], settings: Mapping[str, Any]) -> BaseModel:
    from pydantic import ValidationError

    known = settings_type.model_fields
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ProviderError(
            f"Provider {name!r} has no setting {', '.join(unknown)}; known: {', '.join(known) or 'none'}. "
            "Correct the name."
        )
    try:
        return settings_type.model_validate(dict(settings))
    except ValidationError as error:
        raise ProviderError(f"Provider {name!r}: {_problems(error)}. Correct the settings.") from error


def _problems(error: ValidationError) -> str:
    """Every problem of a validation as "field: message, got value"."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}, got {problem['input']!r}"
        for problem in error.errors()
    )


def _one_line(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"module {error.name!r} is not installed"
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])
