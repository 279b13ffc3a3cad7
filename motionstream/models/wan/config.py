"""The shape of a Wan transformer, read from and written to diffusers' `config.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from motionstream.errors import CheckpointError

MASK_CHANNELS = 4
"""Channels of an image condition before its latents: one a video frame of a latent frame."""


@dataclass(frozen=True, kw_only=True)
class WanConfig:
    """Sizes of a Wan transformer; the fields are those of diffusers' `WanTransformer3DModel` and four of ours.

    Attributes:
        patch_size: Latent frames, rows and columns that make one token.
        in_channels: Channels of the latents, image condition included where the published model has one (I2V: 36).
        out_channels: Channels of the prediction.
        text_dim: Width of the text encoder's output.
        freq_dim: Width of the sinusoidal time embedding.
        cross_attn_norm: Whether a layer norm precedes the cross-attention.
        qk_norm: Only "rms_norm_across_heads" exists in published weights.
        image_dim: Width of the image encoder's output (Wan 2.1 I2V only).
        added_kv_proj_dim: Width of the image tokens that cross-attention reads (Wan 2.1 I2V only).
        rope_max_seq_len: Kept for the round trip; our rotary tables have no such limit.
        pos_embed_seq_len: Image tokens with a learned position (first-and-last-frame models only).
        condition_channels: Extra input channels for an image condition (ours; 0 in published files).
        track_channels: Extra input channels for the encoded motion map (ours; 0 in published files).
        prediction: What comes out: the flow-matching velocity (published files), or the clean sample (ours), which a
            small network can give of latents with many channels and a velocity, mostly noise, it cannot (JiT: Li & He
            2025).
        gated_condition: Whether the image condition's latents, weighted by one more channel of output, are added to
            a predicted sample (ours): what is known already need not pass through the network.
    """

    patch_size: tuple[int, int, int] = (1, 2, 2)
    num_attention_heads: int = 40
    attention_head_dim: int = 128
    in_channels: int = 16
    out_channels: int = 16
    text_dim: int = 4096
    freq_dim: int = 256
    ffn_dim: int = 13824
    num_layers: int = 40
    cross_attn_norm: bool = True
    qk_norm: str | None = "rms_norm_across_heads"
    eps: float = 1e-6
    image_dim: int | None = None
    added_kv_proj_dim: int | None = None
    rope_max_seq_len: int = 1024
    pos_embed_seq_len: int | None = None
    condition_channels: int = 0
    track_channels: int = 0
    prediction: Literal["velocity", "sample"] = "velocity"
    gated_condition: bool = False

    def __post_init__(self) -> None:
        if self.qk_norm != "rms_norm_across_heads":
            raise CheckpointError(
                f"a Wan transformer needs qk_norm 'rms_norm_across_heads', its config says {self.qk_norm!r}: "
                "this is another architecture"
            )
        if len(self.patch_size) != 3 or self.patch_size[0] != 1:
            raise CheckpointError(
                f"patch_size must be (1, rows, columns), got {tuple(self.patch_size)}: a token spans one latent frame"
            )
        if self.attention_head_dim % 2 or self.attention_head_dim < 6:
            raise CheckpointError(f"attention_head_dim must be even and at least 6, got {self.attention_head_dim}")
        if self.prediction not in ("velocity", "sample"):
            raise CheckpointError(f"prediction must be velocity or sample, got {self.prediction!r}")
        wanted = MASK_CHANNELS + 2 * self.out_channels
        if self.gated_condition and (
            self.prediction != "sample" or self.in_channels + self.condition_channels < wanted
        ):
            raise CheckpointError(
                f"gated_condition needs prediction sample and at least {wanted} channels of latents and image "
                f"condition, got {self.prediction} and {self.in_channels + self.condition_channels}"
            )
        if (self.image_dim is None) != (self.added_kv_proj_dim is None):
            raise CheckpointError("image_dim and added_kv_proj_dim come together: set both or neither")

    @property
    def dim(self) -> int:
        """Width of a token."""
        return self.num_attention_heads * self.attention_head_dim

    @property
    def total_in_channels(self) -> int:
        """Channels that the patch embedding reads: latents, then image condition, then tracks."""
        return self.in_channels + self.condition_channels + self.track_channels

    @classmethod
    def from_json(cls, source: str | Path | Mapping[str, Any]) -> WanConfig:
        """Read a config.json (a path, or its parsed content).

        Keys that start with an underscore are diffusers' own notes and are ignored.

        Raises:
            CheckpointError: The file is missing or no JSON, or holds keys that no Wan transformer has.
        """
        values = dict(source) if isinstance(source, Mapping) else _read_json(Path(source))
        values = {key: value for key, value in values.items() if not key.startswith("_")}
        unknown = sorted(values.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise CheckpointError(
                f"the transformer's config has unknown keys {', '.join(unknown)}: "
                "it describes another architecture, or a newer version of this one"
            )
        if "patch_size" in values:
            values["patch_size"] = tuple(values["patch_size"])
        if values.get("out_channels", 0) is None:  # diffusers: the same as the input
            values["out_channels"] = values.get("in_channels", cls.in_channels)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The content of a config.json; diffusers reads it where our own channels are 0."""
        values = dataclasses.asdict(self) | {"patch_size": list(self.patch_size)}
        return {"_class_name": "WanTransformer3DModel", **values}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"wanted the transformer's configuration at {path}, but: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} must hold one JSON object, got a {type(values).__name__}")
    return values


WAN21_T2V_1_3B = WanConfig(num_attention_heads=12, ffn_dim=8960, num_layers=30)
WAN21_T2V_14B = WanConfig()
WAN21_I2V_14B = WanConfig(in_channels=36, image_dim=1280, added_kv_proj_dim=5120)
WAN22_TI2V_5B = WanConfig(in_channels=48, out_channels=48, num_attention_heads=24, ffn_dim=14336, num_layers=30)

PRESETS: Mapping[str, WanConfig] = {
    "wan2.1-t2v-1.3b": WAN21_T2V_1_3B,
    "wan2.1-t2v-14b": WAN21_T2V_14B,
    "wan2.1-i2v-14b": WAN21_I2V_14B,
    "wan2.2-ti2v-5b": WAN22_TI2V_5B,
}
"""Published shapes by name; sources: `transformer/config.json` of the Wan-AI "-Diffusers" repositories."""
