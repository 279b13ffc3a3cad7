"""Codecs: one frame in and one out, decodable from any key frame, with the colours that went in."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.serving.codecs import EncodedFrame, available_codecs, choose_codec, open_encoder
from motionstream.serving.messages import Codec
from motionstream.serving.packet import Kind

WIDTH, HEIGHT = 64, 48
CODECS: tuple[Codec, ...] = get_args(Codec)


def _frame(position: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A bright orange box that walks over a smooth blue-green ground."""
    y, x = np.mgrid[:height, :width]
    frame = np.stack([40 + 0 * x, 60 + x, 90 + y], axis=-1).astype(np.uint8)
    frame[8:24, position : position + 16] = (230, 140, 30)
    return frame


def _decoded(frames: Sequence[EncodedFrame]) -> list[np.ndarray]:
    """As an independent decoder sees them."""
    import cv2
    from av.codec import CodecContext
    from av.packet import Packet

    if frames[0].kind == Kind.JPEG:
        return [cv2.imdecode(np.frombuffer(f.payload, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for f in frames]
    decoder: Any = CodecContext.create({Kind.H264: "h264", Kind.VP8: "vp8"}[frames[0].kind], "r")
    pictures = [picture for frame in frames for picture in decoder.decode(Packet(frame.payload))]
    pictures += decoder.decode(None)  # FFmpeg holds one back unless it is told that there are no more
    return [picture.to_ndarray(format="rgb24") for picture in pictures]


def _encoded(codec: Codec, num_frames: int, key_at: int = -1, **options: Any) -> list[EncodedFrame]:
    encoder = open_encoder(codec, **{"width": WIDTH, "height": HEIGHT, "fps": 16.0, **options})
    return [encoder.encode(_frame(2 * i), key=i == key_at) for i in range(num_frames)]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_decoded_looks_like_what_went_in(codec: Codec) -> None:
    decoded = _decoded(_encoded(codec, 6, quality=90))
    assert len(decoded) == 6
    for index, picture in enumerate(decoded):
        error = np.abs(picture.astype(int) - _frame(2 * index).astype(int))
        assert error.mean() < 6, index


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_decoder_can_begin_at_a_key_frame_that_was_asked_for(codec: Codec) -> None:
    frames = _encoded(codec, 9, key_at=5)
    assert [frame.key for frame in frames] == [index in (0, 5) for index in range(9)]
    decoded = _decoded(frames[5:])
    assert len(decoded) == 4
    assert np.abs(decoded[-1].astype(int) - _frame(16)).mean() < 8


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_frames_between_key_frames_are_much_smaller(codec: Codec) -> None:
    encoder = open_encoder(codec, width=WIDTH, height=HEIGHT, fps=16.0)
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    first, second = encoder.encode(noise), encoder.encode(noise)
    assert len(second.payload) < len(first.payload) / 4


def test_every_jpeg_is_a_key_frame() -> None:
    assert all(frame.key and frame.kind == Kind.JPEG for frame in _encoded("jpeg", 3))


def test_h264_is_annex_b_of_the_baseline_profile() -> None:
    first = _encoded("h264", 1)[0].payload
    assert first[:5] == b"\x00\x00\x00\x01\x67"  # start code, sequence parameter set
    assert first[5] == 66
    assert first[6] & 0x40  # constrained: what avc1.42E0.. promises to a browser


@pytest.mark.parametrize("codec", CODECS)
def test_higher_quality_costs_more_bytes_and_errs_less(codec: Codec) -> None:
    rough, fine = (_encoded(codec, 3, quality=quality) for quality in (20, 95))
    assert sum(len(f.payload) for f in rough) < sum(len(f.payload) for f in fine)
    errors = [np.abs(_decoded(frames)[-1].astype(int) - _frame(4)).mean() for frames in (rough, fine)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_odd_sides_are_completed(codec: Codec) -> None:
    encoder = open_encoder(codec, width=63, height=47, fps=16.0)
    (picture,) = _decoded([encoder.encode(_frame(4, 63, 47))])
    assert picture.shape == (48, 64, 3)
    assert np.abs(picture[:47, :63].astype(int) - _frame(4, 63, 47)).mean() < 8


@pytest.mark.parametrize("codec", CODECS)
def test_a_view_with_other_strides_is_encoded_as_it_looks(codec: Codec) -> None:
    encoder = open_encoder(codec, width=WIDTH, height=HEIGHT, fps=16.0)
    mirrored = _frame(4)[:, ::-1]
    (picture,) = _decoded([encoder.encode(mirrored)])
    assert np.abs(picture.astype(int) - mirrored).mean() < 8


def test_the_clients_first_available_codec_is_chosen() -> None:
    assert choose_codec(("h264", "vp8", "jpeg"), ("jpeg", "vp8")) == "vp8"
    assert choose_codec(("jpeg", "h264"), available_codecs()) == "jpeg"


def test_a_client_without_a_common_codec_is_told_what_there_is() -> None:
    with pytest.raises(InputError, match="wanted one of jpeg, vp8, got h264"):
        choose_codec(("h264",), ("jpeg", "vp8"))


def test_this_installation_encodes_everything_that_the_protocol_names() -> None:
    assert set(available_codecs()) == set(CODECS)


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_out_of_range_is_refused(quality: int) -> None:
    with pytest.raises(InputError, match="wanted 1 to 100"):
        open_encoder("jpeg", width=WIDTH, height=HEIGHT, fps=16.0, quality=quality)
