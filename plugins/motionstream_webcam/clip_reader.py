"""ClipReader: a video file followed at the stream's own times, the same every time."""

from __future__ import annotations

from motionstream.providers import Window
from motionstream.tracks import Tracks
from motionstream_webcam.puppet import Command, Puppet
from motionstream_webcam.stage import Stage
from motionstream_webcam.video_source import VideoSource


class ClipReader:
    """Follows as many pictures as a window needs, when it is asked for; it waits for the tracker.

    Args:
        video: The file.
        puppet: Moves the target.
        stage: Where its poses go.
    """

    def __init__(self, video: VideoSource, puppet: Puppet, stage: Stage) -> None:
        self._frames, self._puppet, self._stage = video.frames(), puppet, stage
        self._seconds = -1.0
        self.num_followed = 0

    def read(self, window: Window, commands: tuple[Command, ...]) -> Tracks:
        """Tracks for the frames of a window: at stream time t the target is as the video at time t says."""
        times = window.frame_times
        while self._seconds < times[-1]:  # one picture past the window, so that its last frame lies between two
            frame = next(self._frames)
            self._seconds = frame.seconds
            seen = self._puppet.see(frame, commands)
            commands, self.num_followed = (), self.num_followed + 1
            if seen is not None:
                self._stage.put(seen)
        return self._stage.read_at(window, times)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
