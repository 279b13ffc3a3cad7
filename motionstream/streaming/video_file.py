"""VideoWriter and read_video: video frames to an H.264 mp4 and back, by PyAV.

The file is a *hybrid* mp4: it grows by one small fragment per frame, so that all but the last frame plays even after
the process was killed or the disk filled up; closing turns it into an ordinary mp4 in which every player can seek.
"""

from __future__ import annotations

import errno
import math
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import UInt8

from motionstream.errors import InputError, OutputError
from motionstream.streaming.enlarge import Enlargement, check_enlargement, enlarge
from motionstream.streaming.forgiving_file import ForgivingFile

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_CODEC: Final = "libx264"
_MOVFLAGS = "hybrid_fragmented+frag_every_frame+empty_moov+default_base_moof"
_BT709 = 1  # the number of this standard for matrix, primaries and transfer alike
_LIMITED_RANGE = 1
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class VideoWriter:
    """Writes video frames to an mp4 as they come; a context manager.

    H.264, yuv420p, BT.709. That format needs even sides: an odd one is completed by repeating its last row or column.
    The frames' size is fixed by the first ones. Opening fails at once where the path cannot be written.

    Attributes:
        path: Where the video goes.
        num_frames: Video frames written so far.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float,
        scale: int = 1,
        upscale: Enlargement = "lanczos",
        crf: int = 16,
    ) -> None:
        """Open the file.

        Args:
            path: File to create or to replace.
            fps: Video frames per second of playing time.
            scale: Whole factor by which frames are enlarged, so that small clips are watchable.
            upscale: How they are enlarged.
            crf: x264's constant rate factor, 0 (lossless) to 51.

        Raises:
            InputError: A number or method is out of range.
            OutputError: The path cannot be written, or this PyAV has no H.264 encoder.
        """
        check_enlargement(scale, upscale)
        if not (math.isfinite(fps) and 0 < fps <= 1000 and 0 <= crf <= 51):
            raise InputError(f"Video: wanted fps within (0, 1000] and crf within 0..51, got {fps!r} and {crf!r}.")
        _check_codec()
        self.path = Path(path)
        self.num_frames = 0
        self._fps, self._scale, self._upscale = fps, scale, upscale
        self._options = {
            "crf": str(crf),
            "preset": "veryfast",
            "tune": "zerolatency",  # no look-ahead: a frame is in the file when the next one comes
            "g": str(max(1, round(fps))),  # a key frame every second, to seek to
        }
        self._size: tuple[int, ...] | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._sink = ForgivingFile(self.path)

    def write(self, frames: UInt8[np.ndarray, "t h w 3"]) -> None:
        """Append video frames.

        Raises:
            InputError: The frames are not uint8 [t, h, w, 3], or differ in size from the first ones.
            OutputError: The disk is full or failed, now or earlier; what was written before stays playable.
        """
        self._check_frames(frames)
        if not len(frames):
            return
        stream = self._stream or self._start(frames)
        large = _with_even_sides(enlarge(frames, self._scale, self._upscale))
        for frame in large:
            self._mux(stream.encode(_to_yuv(frame)))
            self.num_frames += 1

    def close(self) -> None:
        """Finish the file; does nothing the second time.

        Raises:
            OutputError: The disk is full or failed while finishing; what was written before stays playable.
        """
        if self._sink.closed:
            return
        reported = self._sink.failure is not None
        try:
            if self._container is not None and self._stream is not None:
                self._container.mux(self._stream.encode())
                self._container.close()
        finally:
            self._sink.close()
            if self.num_frames == 0 and self.path.is_file():
                self.path.unlink(missing_ok=True)  # an empty file is no video
        if self._sink.failure is not None and not reported:
            raise self._failed(self._sink.failure)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except OutputError:
            if error is None:  # an error that is already on its way matters more
                raise

    def _start(self, frames: UInt8[np.ndarray, "t h w 3"]) -> VideoStream:
        import av

        self._size = frames.shape[1:3]
        height, width = (side * self._scale + side * self._scale % 2 for side in self._size)
        self._container = av.open(self._sink, "w", format="mp4", options={"movflags": _MOVFLAGS})
        rate = Fraction(self._fps).limit_denominator(100_000)
        stream = self._container.add_stream(_CODEC, rate=rate, options=self._options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # the cores belong to the model
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        self._stream = stream
        return stream

    def _mux(self, packets: Any) -> None:
        assert self._container is not None
        self._container.mux(packets)
        if self._sink.failure is not None:
            raise self._failed(self._sink.failure)

    def _check_frames(self, frames: Any) -> None:
        if self._sink.closed:
            raise OutputError(f"{self.path}: wanted frames before close(), got them after. Open a new VideoWriter.")
        if self._sink.failure is not None:
            raise self._failed(self._sink.failure)
        shape = list(np.shape(frames))
        good = isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.ndim == 4 and shape[3] == 3
        if not good or 0 in shape[1:]:
            kind = getattr(frames, "dtype", type(frames).__name__)
            raise InputError(f"Video frames: wanted uint8 [t, h, w, 3], got {kind} {shape}.")
        if self._size is not None and tuple(shape[1:3]) != self._size:
            raise InputError(
                f"Video frames: wanted {self._size[1]}x{self._size[0]} as before, got {shape[2]}x{shape[1]}. "
                "Open a new file for another size."
            )

    def _failed(self, failure: OSError) -> OutputError:
        reason = "the disk is full" if failure.errno in _FULL_DISK else f"writing failed: {failure.strerror or failure}"
        written = f"{self.num_frames} video frames ({self.num_frames / self._fps:.1f} s)"
        rest = "what was written so far is playable" if self.num_frames else "nothing was written"
        return OutputError(f"{self.path}: {reason} after {written}; {rest}. Free some space or choose another path.")


def _check_codec() -> None:
    import av.codec

    try:
        av.codec.Codec(_CODEC, "w")
    except ValueError as error:
        raise OutputError(
            f"Video: wanted the H.264 encoder {_CODEC}, this build of PyAV has none. Install PyAV's own wheel: "
            "pip install --only-binary av --force-reinstall av."
        ) from error


def _with_even_sides(frames: UInt8[np.ndarray, "t h w 3"]) -> UInt8[np.ndarray, "t h2 w2 3"]:
    odd_h, odd_w = frames.shape[1] % 2, frames.shape[2] % 2
    return np.pad(frames, ((0, 0), (0, odd_h), (0, odd_w), (0, 0)), mode="edge") if odd_h or odd_w else frames


def _to_yuv(frame: UInt8[np.ndarray, "h w 3"]) -> Any:
    from av.video.frame import VideoFrame
    from av.video.reformatter import ColorRange, Colorspace

    rgb = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)


def read_video(
    path: str | Path, *, max_frames: int | None = None, max_bytes: int = 4 * 2**30
) -> UInt8[np.ndarray, "t h w 3"]:
    """The video frames of a file as RGB, turned upright where the file says so; sound and frame times are ignored.

    A file that breaks off in the middle gives the frames before the break.

    Args:
        path: Any video that FFmpeg reads.
        max_frames: Read no more than the first so many.
        max_bytes: Refuse to hold more than this in memory.

    Raises:
        InputError: The file is missing, holds no readable video frame, or needs more than `max_bytes`.
    """
    import av

    frames: list[np.ndarray] = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if max_frames is not None and len(frames) >= max_frames:
                    break
                if (len(frames) + 1) * frame.width * frame.height * 3 > max_bytes:
                    raise InputError(
                        f"{path}: wanted a video of at most {max_bytes / 2**30:g} GiB of frames, got more. "
                        "Cut or shrink it, or read fewer frames."
                    )
                frames.append(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))
    except (OSError, ValueError, IndexError) as error:  # FFmpegError is one of the first two; no video stream: the last
        if not frames:
            reason = getattr(error, "strerror", None) or "it has no video stream"
            raise InputError(f"{path}: wanted a video, could not read it: {reason}. Check the path.") from error
    if not frames:
        raise InputError(f"{path}: wanted a video, got a file without video frames. Choose another file.")
    return np.stack(frames)
