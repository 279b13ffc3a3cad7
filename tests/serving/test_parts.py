"""The small parts: what is offered to clients, how fast a stream is said to be, pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel, FilePath

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.serving.latency import Latency, ShownRate
from motionstream.serving.offer import Offer
from motionstream.serving.picture import UploadedPicture

CONFIG = StreamConfig(height=16, width=32)


class Inner(BaseModel):
    file: FilePath


class Settings(BaseModel):
    speed: float = 1
    script: Path | None = None
    scripts: list[Path] = []
    inner: Inner | None = None
    name: str = "path"


def test_settings_that_hold_a_path_however_deep_are_kept_from_clients():
    offer = Offer.of("test", Settings.model_json_schema())
    assert offer.private == {"script", "scripts", "inner"}
    assert set(offer.info.settings_schema["properties"]) == {"speed", "name"}


def test_percentiles_are_of_the_newest_times():
    latency = Latency(size=100)
    assert latency.percentiles().p50 is None
    for time_ms in [*[1e6] * 50, *range(101)][-100:]:
        latency.add(time_ms)
    assert latency.percentiles().p50 == pytest.approx(50.5)
    assert latency.percentiles().p99 == pytest.approx(99.01)


def test_the_rate_of_shown_frames_forgets_what_is_long_ago():
    rate = ShownRate()
    for tick in range(50):
        rate.add(tick / 10)
    assert rate.per_second(5.0) == pytest.approx(10, rel=0.05)
    assert rate.per_second(60.0) == 0


def encoded(size, kind, **options):
    file = io.BytesIO()
    mode = options.pop("mode", "RGB")
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


def test_a_picture_is_kept_at_the_streams_size_in_both_ways_to_fit_it():
    picture = UploadedPicture.decode(encoded((200, 100), "jpeg"), CONFIG, 10**6)
    assert picture.size == (200, 100)
    assert picture.fitted("crop").pixels.shape == picture.fitted("pad").pixels.shape == (16, 32, 3)


def test_a_photo_that_was_taken_sideways_is_told_as_it_is_seen():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert UploadedPicture.decode(encoded((40, 20), "jpeg", exif=exif), CONFIG, 10**6).size == (20, 40)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"not a picture",
        encoded((40, 20), "png")[:-30],
        encoded((2000, 2000), "png"),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
    ids=["nothing", "text", "torn", "too large", "svg"],
)
def test_what_is_no_picture_or_too_large_a_one_is_refused(file):
    with pytest.raises(InputError):
        UploadedPicture.decode(file, CONFIG, 1_000_000)


def test_an_animation_and_a_transparent_picture_are_taken():
    frames = [Image.fromarray(np.full((8, 8), shade, np.uint8)) for shade in (0, 255)]
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:])
    assert UploadedPicture.decode(file.getvalue(), CONFIG, 10**6).size == (8, 8)
    assert UploadedPicture.decode(encoded((8, 8), "png", mode="RGBA"), CONFIG, 10**6).fitted("crop").pixels.min() == 255
