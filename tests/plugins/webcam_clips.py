"""Videos and camera pictures with known motion, for the tests of the webcam provider."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from motionstream_webcam import WebcamProvider, WebcamSettings

from motionstream.config import StreamConfig
from motionstream.providers import StreamInfo, Window
from motionstream.tracks import Tracks

TILE = np.kron(np.random.default_rng(0).integers(30, 226, (60, 80, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


def shifted(dx: float, dy: float = 0.0, width: int = 160, height: int = 120) -> np.ndarray:
    """A window of a soft random pattern that has moved by (dx, dy) pixels."""
    soft = cv2.GaussianBlur(TILE, (0, 0), 3)
    place = np.array([[1, 0, 200 - dx], [0, 1, 150 - dy]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(soft, place, (width, height), flags=flags))


def jpeg(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def write(
    path: Path, frames: list[np.ndarray], times: list[float] | None = None, codec: str = "libx264", **options: Any
) -> Path:
    """A video whose frames have the given times in seconds, 30 a second by default."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "10"} if codec == "libx264" else {}
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = round(1000 * (index / 30 if times is None else times[index]))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class Stage:
    """A webcam provider in a stream of 128 x 96 pixels; plain motion without filters by default."""

    def __init__(self, provider: WebcamProvider | None = None, **settings: Any) -> None:
        plain = {"dead_zone": 0, "smoothing_cutoff": 60, "smoothing_beta": 1000, "max_speed": 20, "num_points": 60}
        self.config = StreamConfig(width=128, height=96)
        self.provider = provider or WebcamProvider(WebcamSettings(**{**plain, **settings}))
        self.provider.start(StreamInfo(width=128, height=96, fps=16))
        self.num_chunks = 0

    def read(self, num_chunks: int = 1) -> Tracks:
        parts = []
        for _ in range(num_chunks):
            parts.append(self.provider.read(Window.of_chunk(self.config, self.num_chunks)))
            self.num_chunks += 1
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.concat_time(part)
        return whole
