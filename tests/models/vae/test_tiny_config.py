"""The tiny autoencoder's configuration: strides, presets, JSON and what it refuses."""

import json

import pytest

from motionstream.models.vae.tiny_config import TinyVAEConfig


def test_the_public_layouts_have_the_strides_of_their_wan_models() -> None:
    assert (TinyVAEConfig.taew2_1().latent_channels, TinyVAEConfig.taew2_1().spatial_stride) == (16, 8)
    assert (TinyVAEConfig.taew2_2().latent_channels, TinyVAEConfig.taew2_2().spatial_stride) == (48, 16)
    assert TinyVAEConfig.taew2_1().temporal_stride == TinyVAEConfig.taew2_2().temporal_stride == 4


def test_the_embedded_layout_has_16_channels_and_strides_8_and_4() -> None:
    config = TinyVAEConfig.embedded()
    assert (config.latent_channels, config.spatial_stride, config.temporal_stride) == (16, 8, 4)


def test_a_configuration_survives_a_json_file() -> None:
    config = TinyVAEConfig(latent_channels=2, latents_mean=(0.5, -1.0), latents_std=(1.0, 2.0), blocks_per_stage=1)
    assert TinyVAEConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_keys_that_diffusers_adds_are_ignored_and_others_named() -> None:
    assert TinyVAEConfig.from_json({"_class_name": "TinyVAE"}) == TinyVAEConfig()
    with pytest.raises(ValueError, match="widht"):
        TinyVAEConfig.from_json({"widht": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder_time_down": (True, True)}, "encoder_time_down must have 3 entries"),
        ({"decoder_channels": (64, 64, 64)}, "decoder_channels must have 4 entries"),
        ({"latents_mean": (0.0, 0.0)}, "latents_mean must have 16 entries"),
        ({"latents_std": (0.0,) * 16}, "latents_std must be positive"),
        ({"encoder_time_down": (True, False, False)}, "equally many stages"),
        ({"decoder_space_up": (True, False, False)}, "equally many stages"),
    ],
)
def test_parts_that_do_not_fit_are_refused(values: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TinyVAEConfig(**values)
