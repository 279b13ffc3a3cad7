"""StreamGenerator: an engine as evaluation and previews see a model, something that makes a clip of given tracks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import UInt8

from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.sink import SinkPolicy
from motionstream.tracks import Tracks


@dataclass(frozen=True, eq=False)
class StreamGenerator:
    """A causal student; called, it streams one clip.

    Attributes:
        engine: Of the student.
        sink: When the attention sink is replaced.
    """

    engine: StreamEngine
    sink: SinkPolicy = field(default_factory=SinkPolicy)

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """Stream a clip from a picture; in a last chunk that is longer than the tracks, what they say last holds."""
        session, stream = self.engine.open_session(image, prompt, seed), self.engine.config
        session.set_sink(self.sink)
        num_chunks, wanted = stream.num_chunks(tracks.num_frames), tracks.num_frames
        tracks = held(tracks, stream.first_video_frame(num_chunks) - wanted)
        starts = [stream.first_video_frame(index) for index in range(num_chunks + 1)]
        chunks = [session.step(tracks.slice(a, b)).frames for a, b in pairwise(starts)]
        return np.concatenate(chunks)[:wanted]


def held(tracks: Tracks, num_frames: int) -> Tracks:
    """Tracks that rest for some more video frames."""
    if not num_frames:
        return tracks
    last = tracks.slice(tracks.num_frames - 1, tracks.num_frames)
    rest = Tracks(ids=last.ids, xy=last.xy.repeat(num_frames, 0), visible=last.visible.repeat(num_frames, 0))
    return tracks.concat_time(rest)
