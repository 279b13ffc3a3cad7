"""The network: Depth Anything with a tiny DINOv2, and the folder it is saved in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

PATCH_PX = 14
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """How large a Depth Anything is.

    Attributes:
        hidden: Width of the transformer, a multiple of 32.
        layers: Of the transformer, at least 4; the last four at even distances feed the head.
        neck: Channels of the four maps that are fused.
        fused: Channels of what they are fused into.
        head: Channels before the last convolution.
        side_px: Shorter side of the picture, a multiple of 14.
    """

    hidden: int = 96
    layers: int = 6
    neck: tuple[int, int, int, int] = (16, 32, 48, 64)
    fused: int = 24
    head: int = 16
    side_px: int = 126


def make_network(size: NetworkSize, seed: int) -> Any:
    """A `DepthAnythingForDepthEstimation` with drawn weights, for relative inverse depth."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    stages = [f"stage{round(size.layers * part / 4)}" for part in (1, 2, 3, 4)]
    backbone = Dinov2Config(
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.hidden // 32,
        image_size=size.side_px,
        patch_size=PATCH_PX,
        out_features=stages,
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=size.hidden,
        neck_hidden_sizes=list(size.neck),
        fusion_hidden_size=size.fused,
        head_hidden_size=size.head,
    )
    torch.manual_seed(seed)
    network = DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        network.head.conv3.bias.fill_(1.0)  # a last ReLU that is off everywhere would learn nothing
    return network


def save_network(network: Any, size: NetworkSize, folder: Path) -> None:
    """Write weights, configuration and the image processor's settings, as transformers reads them."""
    network.save_pretrained(folder)
    processor = {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "size": {"height": size.side_px, "width": size.side_px},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": PATCH_PX,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(MEAN),
        "image_std": list(STD),
        "do_pad": False,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
