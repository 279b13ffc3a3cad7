import dataclasses
import json
from pathlib import Path

import pytest

from motionstream.errors import CheckpointError
from motionstream.models.wan import PRESETS, WanConfig

# transformer/config.json of Wan-AI/Wan2.1-T2V-1.3B-Diffusers
DIFFUSERS = {
    "_class_name": "WanTransformer3DModel", "_diffusers_version": "0.33.0.dev0", "added_kv_proj_dim": None,
    "attention_head_dim": 128, "cross_attn_norm": True, "eps": 1e-06, "ffn_dim": 8960, "freq_dim": 256,
    "image_dim": None, "in_channels": 16, "num_attention_heads": 12, "num_layers": 30, "out_channels": 16,
    "patch_size": [1, 2, 2], "qk_norm": "rms_norm_across_heads", "rope_max_seq_len": 1024, "text_dim": 4096,
}  # fmt: skip


def test_a_diffusers_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(DIFFUSERS))
    assert WanConfig.from_json(path) == PRESETS["wan2.1-t2v-1.3b"]


def test_a_config_survives_the_round_trip_through_json() -> None:
    config = dataclasses.replace(PRESETS["wan2.1-i2v-14b"], condition_channels=20, track_channels=64)
    again = WanConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.total_in_channels == 36 + 20 + 64


def test_missing_out_channels_mean_as_many_as_come_in() -> None:
    assert WanConfig.from_json({"in_channels": 48, "out_channels": None}).out_channels == 48


def test_unknown_keys_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"joint_attention_dim, vace_layers"):
        WanConfig.from_json({**DIFFUSERS, "vace_layers": [0], "joint_attention_dim": 1})


@pytest.mark.parametrize(
    "wrong", [{"qk_norm": "layer_norm"}, {"patch_size": (2, 2, 2)}, {"attention_head_dim": 7}, {"image_dim": 1280}]
)
def test_a_shape_that_is_no_wan_transformer_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(CheckpointError):
        WanConfig.from_json({**DIFFUSERS, **wrong})


@pytest.mark.parametrize("content", [None, "not json", "[1]"])
def test_a_missing_or_broken_file_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        WanConfig.from_json(path)
