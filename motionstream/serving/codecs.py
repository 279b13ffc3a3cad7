"""Codecs: video frames to bytes as they come, one in and one out; a client takes its pick by `choose_codec`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Protocol, get_args

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError, OutputError
from motionstream.serving.messages import Codec
from motionstream.serving.packet import Kind

DEFAULT_QUALITY = 80

_LIBRARIES: Final = {"h264": "libx264", "vp8": "libvpx"}
_ENDLESS = "1000000"  # frames between key frames: they come when they are asked for


@dataclass(frozen=True, kw_only=True)
class EncodedFrame:
    """A frame as it travels.

    Attributes:
        payload: The bytes; H.264 in Annex B with its parameter sets before each key frame.
        kind: What they are.
        key: Whether a decoder can begin with it.
    """

    payload: bytes
    kind: Kind
    key: bool


class FrameEncoder(Protocol):
    """Turns the frames of one connection into bytes; for one thread at a time."""

    def encode(self, frame: UInt8[np.ndarray, "h w 3"], *, key: bool = False) -> EncodedFrame:
        """Encode an RGB frame; it refers to the one that was encoded before, unless `key`."""


def choose_codec(wanted: Sequence[Codec], available: Collection[Codec]) -> Codec:
    """The first of a client's codecs that is available.

    Raises:
        InputError: None is.
    """
    for codec in wanted:
        if codec in available:
            return codec
    raise InputError(
        f"Codecs: wanted one of {', '.join(sorted(available))}, got {', '.join(wanted) or 'none'}. "
        "Every client should offer jpeg last."
    )


@lru_cache(maxsize=1)
def available_codecs() -> tuple[Codec, ...]:
    """What this installation can encode; JPEG always."""
    import av.codec

    found: list[Codec] = ["jpeg"]
    for codec in get_args(Codec):
        try:
            if codec in _LIBRARIES and av.codec.Codec(_LIBRARIES[codec], "w"):
                found.append(codec)
        except ValueError:  # this build of FFmpeg is without
            continue
    return tuple(found)


def open_encoder(codec: Codec, *, width: int, height: int, fps: float, quality: int = DEFAULT_QUALITY) -> FrameEncoder:
    """An encoder for frames of one size; to change the quality, open another one: its first frame is a key frame.

    Args:
        codec: Which.
        width: Of the frames.
        height: Of the frames.
        fps: Video frames per second.
        quality: JPEG quality 1 to 100; the others use what looks about the same.

    Raises:
        InputError: The quality is out of range.
        OutputError: The codec is not available.
    """
    if not 1 <= quality <= 100:
        raise InputError(f"Quality: wanted 1 to 100, got {quality}.")
    if codec not in available_codecs():
        raise OutputError(f"Codec {codec}: not in this build of PyAV; it has {', '.join(available_codecs())}.")
    match codec:
        case "jpeg":
            return JpegEncoder(quality)
        case "h264":
            return H264Encoder(width=width, height=height, fps=fps, quality=quality)
        case "vp8":
            return Vp8Encoder(width=width, height=height, fps=fps, quality=quality)


class JpegEncoder:
    """Every frame is a JPEG file and a key frame.

    Args:
        quality: 1 to 100.
    """

    def __init__(self, quality: int = DEFAULT_QUALITY) -> None:
        self._quality = quality

    def encode(self, frame: UInt8[np.ndarray, "h w 3"], *, key: bool = False) -> EncodedFrame:
        """Encode an RGB frame."""
        import cv2

        swapped = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if not done:
            raise OutputError(f"JPEG: a frame of {frame.shape[1]}x{frame.shape[0]} could not be encoded.")
        return EncodedFrame(payload=data.tobytes(), kind=Kind.JPEG, key=True)


class H264Encoder:
    """H.264, constrained baseline, BT.709 limited range as the stream itself says; odd sides are completed.

    Args:
        width: Of the frames.
        height: Of the frames.
        fps: Video frames per second.
        quality: 1 to 100.
    """

    def __init__(self, *, width: int, height: int, fps: float, quality: int = DEFAULT_QUALITY) -> None:
        options = {
            "preset": "ultrafast",
            "tune": "zerolatency",  # no B frames and no look-ahead
            "profile": "baseline",
            "crf": str(round(45 - 0.3 * quality)),
            "g": _ENDLESS,
            "forced-idr": "1",  # a key frame is one to begin with, not merely an intra frame
        }
        self._picture = _PictureEncoder("h264", options, width=width, height=height, fps=fps, standard=_BT709)

    def encode(self, frame: UInt8[np.ndarray, "h w 3"], *, key: bool = False) -> EncodedFrame:
        """Encode an RGB frame."""
        return self._picture.encode(frame, Kind.H264, key=key)


class Vp8Encoder:
    """VP8 in real-time mode, BT.601 limited range as the format has it; odd sides are completed.

    Args:
        width: Of the frames.
        height: Of the frames.
        fps: Video frames per second.
        quality: 1 to 100.
    """

    def __init__(self, *, width: int, height: int, fps: float, quality: int = DEFAULT_QUALITY) -> None:
        quantizer = str(round(63 - 0.55 * quality))
        options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "qmin": quantizer,
            "qmax": quantizer,  # a fixed one, as libvpx has no rate factor for VP8
            "b": "20M",
            "g": _ENDLESS,
        }
        self._picture = _PictureEncoder("vp8", options, width=width, height=height, fps=fps, standard=_BT601)

    def encode(self, frame: UInt8[np.ndarray, "h w 3"], *, key: bool = False) -> EncodedFrame:
        """Encode an RGB frame."""
        return self._picture.encode(frame, Kind.VP8, key=key)


@dataclass(frozen=True, kw_only=True)
class _Standard:
    """A colour standard by FFmpeg's numbers: for its scaler, and as it is written into the stream."""

    scaler: int
    signalled: int


