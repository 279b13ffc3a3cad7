"""PacedVideo: a video file that shows its frames as a camera would, by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from motionstream_webcam.camera_frame import CameraFrame
from motionstream_webcam.video_source import VideoSource


class PacedVideo:
    """Frames of a video, each when it is due; a frame that is late is shown at once."""

    def __init__(self, video: VideoSource) -> None:
        self._video = video

    def frames(self) -> Iterator[CameraFrame]:
        """Frames without end, with times by `time.monotonic`."""
        begun = time.monotonic()
        for frame in self._video.frames():
            due = begun + frame.seconds
            time.sleep(max(0.0, due - time.monotonic()))
            yield replace(frame, seconds=max(due, time.monotonic()))
