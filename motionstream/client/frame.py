"""Frame: a video frame as a client gets it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from motionstream.serving.packet import Flag, Packet
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A decoded video frame.

    Attributes:
        pixels: RGB.
        index: Video frame, counted from the start of the video.
        chunk: The chunk that it is part of.
        starts_chunk: Whether it is the first of its chunk.
        ends_chunk: Whether it is the last of its chunk.
        time_ms: Playing time.
        input_ms: When the newest event that moved it was given, by the client's clock; None where there is none.
        packet: Number of its packet.
        tracks: What the model was told of this frame, where tracks were asked for.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    index: int
    chunk: int
    starts_chunk: bool
    ends_chunk: bool
    time_ms: float
    input_ms: float | None
    packet: int
    tracks: Tracks | None

    @property
    def is_still(self) -> bool:
        """Whether it is the picture itself, which stands until the video goes on, and no video frame."""
        return self.index == 0 and not self.starts_chunk

    @classmethod
    def of(cls, packet: Packet, pixels: UInt8[np.ndarray, "h w 3"], tracks: Tracks | None) -> Frame:
        """The frame of a packet and its decoded payload."""
        return cls(
            pixels=pixels,
            index=packet.frame,
            chunk=packet.chunk,
            starts_chunk=Flag.CHUNK_START in packet.flags,
            ends_chunk=Flag.CHUNK_END in packet.flags,
            time_ms=packet.time_ms,
            input_ms=None if math.isnan(packet.input_ms) else packet.input_ms,
            packet=packet.sequence,
            tracks=tracks,
        )
