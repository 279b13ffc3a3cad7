"""WebcamProvider: from camera pictures, live or of a file, to tracks."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any, ClassVar

from pydantic import BaseModel

from motionstream.errors import ProviderError
from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks
from motionstream_webcam.camera_frame import CameraFrame, fitted
from motionstream_webcam.clip_reader import ClipReader
from motionstream_webcam.device_source import DeviceSource
from motionstream_webcam.event import CameraEvent, parse_event
from motionstream_webcam.follower import Follower, Source
from motionstream_webcam.jpeg import decode_jpeg
from motionstream_webcam.paced import PacedVideo
from motionstream_webcam.puppet import Command, Puppet
from motionstream_webcam.report import report_of
from motionstream_webcam.sender_clock import SenderClock
from motionstream_webcam.sent_times import SentTimes
from motionstream_webcam.settings import WebcamSettings
from motionstream_webcam.stage import Stage
from motionstream_webcam.status import State, WebcamStatus
from motionstream_webcam.tracker import TrackerOptions, load_tracker, tracker_class
from motionstream_webcam.video_source import VideoSource


class WebcamProvider:
    """A target that moves as what a camera sees.

    Pictures of a live camera are followed on a thread of their own, and `read` takes what is known by then. A video
    file at the stream's pace is followed in `read`, which then waits for the tracker.

    Attributes:
        settings: What is in force.
        replays_by_tracks: A stream is made again from its tracks, as camera pictures are not kept.
    """

    settings_type: ClassVar[type[BaseModel]] = WebcamSettings
    replays_by_tracks: ClassVar[bool] = True

    def __init__(self, settings: WebcamSettings | None = None) -> None:
        self.settings = settings or WebcamSettings()
        self._tracker_info = tracker_class(self.settings.tracker).info
        self._camera = re.fullmatch(r"camera:(\d{1,2})", str(self.settings.source))
        self._video = None if self._camera or self._client_sends else self._open_video()
        self._lock = Lock()
        self._clock, self._sent = SenderClock(), SentTimes()
        self._aspect = 1.0
        self._commands: list[Command] = []
        self._stage: Stage | None = None
        self._follower: Follower | None = None
        self._clip: ClipReader | None = None

    def start(self, info: StreamInfo) -> None:
        """Begin a stream; with a live source, its threads."""
        self.close()
        chosen, self._aspect = self.settings, info.height / info.width
        stage = Stage(info, max_speed=chosen.max_speed, hide_lost=chosen.hide_lost)
        if self._video is not None and chosen.pace == "stream":
            self._stage, self._clip = stage, ClipReader(self._video, self._make_puppet(), stage)
            return
        follower = Follower(self._make_puppet, stage, max_age_seconds=chosen.max_age_seconds)
        follower.start(self._source())
        with self._lock:
            self._stage, self._follower = stage, follower
            self._clock, self._sent = SenderClock(), SentTimes()

    def handle(self, event: Mapping[str, Any]) -> None:
        """Take in a camera picture or a command; without a stream it is dropped, as are pictures that nobody wants.

        Raises:
            InputError: It is not an event of this provider.
        """
        parsed, now = parse_event(event), time.monotonic()
        with self._lock:
            if not isinstance(parsed, CameraEvent):
                self._command(parsed)
            elif self._follower is not None and self._client_sends:
                seconds = self._clock.here(parsed.time_seconds, now)
                self._sent.put(seconds, math.nan if parsed.time_seconds is None else parsed.time_seconds)
                self._follower.put(seconds, partial(self._decoded, parsed.jpeg, seconds))

    def read(self, window: Window) -> Tracks:
        """Tracks of the target's points; none before the reference."""
        if self._stage is None:
            raise ProviderError("WebcamProvider.read: wanted a stream that was started. Call start first.")
        if self._clip is None:
            return self._stage.read_newest(window)
        with self._lock:
            commands, self._commands = tuple(self._commands), []
        return self._clip.read(window, commands)

    def close(self) -> None:
        """End the stream; its threads end by themselves."""
        if self._clip is not None:
            self._clip.close()
        with self._lock:
            if self._follower is not None:
                self._follower.close()
            self._stage, self._follower, self._clip, self._commands = None, None, None, []

    def input_seconds(self) -> Sequence[float]:
        """For each video frame that was read last, when its newest camera picture was taken, by the sender's clock."""
        with self._lock:
            return () if self._stage is None else tuple(map(self._sent.of, self._stage.shown_seconds))

    def report(self) -> dict[str, Any]:
        """What a page shows: the status, rounded and of no more than some hundred points; from any thread."""
        return report_of(self.status(), self._sent.newest)

    def status(self) -> WebcamStatus:
        """How it stands now; from any thread."""
        stage, follower, clip = self._stage, self._follower, self._clip
        newest = None if stage is None else stage.newest
        seconds = None if stage is None or follower is None else stage.newest_seconds
        age = None if seconds is None else time.monotonic() - seconds
        shown = newest is not None and len(newest.poses) > 0
        target = newest.poses[-1].places if newest is not None and shown else ()
        return WebcamStatus(
            state=self._state(age),
            reason=follower.reason if follower is not None else (self._video.note if self._video else ""),
            tracker=self._tracker_info.name,
            notice=self._tracker_info.notice,
            age_seconds=age,
            num_followed=clip.num_followed if clip else (follower.num_followed if follower else 0),
            num_dropped=follower.num_dropped if follower else 0,
            num_bad=follower.num_bad if follower else 0,
            followed_fps=follower.fps if follower else 0.0,
            seen_share=float(newest.visible.mean()) if newest is not None and len(newest.visible) else 0.0,
            camera_xy=tuple((float(x), float(y)) for x, y in newest.camera) if newest is not None else (),
            camera_visible=tuple(map(bool, newest.visible)) if newest is not None else (),
            target_xy=tuple((float(x), float(y) / self._aspect) for x, y in target),
        )

    @property
    def _client_sends(self) -> bool:
        return str(self.settings.source) == "client"

    def _command(self, command: Command) -> None:
        if self._follower is not None:
            self._follower.command(command)
        elif self._clip is not None:
            self._commands.append(command)

    def _state(self, age: float | None) -> State:
        if self._follower is None:
            return "waiting" if self._clip is None or not self._clip.num_followed else "running"
        late = self.settings.max_age_seconds
        if self._follower.failed or (self._follower.reason and (age is None or age > late)):
            return "lost"
        if age is None:
            return "starting" if self._follower.num_followed else "waiting"
        return "running" if age <= late else "stale"

    def _make_puppet(self) -> Puppet:
        options = TrackerOptions(weights=self.settings.weights, device=self.settings.device)
        return Puppet(self.settings, load_tracker(self.settings.tracker, options), self._aspect)

    def _open_video(self) -> VideoSource:
        chosen = self.settings
        return VideoSource(chosen.source, chosen.camera_px, mirror=chosen.mirror)

    def _source(self) -> Source | None:
        chosen = self.settings
        if self._camera:
            return DeviceSource(int(self._camera[1]), chosen.camera_px, mirror=chosen.mirror)
        return None if self._video is None else PacedVideo(self._video)

    def _decoded(self, jpeg: bytes, seconds: float) -> CameraFrame:
        pixels = decode_jpeg(jpeg, self.settings.camera_px)
        return CameraFrame(pixels=fitted(pixels, self.settings.camera_px, mirror=self.settings.mirror), seconds=seconds)
