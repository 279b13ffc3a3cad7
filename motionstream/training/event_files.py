"""TensorBoard's event files: scalars beside the curve, pictures and videos of what is learnt."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    Writer = SummaryWriter | None


class EventFiles:
    """Event files in a run's folder; without the package tensorboard there are none, which is said once."""

    def __init__(self, folder: Path, step: int, say: Callable[[str], None]) -> None:
        self._writer = _writer(folder, step, say)

    def scalars(self, step: int, row: Mapping[str, float]) -> None:
        """Adds a row of numbers, and lets the disk have it."""
        if self._writer is None:
            return
        for name, value in row.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def picture(self, step: int, name: str, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Adds a picture."""
        if self._writer is not None:
            self._writer.add_image(name, pixels, step, dataformats="HWC")

    def video(self, step: int, name: str, frames: UInt8[np.ndarray, "t h w 3"], fps: float) -> None:
        """Adds a video, as an animated picture."""
        if self._writer is None:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        image = Summary.Image(height=frames.shape[1], width=frames.shape[2], encoded_image_string=_gif(frames, fps))
        summary = Summary(value=[Summary.Value(tag=name, image=image)])
        files: Any = self._writer.file_writer  # wrongly typed as None
        files.add_summary(summary, step)

    def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path, step: int, say: Callable[[str], None]) -> "Writer":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say("There are no event files for TensorBoard, only curve.csv: to have both, pip install tensorboard.")
        return None
    return SummaryWriter(folder, purge_step=step + 1)  # rows of steps that are made again are not shown twice


def _gif(frames: UInt8[np.ndarray, "t h w 3"], fps: float) -> bytes:
    from PIL import Image

    first, *rest = [Image.fromarray(frame) for frame in frames]
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=1000 / fps, loop=0)
    return file.getvalue()
