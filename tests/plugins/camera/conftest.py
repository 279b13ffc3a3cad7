import os
from pathlib import Path

import numpy as np
import pytest
from motionstream_camera import CameraProvider, CameraSettings

from motionstream.config import StreamConfig
from motionstream.providers import StreamInfo, Window

SHARED = Path(os.environ.get("MOTIONSTREAM_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


class Flight:
    """A camera provider under way; a grid of 12 x 12 points by default."""

    def __init__(self, *, width=96, height=64, image=None, fps=16, **settings):
        self.config = StreamConfig(width=width, height=height, fps=fps)
        self.provider = CameraProvider(CameraSettings(**{"points_across": 12, "field_of_view": 60, **settings}))
        self.provider.start(StreamInfo(width=width, height=height, fps=fps, image=image))
        self.num_chunks = 0

    def send(self, kind, time=None, **fields):
        """Hand over an event."""
        self.provider.handle({"type": kind, **({} if time is None else {"time_seconds": time}), **fields})
        return self

    def read(self, num_chunks=1):
        """The next chunks as one piece of tracks."""
        whole = None
        for _ in range(num_chunks):
            part = self.provider.read(Window.of_chunk(self.config, self.num_chunks))
            whole = part if whole is None else whole.concat_time(part)
            self.num_chunks += 1
        return whole

    @property
    def poses(self):
        """Where the camera has been."""
        return self.provider.flown.poses


@pytest.fixture(scope="session", autouse=True)
def _open3d_is_imported_once():
    """It takes seconds, which no test should count as its own."""
    import open3d  # noqa: F401


@pytest.fixture
def flight():
    return Flight


@pytest.fixture
def depth_file(tmp_path):
    """Writes depth to an .npy and tells where."""

    def write(values, name="depth.npy"):
        np.save(tmp_path / name, np.asarray(values, np.float32))
        return str(tmp_path / name)

    return write


@pytest.fixture
def shared_data():
    """A folder of the shared real data; the test is skipped where it is missing."""

    def find(*parts):
        path = SHARED.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"no {path}")
        return path

    return find
