"""The user's picture: every mode decodes, the fit is right, positions map exactly, bad files are named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionstream.errors import InputError
from motionstream.streaming.image import fit_image


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=-1).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_crop_keeps_the_middle_and_says_so() -> None:
    fitted = fit_image(gradient(400, 600), height=128, width=128)
    assert fitted.pixels.shape == (128, 128, 3)
    assert fitted.pixels.dtype == np.uint8
    assert fitted.description == "cropped 600x400 to 400x400, resized to 128x128"
    assert fitted.pixels[64, 0, 0] == pytest.approx(255 * 100 / 600, abs=2)
    assert fitted.pixels[64, -1, 0] == pytest.approx(255 * 500 / 600, abs=2)


def test_pad_keeps_everything_and_adds_black_bars() -> None:
    fitted = fit_image(np.full((400, 600, 3), 200, np.uint8), height=128, width=128, fit="pad")
    assert fitted.description == "resized 600x400 to 128x85, padded to 128x128 with black bars"
    lit = (fitted.pixels == 200).all(axis=(1, 2))
    assert lit.sum() == 85
    assert (fitted.pixels[~lit] == 0).all()


def test_a_picture_of_the_streams_size_is_kept_to_the_bit() -> None:
    picture = gradient(30, 50)
    for fit in ("crop", "pad"):
        fitted = fit_image(picture, height=30, width=50, fit=fit)  # type: ignore[arg-type]
        assert (fitted.pixels == picture).all()
        assert fitted.description == "kept 50x30 as it is"


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(400, 600), (600, 400), (37, 911), (1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("stream", [(128, 128), (96, 160), (7, 5)])
def test_any_size_fits_and_positions_map_there_and_back(
    fit: str, size: tuple[int, int], stream: tuple[int, int]
) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    fitted = fit_image(picture, height=stream[0], width=stream[1], fit=fit)  # type: ignore[arg-type]
    assert fitted.pixels.shape == (*stream, 3)
    points = np.array([[0.0, 0.0], [size[1], size[0]], [size[1] / 2, size[0] / 3]])
    there = fitted.transform.to_stream(points)
    np.testing.assert_allclose(fitted.transform.to_picture(there), points, atol=1e-6)
    inside = ((there >= -1e-9) & (there <= 1 + 1e-9)).all()
    assert inside or fit == "crop"


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(400, 600), (610, 411), (90, 100)])
def test_a_dot_in_the_picture_appears_where_the_transform_says(fit: str, size: tuple[int, int]) -> None:
    y, x = size[0] * 0.45, size[1] * 0.6
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * (0.03 * size[0]) ** 2))
    picture = np.repeat((255 * blob).astype(np.uint8)[..., None], 3, axis=-1)
    fitted = fit_image(picture, height=128, width=128, fit=fit)  # type: ignore[arg-type]
    weight = fitted.pixels[..., 0].astype(float)
    centres = np.arange(128) + 0.5
    found = np.array([(weight.sum(0) * centres).sum(), (weight.sum(1) * centres).sum()]) / weight.sum()
    wanted = fitted.transform.to_stream(np.array([x, y])) * 128
    np.testing.assert_allclose(found, wanted, atol=0.15)


def test_exif_orientation_is_honoured() -> None:
    stored = Image.fromarray(gradient(40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    fitted = fit_image(encoded(stored, "PNG", exif=exif), height=60, width=40)
    assert (fitted.pixels == np.rot90(gradient(40, 60), -1)).all()
    assert fitted.transform.picture_size == (40, 60)
    assert "turned upright" in fitted.description


def test_transparency_is_flattened_on_white() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, :4, 3] = 255
    fitted = fit_image(picture, height=8, width=8)
    assert (fitted.pixels[:, :4] == 0).all()
    assert (fitted.pixels[:, 4:] == 255).all()
    assert "flattened its transparency on white" in fitted.description


def test_palette_with_a_transparent_colour_is_flattened_too() -> None:
    image = Image.new("P", (6, 6), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (3, 0, 6, 6))
    fitted = fit_image(encoded(image, "PNG", transparency=0), height=6, width=6)
    assert fitted.pixels[0, 0].tolist() == [255, 255, 255]
    assert fitted.pixels[0, 5].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_every_usual_mode_decodes_close_to_its_colour(mode: str) -> None:
    image = Image.new("RGB", (9, 9), (255, 255, 255)).convert(mode)
    assert fit_image(image, height=9, width=9).pixels.min() >= 254


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, 0)
    fitted = fit_image(encoded(Image.fromarray(ramp), "PNG"), height=64, width=64)
    np.testing.assert_allclose(fitted.pixels[0, :, 0], np.linspace(0, 255, 64), atol=1)
    assert "0..65535" in fitted.description


def test_float_grey_up_to_one_keeps_its_brightness() -> None:
    image = Image.fromarray(np.full((4, 4), 0.5, np.float32))
    assert fit_image(image, height=4, width=4).pixels[0, 0, 0] == 128


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    fitted = fit_image(data, height=6, width=6)
    assert fitted.pixels[0, 0].tolist() == [255, 0, 0]
    assert fitted.description.startswith("took the first of 3 frames")


def test_a_path_works_and_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    Image.fromarray(gradient(20, 20)).save(path)
    assert fit_image(path, height=20, width=20).pixels.shape == (20, 20, 3)
    assert fit_image(str(path), height=20, width=20).pixels.shape == (20, 20, 3)


def test_a_missing_file_a_folder_and_a_text_are_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    for path in (tmp_path / "absent.png", tmp_path, text):
        with pytest.raises(InputError, match=r"wanted an image file") as caught:
            fit_image(path, height=8, width=8)
        assert str(path) in str(caught.value)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"half\.png: wanted a whole image"):
        fit_image(path, height=8, width=8)


def claimed_png(width: int, height: int) -> bytes:
    """A few bytes of PNG that promise a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_200, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(InputError, match=r"wanted at most 80 megapixels"):
        fit_image(claimed_png(side, side), height=8, width=8)


def test_a_lower_limit_is_respected() -> None:
    with pytest.raises(InputError, match=r"at most 0\.0001 megapixels, got 20x20"):
        fit_image(gradient(20, 20), height=8, width=8, max_pixels=100)


@pytest.mark.parametrize("array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_an_array_that_is_no_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match="wanted uint8"):
        fit_image(array, height=8, width=8)


def test_an_unknown_fit_and_an_empty_stream_are_refused() -> None:
    with pytest.raises(InputError, match="crop, pad"):
        fit_image(gradient(4, 4), height=8, width=8, fit="stretch")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1x1"):
        fit_image(gradient(4, 4), height=0, width=8)
