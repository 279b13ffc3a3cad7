import numpy as np
import pytest

from motionstream.training.world.backdrop import make_backdrop
from motionstream.training.world.camera import still_camera
from motionstream.training.world.character import make_shape
from motionstream.training.world.colour import make_palette
from motionstream.training.world.cutout import cut_out
from motionstream.training.world.layer import Layer, Shadow, to_bytes
from motionstream.training.world.leaves import leaves_image
from motionstream.training.world.motion import still_motion
from motionstream.training.world.noise import pink_noise
from motionstream.training.world.pattern import PATTERNS, pattern_image
from motionstream.training.world.plane import Plane
from motionstream.training.world.render import layer_maps, render_frames
from motionstream.training.world.sprite import make_sprite
from motionstream.training.world.texture import make_texture


def test_pink_noise_has_unit_variance_and_its_energy_falls_with_frequency() -> None:
    field = pink_noise(np.random.default_rng(0), 128, 128, 2, 1.2)
    assert field.shape == (2, 128, 128)
    assert np.allclose(field.std(axis=(1, 2)), 1, atol=1e-3)
    power = np.abs(np.fft.fft2(field[0])) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    octaves = [power[(radius >= low) & (radius < 2 * low)].mean() for low in (0.03, 0.06, 0.12, 0.24)]
    slope = np.diff(np.log2(octaves))
    assert np.allclose(slope, -2.4, atol=0.5)


def test_dead_leaves_have_flat_insides_and_sharp_edges() -> None:
    rng = np.random.default_rng(1)
    image = leaves_image(rng, 128, 128, make_palette(rng), 1.0)
    step = np.abs(np.diff(image, axis=1)).mean(axis=2)
    assert np.median(step) < 3
    assert np.percentile(step, 97) > 15


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_show_two_colours(name: str) -> None:
    palette = np.array([(20, 20, 20), (220, 220, 220)], np.float32)
    image = pattern_image(np.random.default_rng(2), 96, 96, palette, 1.0, name)
    assert image.shape == (96, 96, 3)
    dark, bright = (image < 60).mean(), (image > 180).mean()
    share = 0.002 if name == "lettered" else 0.04  # large letters leave much paper
    assert dark > share
    assert bright > share


def test_textures_stay_within_0_and_255() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rgb = make_texture(rng, 33, 47, make_palette(rng), 1.0).rgb
        assert rgb.shape == (33, 47, 3)
        assert rgb.dtype == np.float32
        assert rgb.min() >= 0
        assert rgb.max() <= 255


def test_sprites_are_premultiplied_and_fade_out_before_their_border() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rgba = make_sprite(rng, make_shape(rng), 40.0, make_palette(rng), 1.0, rng.uniform(0, 2)).rgba.astype(int)
        assert (rgba[..., :3] <= rgba[..., 3:] + 1).all()
        border = np.concatenate([rgba[0, :, 3], rgba[-1, :, 3], rgba[:, 0, 3], rgba[:, -1, 3]])
        assert border.max() <= 8
        assert rgba[..., 3].max() == 255


def test_a_piece_cut_out_of_the_backdrop_does_not_show_until_it_moves() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        camera = still_camera(1)
        whole = make_backdrop(rng, camera, 3.0, 64, 64, make_palette(rng))
        holed, thing = cut_out(rng, whole, 3.0, 64, 64)
        piece = thing.layer(camera, still_motion(1), (), 64, 64)
        before, hole, together = (
            render_frames(v, 1, 64, 64)[0].astype(int) for v in ((whole,), (holed,), (holed, piece))
        )
        assert np.percentile(np.abs(together - before), 99) <= 2
        assert np.abs(hole - before).max() > 3


def _flat(value: float, size: int, depth: float, x: float, shadow: Shadow | None = None) -> Layer:
    picture = to_bytes(np.full((size, size, 3), value, np.float32), np.ones((size, size), np.float32))
    matrix = np.array([[[1, 0, x], [0, 1, x]]], float)
    return Layer(rgba=picture, plane=Plane(matrix=matrix), depth=np.array([depth]), shadow=shadow)


def test_nearer_layers_hide_farther_ones_and_the_map_names_them() -> None:
    wall = _flat(50, 32, 5, 0)
    layers = (wall, _flat(100, 10, 3, 4), _flat(200, 10, 2, 8))
    frame = render_frames((_opaque(wall), *layers[1:]), 1, 32, 32)[0]
    assert frame[10, 10].tolist() == [200] * 3
    assert frame[5, 5].tolist() == [100] * 3
    assert frame[30, 30].tolist() == [50] * 3
    assert layer_maps(layers, 1, 32, 32)[0, [10, 5, 30], [10, 5, 30]].tolist() == [2, 1, 0]


def test_a_shadow_darkens_what_lies_behind_at_its_offset() -> None:
    alpha = np.full((6, 6), 128, np.uint8)
    frame = render_frames(
        (_opaque(_flat(100, 32, 5, 0)), _flat(200, 6, 2, 8, Shadow(alpha=alpha, offset=(5.0, 5.0)))), 1, 32, 32
    )[0]
    assert frame[16, 16, 0] == pytest.approx(50, abs=1)
    assert frame[10, 10, 0] == 200
    assert frame[25, 25, 0] == 100


def _opaque(layer: Layer) -> Layer:
    return Layer(rgba=layer.rgba, plane=layer.plane, depth=layer.depth, opaque=True, endless=True)
