"""Calls of a provider, whose code is a stranger's: what fails there is said to be its."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from motionstream.errors import MotionStreamError, ProviderError
from motionstream.providers import Dated, Reporting, StreamInfo, TrajectoryProvider, Window
from motionstream.tracks import Tracks


def start_provider(provider: TrajectoryProvider, info: StreamInfo) -> None:
    """Begin a stream.

    Raises:
        ProviderError: The provider failed.
    """
    with _blamed(provider, "start"):
        provider.start(info)


def handle_event(provider: TrajectoryProvider, event: Mapping[str, Any]) -> None:
    """Hand over an event.

    Raises:
        InputError: The event makes no sense to the provider.
        ProviderError: The provider failed.
    """
    with _blamed(provider, "handle"):
        provider.handle(event)


def read_tracks(provider: TrajectoryProvider, window: Window) -> Tracks:
    """Tracks for the frames of a chunk.

    Raises:
        ProviderError: The provider failed, or gave something else.
    """
    with _blamed(provider, "read"):
        tracks = provider.read(window)
        if not isinstance(tracks, Tracks) or tracks.num_frames != window.num_frames:
            got = f"{tracks.num_frames} frames" if isinstance(tracks, Tracks) else type(tracks).__name__
            raise ProviderError(
                f"{type(provider).__name__}.read: wanted Tracks of {window.num_frames} video frames, got {got}. "
                "Tell its authors."
            )
    return tracks


def take_report(provider: TrajectoryProvider) -> dict[str, Any]:
    """What the provider has to show of itself; nothing from most.

    Raises:
        ProviderError: The provider failed.
    """
    if not isinstance(provider, Reporting):
        return {}
    with _blamed(provider, "report"):
        return dict(provider.report())


def take_input_seconds(provider: TrajectoryProvider) -> tuple[float, ...]:
    """When the newest picture in each video frame that was read last was taken; nothing from most providers.

    Raises:
        ProviderError: The provider failed.
    """
    if not isinstance(provider, Dated):
        return ()
    with _blamed(provider, "input_seconds"):
        return tuple(map(float, provider.input_seconds()))


@contextmanager
def _blamed(provider: TrajectoryProvider, method: str) -> Iterator[None]:
    try:
        yield
    except MotionStreamError:
        raise
    except Exception as error:
        raise ProviderError(
            f"{type(provider).__name__}.{method} failed: {type(error).__name__}: {error}. Tell its authors."
        ) from error
