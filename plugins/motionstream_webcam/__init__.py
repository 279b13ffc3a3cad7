"""The webcam provider of MotionStream: a picture moves as what a camera sees.

The pieces, from the outside in: `provider` (events, status), `follower` (threads, the newest picture wins) and
`clip_reader` (a video file at the stream's times), `video_source`, `device_source` and `jpeg` (camera pictures),
`puppet` (picture in, pose out), `tracker` with `lucas_kanade` and `cotracker3` (points in pictures), `region` and
`pairing` (which place moves which point), `transfer` (their motion becomes the target's), `stage` (poses to tracks).
"""

from motionstream_webcam.event import parse_event
from motionstream_webcam.provider import WebcamProvider
from motionstream_webcam.settings import WebcamSettings
from motionstream_webcam.status import WebcamStatus
from motionstream_webcam.tracker import PointTracker, Sighting, TrackerInfo, TrackerOptions

__all__ = [
    "PointTracker",
    "Sighting",
    "TrackerInfo",
    "TrackerOptions",
    "WebcamProvider",
    "WebcamSettings",
    "WebcamStatus",
    "parse_event",
]
