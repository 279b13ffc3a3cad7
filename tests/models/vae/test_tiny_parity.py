"""The tiny autoencoder against the public TAEHV code, on the same random weights.

The golden numbers in `golden_taehv.json` were made once with the public `taehv.py` (github.com/madebyollin/taehv,
commit 1f14a568f24bf8811e0a0ac601613e04fc1581e8), which is not needed to run these tests:

    model = TAEHV(checkpoint_path=None, patch_size=p, latent_channels=c)   # 1, 16 for taew2_1; 2, 48 for taew2_2
    model.load_state_dict(random_weights({name: value.shape for name, value in model.state_dict().items()}))
    model.double()   # so that the numbers depend on the arithmetic alone, not on one processor's rounding
    latents = apply_model_with_memblocks(model.encoder, model.preprocess_input_frames(video), True, False)
    frames = apply_model_with_memblocks(model.decoder, latents_in, True, False)[:, 3:]   # pixel_shuffle if p == 2

with `video` and `latents_in` from `random_inputs`. Kept are every n-th number of the flattened results, `b t c h w`,
their mean and their standard deviation, and the names and shapes of all parameters.
"""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.tiny_blocks import run_blocks
from motionstream.models.vae.tiny_config import TinyVAEConfig

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "golden_taehv.json").read_text())
LAYOUTS = {"taew2_1": TinyVAEConfig.taew2_1(), "taew2_2": TinyVAEConfig.taew2_2()}


def random_weights(shapes: dict[str, Any]) -> dict[str, Tensor]:
    """Returns weights that depend on each parameter's name and shape alone."""
    weights = {}
    for name, shape in shapes.items():
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.1
        weights[name] = torch.randn(list(shape), generator=generator) * scale
    return weights


def random_inputs(latent_channels: int, spatial_stride: int) -> tuple[Tensor, Tensor]:
    """Returns a video `1 8 3 h w` in [0, 1] and latents `1 3 c 2 3`."""
    generator = torch.Generator().manual_seed(2)
    video = torch.rand(1, 8, 3, 2 * spatial_stride, 3 * spatial_stride, generator=generator)
    return video.double(), torch.randn(1, 3, latent_channels, 2, 3, generator=generator).double()


def samples(values: Tensor, count: int = 150) -> list[float]:
    """Returns about `count` numbers spread over a flattened tensor, then its mean and standard deviation."""
    flat = values.flatten()
    return [*flat[:: max(1, len(flat) // count)].tolist(), flat.mean().item(), flat.std().item()]


def loaded(layout: str) -> TinyVAE:
    vae = TinyVAE(LAYOUTS[layout])
    vae.load_state_dict(random_weights(GOLDEN[layout]["shapes"]))
    return vae.double()


def largest_relative_error(values: Tensor, wanted: list[float]) -> float:
    """Returns the largest error in units of the standard deviation of the reference's numbers."""
    got, reference = torch.tensor(samples(values), dtype=torch.float64), torch.tensor(wanted, dtype=torch.float64)
    assert got.shape == reference.shape
    return ((got - reference).abs().max() / reference[-1]).item()


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.inference_mode()
def test_the_encoder_gives_the_public_code_s_numbers(layout: str) -> None:
    vae = loaded(layout)
    video, _ = random_inputs(vae.latent_channels, vae.spatial_stride)
    # The stack alone: the public code has no frames repeated in front.
    latents, _ = run_blocks(vae.encoder, F.pixel_unshuffle(video[0], vae.config.patch_size), 1, None)
    assert largest_relative_error(latents, GOLDEN[layout]["latents"]) < 1e-6


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.inference_mode()
def test_the_decoder_gives_the_public_code_s_numbers(layout: str) -> None:
    vae = loaded(layout)
    _, latents = random_inputs(vae.latent_channels, vae.spatial_stride)
    frames = vae.decode_raw(latents.transpose(1, 2))
    assert frames.shape[1] == 9
    assert largest_relative_error(frames, GOLDEN[layout]["frames"]) < 1e-6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_parameters_are_named_and_shaped_as_in_the_public_checkpoints(layout: str) -> None:
    with torch.device("meta"):
        vae = TinyVAE(LAYOUTS[layout])
    assert {name: list(value.shape) for name, value in vae.state_dict().items()} == GOLDEN[layout]["shapes"]


def test_of_a_checkpoint_with_rows_for_more_frames_the_last_ones_are_taken() -> None:
    weights = random_weights(GOLDEN["taew2_1"]["shapes"])
    name = "decoder.7.conv.weight"
    wanted = weights[name]
    weights[name] = torch.cat([torch.full_like(wanted, 9.0), wanted])
    vae = TinyVAE(TinyVAEConfig.taew2_1())
    vae.load_state_dict(weights)
    assert torch.equal(vae.state_dict()[name], wanted)
    assert len(weights[name]) == 2 * len(wanted), "the caller's weights are left as they were"
