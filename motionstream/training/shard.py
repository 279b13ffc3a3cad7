"""A shard: encoded clips in one safetensors file, written whole or not at all."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.errors import OutputError
from motionstream.models.vae.protocol import VideoVAE
from motionstream.tracks import Tracks

NO_POINT: Final = 255
"""The layer of rows that only fill a clip's points up to the number of the shard's richest clip."""


class KnownClip(Protocol):
    """A video clip of which one knows where its points go."""

    @property
    def frames(self) -> UInt8[np.ndarray, "t h w 3"]:
        """RGB video."""
        ...

    @property
    def tracks(self) -> Tracks:
        """Points, ids 0..n-1."""
        ...

    @property
    def layer(self) -> np.ndarray:
        """The object each point lies on, int `n`, less than `NO_POINT`; 0 is the background."""
        ...

    @property
    def caption(self) -> str:
        """The prompt in words."""
        ...


@dataclass(frozen=True)
class Shard:
    """What a shard's file holds: tensors with one row a clip, and the captions in the same order.

    The one tensor without rows is `unprompted`, the empty prompt's embedding `s d`.
    """

    tensors: Mapping[str, Tensor]
    captions: tuple[str, ...]

    def save(self, path: Path, **metadata: str) -> Path:
        """Writes everything beside `path` and returns where; `os.replace` then makes it the shard.

        Raises:
            OutputError: It cannot be written.
        """
        fresh = path.with_suffix(".part")
        try:
            save_file(dict(self.tensors), fresh, metadata={"captions": json.dumps(self.captions), **metadata})
        except (OSError, SafetensorError) as error:  # a full disk is the latter
            raise OutputError(f"{fresh} cannot be written: {error}. Free space, or choose another folder.") from error
        return fresh

    def write(self, path: Path, **metadata: str) -> None:
        """Writes the shard's file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        os.replace(self.save(path, **metadata), path)


def picture_frames(stream: StreamConfig, num_frames: int) -> tuple[int, ...]:
    """Returns the newest video frame before each chunk of a clip, and frame 0 for the first chunk."""
    starts = (stream.first_video_frame(chunk) for chunk in range(stream.num_chunks(num_frames)))
    return tuple(max(0, start - 1) for start in starts)


@torch.inference_mode()
def encode_clips(
    clips: Iterable[KnownClip],
    picture_frames: tuple[int, ...],
    vae: VideoVAE,
    embed: Callable[[str], Tensor],
    batch: int = 8,
) -> Shard | None:
    """Encodes clips of one size and length; None where there is no clip.

    Args:
        clips: taken a batch at a time, so that no more of them are in memory.
        picture_frames: video frames that are kept as pictures.
        vae: encodes them, on the device it lies on.
        embed: prompt -> embedding `1 s d`.
        batch: clips encoded at once.
    """
    waiting, parts = iter(clips), []
    points: list[tuple[Tracks, np.ndarray]] = []
    captions: list[str] = []
    while some := list(islice(waiting, batch)):
        parts.append(_encoded(some, picture_frames, vae, embed))
        points += [(clip.tracks, clip.layer) for clip in some]
        captions += [clip.caption for clip in some]
    if not parts:
        return None
    tensors = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
    unprompted = embed("")[0].to("cpu", torch.bfloat16)
    return Shard({**tensors, **stack_points(points), "unprompted": unprompted}, tuple(captions))


def _encoded(
    clips: list[KnownClip], picture_frames: tuple[int, ...], vae: VideoVAE, embed: Callable[[str], Tensor]
) -> dict[str, Tensor]:
    video = torch.from_numpy(np.stack([clip.frames for clip in clips])).permute(0, 1, 4, 2, 3)
    device = next(vae.parameters()).device if isinstance(vae, nn.Module) else torch.device("cpu")
    return {
        "latents": vae.encode(video.to(device).float() / 255).to("cpu", torch.bfloat16),
        "pictures": video[:, list(picture_frames)],
        "prompt_embeds": torch.cat([embed(clip.caption) for clip in clips]).to("cpu", torch.bfloat16),
    }


def stack_points(points: list[tuple[Tracks, np.ndarray]]) -> dict[str, Tensor]:
    """The points of all clips, each filled up to as many rows as the richest has."""
    most = max(tracks.num_points for tracks, _ in points)
    visible = np.stack([_filled(tracks.visible, most, 1, False) for tracks, _ in points])
    xy = np.stack([_filled(tracks.xy, most, 1, 0) for tracks, _ in points])
    layer = np.stack([_filled(layer, most, 0, NO_POINT) for _, layer in points])
    return {
        "xy": torch.from_numpy(xy).half().contiguous(),
        "visible": torch.from_numpy(np.packbits(visible, axis=-1)).contiguous(),
        "layer": torch.from_numpy(layer.astype(np.uint8)),
    }


def _filled(array: np.ndarray, most: int, axis: int, value: Any) -> np.ndarray:
    missing = [(0, most - array.shape[axis] if i == axis else 0) for i in range(array.ndim)]
    return np.pad(array, missing, constant_values=value)
