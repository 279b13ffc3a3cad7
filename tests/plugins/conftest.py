import pytest
from motionstream_drag import DragProvider, DragSettings

from motionstream.config import StreamConfig
from motionstream.providers import StreamInfo, Window


class Stream:
    """A drag provider and the chunks that have been read from it; one rigid point without smoothing by default."""

    def __init__(self, *, width=100, height=100, fps=16, provider=None, **settings):
        plain = {"radius": 0, "smoothing_seconds": 0, "max_speed": 20}
        self.config = StreamConfig(width=width, height=height, fps=fps)
        self.provider = provider or DragProvider(DragSettings(**{**plain, **settings}))
        self.provider.start(StreamInfo(width=width, height=height, fps=fps))
        self.num_chunks = 0

    def send(self, kind, time=None, x=None, y=None, **fields):
        """Hand over an event; left out fields are not sent."""
        given = {"type": kind, "time_seconds": time, "x": x, "y": y, **fields}
        self.provider.handle({key: value for key, value in given.items() if value is not None})
        return self

    def read(self, num_chunks=1):
        """The next chunks as one piece of tracks."""
        parts = []
        for _ in range(num_chunks):
            parts.append(self.provider.read(Window.of_chunk(self.config, self.num_chunks)))
            self.num_chunks += 1
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.concat_time(part)
        return whole


@pytest.fixture
def stream():
    return Stream
