"""Which clips `motionstream evaluate` measures on: held-out procedural ones, or the videos of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from motionstream.errors import InputError

if TYPE_CHECKING:
    from motionstream.config import StreamConfig
    from motionstream.evaluation.measurement import NamedClip
    from motionstream.training.videos.clip import VideoClip
    from motionstream.training.videos.source import VideoSource
    from motionstream.training.videos.tracker import Tracker

HELD_OUT = 900_000_000
"""First seed of the held-out clips; training draws from 10,000,000 to 200,000,000."""
PROCEDURAL = "procedural"

_READ_BYTES = 1 << 20


class ClipSource(Protocol):
    """Clips one after the other, and how they came about."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what the clips are, but which videos they come from."""
        ...

    @property
    def knows_hidden(self) -> bool:
        """Whether a point that is not visible is truly hidden, and not merely lost."""
        ...

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """What could not be used so far, each with the reason."""
        ...

    def __len__(self) -> int:
        """How many clips there are at most."""
        ...

    def __iter__(self) -> Iterator[NamedClip]:
        """The clips."""
        ...


class ProceduralClips:
    """Clips of held-out seeds, whose tracks are exact."""

    knows_hidden = True

    def __init__(self, stream: StreamConfig, num_frames: int, count: int) -> None:
        """Say which.

        Args:
            stream: Size of the clips.
            num_frames: Video frames of a clip.
            count: How many.
        """
        self._stream, self._num_frames, self._count = stream, num_frames, count
        self.skipped: list[tuple[str, str]] = []
        self.settings: dict[str, Any] = {"source": PROCEDURAL, "first_seed": HELD_OUT, "tracks_by": "construction"}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[NamedClip]:
        from motionstream.evaluation.measurement import NamedClip
        from motionstream.training.world import make_clip

        for seed in range(HELD_OUT, HELD_OUT + self._count):
            clip = make_clip(seed, self._num_frames, self._stream.height, self._stream.width)
            yield NamedClip(name=f"procedural {seed}", source=f"seed {seed}", clip=clip)


class FolderClips:
    """The beginning of every video of a folder, with the tracks that a tracker finds in it."""

    def __init__(
        self,
        folder: Path,
        stream: StreamConfig,
        *,
        num_frames: int,
        count: int,
        tracker: str,
        weights: Path | None,
        device: str,
        folder_fps: float,
    ) -> None:
        """Find the videos.

        Args:
            folder: Of videos, or of folders of numbered pictures.
            stream: Size and frame rate that they are brought to.
            num_frames: Video frames of a clip.
            count: Of how many videos at most.
            tracker: A name of `motionstream.training.videos.tracker.TRACKERS`.
            weights: CoTracker3's.
            device: CoTracker3's.
            folder_fps: Video frames per second of a folder of pictures.

        Raises:
            InputError: There is no such folder or tracker, or no video in it.
        """
        from motionstream.training.videos.lucas_kanade import track_lucas_kanade
        from motionstream.training.videos.settings import VideoSettings
        from motionstream.training.videos.source import find_videos
        from motionstream.training.videos.tracker import find_tracker

        listing = find_videos(folder)
        if not listing.videos:
            raise InputError(f"--data {folder}: wanted videos, got a folder without any. Name another.")
        self._videos, self._stream, self._count = listing.videos, stream, count
        self._tracker: Tracker = find_tracker(tracker, weights, device)
        self._clips = VideoSettings(num_frames=num_frames, folder_fps=folder_fps)
        self.skipped: list[tuple[str, str]] = [(one.path, one.reason) for one in listing.skipped]
        self.knows_hidden = self._tracker is not track_lucas_kanade
        name = "cotracker3" if self.knows_hidden else "lucas-kanade"
        self.settings: dict[str, Any] = {"source": "videos", "folder_fps": folder_fps, "tracks_by": name}

    def __len__(self) -> int:
        return min(self._count, len(self._videos))

    def __iter__(self) -> Iterator[NamedClip]:
        return islice(self._usable(), self._count)

    def _usable(self) -> Iterator[NamedClip]:
        from motionstream.evaluation.measurement import NamedClip

        for video in self._videos:
            try:
                clip = self._clip(video)
            except (InputError, OSError, ValueError) as error:  # PyAV raises the latter two for a frame without pixels
                self.skipped.append((video.name, str(error)))
            else:
                yield NamedClip(name=video.name, source=f"sha256 {_hash(video.path)}", clip=clip)

    def _clip(self, video: VideoSource) -> VideoClip:
        import numpy as np

        from motionstream.streaming.image import fit_image
        from motionstream.training.videos.clip import make_video_clip
        from motionstream.training.videos.cuts import is_cut, thumbnail
        from motionstream.training.videos.reading import read_frames

        stream, wanted = self._stream, self._clips.num_frames
        pictures = islice(read_frames(video, stream.fps, self._clips.folder_fps), wanted)
        frames = [fit_image(picture(), height=stream.height, width=stream.width).pixels for picture in pictures]
        if len(frames) < wanted:
            raise InputError(f"wanted {wanted} frames at {stream.fps:g} a second, it has {len(frames)}")
        for number, (before, after) in enumerate(pairwise(map(thumbnail, frames)), 1):
            if is_cut(before, after, self._clips.cuts):
                raise InputError(f"wanted one scene, its frame {number} begins another")
        return make_video_clip(np.stack(frames), video.caption, self._tracker, self._clips)


def clip_source(data: str, stream: StreamConfig, num_frames: int, count: int, **of_videos: Any) -> ClipSource:
    """The clips that `--data` names; the further arguments are those of `FolderClips`."""
    if data == PROCEDURAL:
        return ProceduralClips(stream, num_frames, count)
    return FolderClips(Path(data), stream, num_frames=num_frames, count=count, **of_videos)


def _hash(path: Path) -> str:
    """Of a video's bytes: of a file, or of the pictures of a folder."""
    from motionstream.training.videos.source import numbered_pictures

    digest = hashlib.sha256()
    for file in numbered_pictures(path) if path.is_dir() else [path]:
        with file.open("rb") as content:
            while part := content.read(_READ_BYTES):
                digest.update(part)
    return digest.hexdigest()[:16]
