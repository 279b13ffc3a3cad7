"""Videos with known motion, written by PyAV."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.streaming.video_file import VideoWriter

VIDEOS_VARIABLE = "MOTIONSTREAM_TEST_VIDEOS"


@pytest.fixture
def rising(patch_over_background: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Frames [t, 96, 96, 3] of a patch that moves up by half a pixel a frame, before a background at rest."""

    def frames(num_frames: int, **more: Any) -> np.ndarray:
        return patch_over_background(np.arange(num_frames)[:, None] * (0.0, -0.5), (48, 60), side=96, **more)

    return frames


@pytest.fixture
def write_video(rising: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Writes frames, by default 45 of a rising patch, at 16 frames a second."""

    def write(path: Path, frames: np.ndarray | None = None, fps: float = 16) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, fps=fps, crf=8) as video:
            video.write(rising(45) if frames is None else frames)
        return path

    return write


@pytest.fixture
def real_videos() -> Path:
    """The folder of real videos that an environment variable names, where it names one."""
    folder = os.environ.get(VIDEOS_VARIABLE)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{VIDEOS_VARIABLE} names no folder of real videos")
    return Path(folder)
