"""What must be known of a video to plan its clips: how long it is, where its scenes end, where it breaks off."""

from dataclasses import dataclass

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training.videos.cuts import is_cut, thumbnail
from motionstream.training.videos.reading import read_frames
from motionstream.training.videos.settings import VideoSettings
from motionstream.training.videos.source import VideoSource


@dataclass(frozen=True, kw_only=True)
class ScannedVideo:
    """A video looked through once.

    Attributes:
        num_frames: Good video frames at the stream's frame rate.
        cuts: Numbers of the frames that begin a new scene, the first one not among them.
        problem: Why it could not be read, or not to its end.
    """

    num_frames: int
    cuts: tuple[int, ...] = ()
    problem: str | None = None


def scan_video(video: VideoSource, stream: StreamConfig, settings: VideoSettings) -> ScannedVideo:
    """Looks through a video; one that cannot be read is an answer, too."""
    cuts, problem, before, number = [], None, None, 0
    try:
        for picture in read_frames(video, stream.fps, settings.folder_fps):
            small = thumbnail(picture())
            if before is not None and is_cut(before, small, settings.cuts):
                cuts.append(number)
            before, number = small, number + 1
    except (InputError, OSError, ValueError) as error:  # PyAV raises the latter two where a frame has no pixels
        problem = str(error)
    return ScannedVideo(num_frames=number, cuts=tuple(cuts), problem=problem)


def clip_starts(scanned: ScannedVideo, settings: VideoSettings) -> tuple[list[int], int]:
    """Returns the first frames of the clips within one scene, and how many clips span a cut and are left out."""
    last = scanned.num_frames - settings.num_frames
    starts = range(0, last + 1, settings.step)
    whole = [start for start in starts if not any(start < cut < start + settings.num_frames for cut in scanned.cuts)]
    return whole, len(starts) - len(whole)
