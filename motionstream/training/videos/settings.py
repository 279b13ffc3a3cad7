"""How videos are cut and encoded."""

from dataclasses import asdict, dataclass, field
from typing import Any

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.training.videos.cuts import CutSettings


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """How videos are cut into clips, and which clips are good enough.

    Attributes:
        num_frames: Video frames of a clip, a whole number of chunks.
        hop: Video frames from a clip's start to the next one's; by default a clip's length.
        shard_clips: Clips planned for a shard; fewer are in it where some are skipped.
        folder_fps: Video frames per second of a folder of pictures.
        min_points: Fewest points that a clip is kept for.
        min_seen: Part of a clip's frames in which a point must be seen to be kept.
        batch: Clips encoded at once.
        cuts: What counts as a scene cut.
    """

    num_frames: int = 33
    hop: int | None = None
    shard_clips: int = 64
    folder_fps: float = 24.0
    min_points: int = 64
    min_seen: float = 0.25
    batch: int = 8
    cuts: CutSettings = field(default_factory=CutSettings)

    def __post_init__(self) -> None:
        least = {"hop": 1, "shard_clips": 1, "min_points": 60, "batch": 1}  # track sampling tells up to 60 points
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InputError(f"Videos, {name}: wanted at least {lowest}, got {value}.")
        if not (self.folder_fps > 0 and 0 <= self.min_seen <= 1):
            raise InputError(
                f"Videos: wanted folder_fps above 0 and min_seen within 0..1, got {self.folder_fps}, {self.min_seen}."
            )

    @property
    def step(self) -> int:
        """Video frames from a clip's start to the next one's."""
        return self.hop or self.num_frames

    def check(self, stream: StreamConfig) -> None:
        """Says what was wanted when clips are no whole number of the stream's chunks.

        Raises:
            InputError: They are not.
        """
        chunks = stream.num_chunks(self.num_frames)
        if chunks < 1 or stream.first_video_frame(chunks) != self.num_frames:
            near = [stream.first_video_frame(max(1, chunks + more)) for more in (-1, 0, 1)]
            raise InputError(
                f"Videos: wanted clips of a whole number of chunks, got {self.num_frames} video frames. "
                f"Take one of {', '.join(map(str, sorted(set(near))))}."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values of all that decides which clips there are and what is in them."""
        return {name: value for name, value in asdict(self).items() if name != "batch"}
