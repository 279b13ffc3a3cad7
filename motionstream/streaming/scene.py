"""A new picture in the middle of a stream: what the stream remembers is as if it had just shown it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.track_condition import Newest
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState
from motionstream.streaming.model import StreamModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The part of a stream's state that a cut replaces.

    Attributes:
        newest: The picture and its latent frame.
        tracks: No points; the encoder has seen the picture and nothing else.
        decoder: It has decoded the picture and nothing else.
    """

    newest: Newest
    tracks: TrackMemory
    decoder: StreamState | None

    @classmethod
    def opening(cls, model: StreamModel, pixels: UInt8[np.ndarray, "h w 3"]) -> Self:
        """Before a stream's first chunk, which begins with the picture itself."""
        frame = model.frame(pixels)
        newest = Newest(frame, model.encode_frame(frame))
        return cls(newest=newest, tracks=TrackMemory.empty(model.checkpoint.device), decoder=None)

    @classmethod
    def cut_to(cls, model: StreamModel, pixels: UInt8[np.ndarray, "h w 3"]) -> Self:
        """Between two chunks: the next one goes on from the picture.

        Raises:
            InputError: The model sees a picture in the first chunk of a stream only.
        """
        _check_reads_pictures(model.checkpoint)
        frame, networks = model.frame(pixels), model.checkpoint
        latent, encoder = networks.vae.encode_chunk(frame[None, None].to(networks.dtype), None)
        _, decoder = networks.vae.decode_chunk(latent, None)
        tracks = replace(TrackMemory.empty(networks.device), encoder=encoder)
        return cls(newest=Newest(frame, latent[0, :, 0].float()), tracks=tracks, decoder=decoder)


def _check_reads_pictures(checkpoint: Checkpoint) -> None:
    head = checkpoint.track_head
    if head is None or head.config.copy != "picture":
        found = "no track head" if head is None else f"one that copies {head.config.copy}"
        raise InputError(
            "A cut to another picture: wanted a model whose track head copies the picture, so that every chunk reads "
            f"it; got {found}: it reads the picture in a stream's first chunk only. Open a new session, or change the "
            "prompt alone."
        )
