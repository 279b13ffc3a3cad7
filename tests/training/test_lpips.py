from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from motionstream.errors import CheckpointError
from motionstream.training.lpips import Lpips

WIDTHS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
PLACES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]  # of torchvision's convolutions
ENDS = {2: 64, 7: 128, 14: 256, 21: 512, 28: 512}


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random ones, named as in the public files."""
    generator, state, before = torch.Generator().manual_seed(0), {}, 3
    for place, width in zip(PLACES, WIDTHS, strict=True):
        spread = (2 / (9 * before)) ** 0.5
        state[f"features.{place}.weight"] = spread * torch.randn(width, before, 3, 3, generator=generator)
        state[f"features.{place}.bias"] = 0.1 * torch.randn(width, generator=generator)
        before = width
    for stage, width in enumerate(ENDS.values()):
        state[f"lin{stage}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=generator)
    return state


@pytest.fixture(scope="module")
def file(weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips") / "vgg.safetensors"
    save_file({**weights, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


def by_definition(weights: dict[str, Tensor], a: Tensor, b: Tensor) -> Tensor:
    """The distance of two frames `3 h w`, written out from the paper's equation 1."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    pictures = [((2 * x - 1) - shift[:, None, None]) / scale[:, None, None] for x in (a, b)]
    total, stage = torch.zeros(()), 0
    for place in PLACES:
        if place in (5, 10, 17, 24):
            pictures = [F.max_pool2d(x, 2) for x in pictures]
        kernel, bias = (weights[f"features.{place}.{part}"] for part in ("weight", "bias"))
        pictures = [F.conv2d(x[None], kernel, bias, padding=1)[0].relu() for x in pictures]
        if place in ENDS:
            first, second = (x / (x.square().sum(0, keepdim=True).sqrt() + 1e-10) for x in pictures)
            total = total + (weights[f"lin{stage}.model.1.weight"][0] * (first - second).square()).sum(0).mean()
            stage += 1
    return total


def test_the_distance_is_the_paper_s(file: Path, weights: dict[str, Tensor]) -> None:
    clips = torch.rand(2, 1, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    wanted = torch.stack([by_definition(weights, clips[0, 0, t], clips[1, 0, t]) for t in range(2)]).mean()
    lpips = Lpips.load(file)
    torch.testing.assert_close(lpips(clips[0], clips[1]), wanted, rtol=1e-4, atol=1e-5)
    assert float(lpips(clips[0], clips[0])) == 0
    assert not any(parameter.requires_grad for parameter in lpips.parameters())


def test_weights_that_are_missing_are_named(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file({name: tensor for name, tensor in weights.items() if "lin3" not in name}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"1 missing: lin\.3\.weight"):
        Lpips.load(tmp_path / "x.safetensors")
