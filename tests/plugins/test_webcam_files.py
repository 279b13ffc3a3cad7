"""Video files as a camera: known motion comes out, the same each time, and odd files work or say what is wrong."""

from pathlib import Path

import av
import numpy as np
import pytest
from motionstream_webcam import WebcamProvider, WebcamSettings
from motionstream_webcam.video_source import VideoSource

from motionstream.errors import InputError
from tests.plugins.webcam_clips import Stage, shifted, write

PX = 160  # of the camera's width


def ramp(count: int = 60, speed: float = 0.4) -> list[np.ndarray]:
    return [shifted(speed * index) for index in range(count)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("videos") / "ramp.mp4", ramp())


def test_the_target_moves_as_the_video_does_at_the_streams_own_times(video: Path) -> None:
    tracks = Stage(source=video).read(2)
    wanted = np.arange(21) / 16 * 30 * 0.4 / PX
    moved = tracks.xy - tracks.xy[0]
    np.testing.assert_allclose(np.median(moved[..., 0], axis=1), wanted, atol=0.3 / PX)
    np.testing.assert_allclose(np.median(moved[..., 1], axis=1), 0, atol=0.3 / PX)


def test_the_same_file_gives_the_same_tracks_however_it_is_read(video: Path) -> None:
    first, again = Stage(source=video).read(4), Stage(source=video).read(4)
    assert first == again
    stage = Stage(source=video)
    stage.read(1)
    assert Stage(stage.provider, source=video).read(4) == first  # a second stream of one provider


def test_a_mirror_turns_left_into_right(video: Path) -> None:
    moved = np.median(np.ptp(Stage(source=video).read().xy, axis=0)[:, 0])
    mirrored = Stage(source=video, mirror=True).read()
    assert np.median(mirrored.xy[-1, :, 0] - mirrored.xy[0, :, 0]) == pytest.approx(-moved, rel=0.05)


def test_a_loop_begins_again_where_the_target_rests(tmp_path: Path) -> None:
    tracks = Stage(source=write(tmp_path / "short.mp4", ramp(16))).read(3)
    assert (tracks.ids == Stage(source=tmp_path / "short.mp4").read(1).ids).all()
    shift = np.median(tracks.xy[..., 0] - tracks.xy[0, :, 0], axis=1)
    assert shift[8] == pytest.approx(15 * 0.4 / PX, abs=0.6 / PX)
    assert shift[9] == pytest.approx((30 * 9 / 16 - 16) * 0.4 / PX, abs=0.6 / PX)


def test_frames_that_come_unevenly_move_the_target_evenly(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.12, 40))
    frames = [shifted(12 * (time - times[0])) for time in times]
    tracks = Stage(source=write(tmp_path / "vfr.mp4", frames, list(times - times[0]))).read(2)
    shift = np.median(tracks.xy[..., 0] - tracks.xy[0, :, 0], axis=1)
    np.testing.assert_allclose(shift, 12 * np.arange(21) / 16 / PX, atol=0.4 / PX)


def test_a_turned_video_is_seen_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "turned.mp4", ramp(20))
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # after the version, the flags and what comes before the matrix
    turned = [0, 65536, 0, -65536, 0, 0, 0, 0, 0x40000000]
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    path.write_bytes(bytes(data))
    frame = next(VideoSource(path, 480).frames())
    assert (frame.width, frame.height) == (120, 160)
    tracks = Stage(source=path).read()
    moved = np.median(tracks.xy[-1] - tracks.xy[0], axis=0)
    assert abs(moved[1]) > 5 * abs(moved[0])


def test_a_file_that_breaks_off_is_looped_up_to_there(tmp_path: Path, video: Path) -> None:
    path = tmp_path / "broken.ts"
    write(path, ramp(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    stage = Stage(source=path)
    assert stage.read(3).num_points > 0
    assert stage.provider.status().num_followed > 20


def test_an_8k_video_is_followed_small(tmp_path: Path) -> None:
    large = np.kron(shifted(0), np.ones((36, 48, 1), np.uint8))
    path = write(tmp_path / "large.mp4", [large] * 2, codec="mpeg4")
    frame = next(VideoSource(path, 480).frames())
    assert (frame.width, frame.height) == (853, 480)
    assert Stage(source=path).read().num_points > 0


def test_a_picture_as_a_video_moves_nothing(tmp_path: Path) -> None:
    tracks = Stage(source=write(tmp_path / "one.mp4", ramp(1))).read(2)
    assert tracks.num_points > 0
    np.testing.assert_allclose(tracks.xy - tracks.xy[0], 0, atol=1e-3)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def corrupt(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def without_index(path: Path) -> None:
    write(path, ramp(20))
    path.write_bytes(path.read_bytes()[:4000])  # an mp4's index comes last


def one_pixel(path: Path) -> None:
    write(path.with_suffix(".mov"), [np.zeros((1, 1, 3), np.uint8)] * 3, codec="png")
    path.write_bytes(path.with_suffix(".mov").read_bytes())


def sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        for _ in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (empty, "wanted a video"),
        (corrupt, "wanted a video"),
        (without_index, "wanted a video"),
        (one_pixel, "wanted sides from 32 to 8192 pixels, got 1x1"),
        (sound, "it has no pictures"),
    ],
)
def test_a_file_that_is_no_video_is_one_clear_error(tmp_path: Path, make, reason: str) -> None:
    path = tmp_path / "bad.mp4"
    make(path)
    with pytest.raises(InputError, match=reason) as caught:
        WebcamProvider(WebcamSettings(source=path))
    assert "\n" not in str(caught.value)


def test_a_picture_too_large_is_refused() -> None:
    from motionstream_webcam.camera_frame import fitted_size

    with pytest.raises(InputError, match="8193x600"):
        fitted_size(8193, 600, 480)
    assert fitted_size(7680, 4320, 480) == (853, 480)
    assert fitted_size(100, 60, 480) == (100, 60)
