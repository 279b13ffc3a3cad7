"""Decoders of frames: bytes to pixels, one in and one out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from motionstream.client.errors import LiveError
from motionstream.serving.packet import Flag, Kind, Packet

_NAMES: Final = {Kind.H264: "h264", Kind.VP8: "vp8"}
_LOW_DELAY = 1 << 19  # FFmpeg's AV_CODEC_FLAG_LOW_DELAY: a picture comes out as soon as it is in


class FrameDecoder:
    """Decodes the frames of one connection in the order in which they came; begins anew where the codec changes.

    Args:
        width: Of the frames; what an encoder added to make sides even is cut off.
        height: Of the frames.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._kind: Kind | None = None
        self._context: Any = None

    def decode(self, packet: Packet) -> UInt8[np.ndarray, "h w 3"]:
        """Decode a frame.

        Raises:
            LiveError: It is damaged, or no key frame came before it.
        """
        pixels = _decode_jpeg(packet) if packet.kind == Kind.JPEG else self._decode_picture(packet)
        return pixels[: self._height, : self._width]

    def _decode_picture(self, packet: Packet) -> UInt8[np.ndarray, "h w 3"]:
        from av.error import FFmpegError
        from av.packet import Packet as EncodedPacket

        if packet.kind != self._kind:
            if Flag.KEY not in packet.flags:
                raise LiveError("protocol", f"Frame {packet.frame}: wanted a key frame first. Ask for one.")
            self._kind, self._context = packet.kind, _open(packet.kind)
        try:
            (picture,) = self._context.decode(EncodedPacket(packet.payload))
        except (FFmpegError, ValueError) as error:
            raise LiveError("protocol", f"Frame {packet.frame}: {packet.kind.name} that does not decode.") from error
        pixels: np.ndarray = picture.to_ndarray(format="rgb24")
        return pixels


def _open(kind: Kind) -> Any:
    from av.codec import CodecContext

    context: Any = CodecContext.create(_NAMES[kind], "r")
    context.thread_count = 1  # more threads hold frames back
    context.flags |= _LOW_DELAY
    return context


def _decode_jpeg(packet: Packet) -> UInt8[np.ndarray, "h w 3"]:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(packet.payload, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise LiveError("protocol", f"Frame {packet.frame}: a JPEG that does not decode.")
    rgb: np.ndarray = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return rgb
