"""Packet: a binary message, a header of 40 bytes and a payload; little-endian, the same in Python and in the page."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Self

import numpy as np

from motionstream.errors import InputError
from motionstream.tracks import Tracks

MAGIC = b"MSP1"
HEADER = struct.Struct("<4sBBHIIII2d")
"""magic, kind, flags, generation, sequence, chunk, frame, reserved, playing time ms, input time ms."""

_TRACKS = struct.Struct("<II")
_UNITS = 8192
"""Positions travel as int16 in parts of 1/8192 of the picture's width and height, within [-4, 4)."""


class Kind(IntEnum):
    """What the payload is."""

    JPEG = 1
    H264 = 2
    VP8 = 3
    TRACKS = 4
    PICTURE = 16
    CAMERA = 17


class Flag(IntFlag):
    """What else is to be known of a frame."""

    KEY = 1
    CHUNK_START = 2
    CHUNK_END = 4


NO_FLAGS = Flag(0)
_ALL_FLAGS = Flag.KEY | Flag.CHUNK_START | Flag.CHUNK_END


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A binary message.

    Attributes:
        kind: What the payload is; to the server go PICTURE, a file as people have it, and CAMERA, a live camera's JPEG.
        payload: The encoded frame, the picture, or the tracks of `chunk` (see `encode_tracks`).
        flags: A key frame, the first or last frame of its chunk.
        generation: Of the stream, modulo 65,536; packets of another one belong to an old branch.
        sequence: Counted up by one with each frame of a connection; what `Ack` names. 0 for other kinds.
        chunk: The chunk.
        frame: The video frame, counted from the start of the video; of tracks the first one.
        time_ms: Playing time of the frame; of CAMERA when it was taken, by the client's clock.
        input_ms: Client's time of the newest event or camera picture that moved this frame; NaN where there is none.
    """

    kind: Kind
    payload: bytes
    flags: Flag = NO_FLAGS
    generation: int = 0
    sequence: int = 0
    chunk: int = 0
    frame: int = 0
    time_ms: float = 0.0
    input_ms: float = math.nan

    def to_bytes(self) -> bytes:
        """The message as it is sent."""
        header = HEADER.pack(
            MAGIC,
            self.kind,
            self.flags,
            self.generation % 65536,
            self.sequence % 2**32,
            self.chunk,
            self.frame,
            0,
            self.time_ms,
            self.input_ms,
        )
        return header + self.payload

    @classmethod
    def from_bytes(cls, message: bytes) -> Self:
        """Read a message.

        Raises:
            InputError: It is too short, or its magic, kind or flags are not known.
        """
        if len(message) < HEADER.size:
            raise InputError(f"Binary message: wanted a header of {HEADER.size} bytes, got {len(message)} bytes.")
        magic, kind, flags, generation, sequence, chunk, frame, _, time_ms, input_ms = HEADER.unpack_from(message)
        if magic != MAGIC or kind not in Kind.__members__.values() or flags & ~int(_ALL_FLAGS):
            raise InputError(
                f"Binary message: wanted magic {MAGIC!r}, a known kind and known flags, "
                f"got {magic!r}, {kind}, {flags}. See docs/protocol.md."
            )
        return cls(
            kind=Kind(kind),
            payload=message[HEADER.size :],
            flags=Flag(flags),
            generation=generation,
            sequence=sequence,
            chunk=chunk,
            frame=frame,
            time_ms=time_ms,
            input_ms=input_ms,
        )


def is_camera(message: bytes) -> bool:
    """Whether a binary message says that it is a picture of a live camera; what else it holds is not looked at."""
    return message[:5] == MAGIC + bytes([Kind.CAMERA])


def encode_tracks(tracks: Tracks) -> bytes:
    """Payload of TRACKS: u32 video frames t, u32 points n, int16 positions [t, n, 2] in 1/8192, u8 visible [t, n]."""
    units = np.clip(np.rint(tracks.xy * _UNITS), -32768, 32767).astype("<i2")
    sizes = _TRACKS.pack(tracks.num_frames, tracks.num_points)
    return b"".join((sizes, units.tobytes(), tracks.visible.astype(np.uint8).tobytes()))


def decode_tracks(payload: bytes) -> Tracks:
    """The tracks of a TRACKS payload; ids do not travel, points are numbered from 0.

    Raises:
        InputError: The payload has another length than its numbers say, or no video frames.
    """
    t, n = _TRACKS.unpack_from(payload) if len(payload) >= _TRACKS.size else (0, 0)
    if t < 1 or len(payload) != _TRACKS.size + 5 * t * n:
        raise InputError(f"Tracks of {n} points over {t} video frames: got {len(payload)} bytes.")
    units = np.frombuffer(payload, "<i2", 2 * t * n, _TRACKS.size).reshape(t, n, 2)
    visible = np.frombuffer(payload, np.uint8, t * n, _TRACKS.size + 4 * t * n).reshape(t, n)
    return Tracks(ids=np.arange(n), xy=units.astype(np.float32) / _UNITS, visible=visible.astype(bool))