_BT709 = _Standard(scaler=1, signalled=1)
_BT601 = _Standard(scaler=5, signalled=6)
_LIMITED_RANGE = 1
_INTRA = 1  # picture type I: a key frame; 0 leaves the type to the encoder


class _PictureEncoder:
    """FFmpeg's encoder, set up so that each frame gives one packet."""

    def __init__(
        self, codec: Codec, options: dict[str, str], *, width: int, height: int, fps: float, standard: _Standard
    ) -> None:
        from av.codec import CodecContext
        from av.video.reformatter import VideoReformatter

        rate = Fraction(fps).limit_denominator(100_000)
        context: Any = CodecContext.create(_LIBRARIES[codec], "w")
        context.width, context.height = width + width % 2, height + height % 2
        context.pix_fmt, context.framerate, context.time_base = "yuv420p", rate, 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = standard.signalled
        context.color_range = _LIMITED_RANGE
        context.thread_count = 1  # the cores belong to the model
        context.options = options
        self._context, self._standard, self._count = context, standard, 0
        self._reformatter = VideoReformatter()  # kept: making one costs more than a small frame

    def encode(self, frame: UInt8[np.ndarray, "h w 3"], kind: Kind, *, key: bool) -> EncodedFrame:
        from av.video.frame import VideoFrame

        odd_h, odd_w = frame.shape[0] % 2, frame.shape[1] % 2
        if odd_h or odd_w:
            frame = np.pad(frame, ((0, odd_h), (0, odd_w), (0, 0)), mode="edge")
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        yuv: Any = self._reformatter.reformat(
            rgb, format="yuv420p", dst_colorspace=self._standard.scaler, dst_color_range=_LIMITED_RANGE
        )
        yuv.pts, yuv.pict_type = self._count, _INTRA if key else 0
        self._count += 1
        (packet,) = self._context.encode(yuv)
        return EncodedFrame(payload=bytes(packet), kind=kind, key=packet.is_keyframe)
