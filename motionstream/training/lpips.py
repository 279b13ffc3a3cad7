"""LPIPS (Zhang et al. 2018) on VGG16, from weights that the user brings: none come with this project.

Wanted is one safetensors file with torchvision's names of VGG16's convolutions (`features.0.weight`, ...) and the
LPIPS package's names of its linear layers (`lin0.model.1.weight`, ...); what else is in it is ignored.
"""

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.weight_files import read_headers
from motionstream.models.weights import load_weights

_STAGES = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))
_MEAN, _SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pixels in [-1, 1]


class Lpips(nn.Module):
    """The distance of two videos frame by frame, as people judge it. Its weights are never trained here."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage, widths in enumerate(_STAGES):
            layers += [nn.MaxPool2d(2)] if stage else []
            for channels_in, channels_out in pairwise(widths):
                layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.lin = nn.ModuleList(nn.Conv2d(widths[-1], 1, 1, bias=False) for widths in _STAGES)

    @classmethod
    def load(cls, file: Path, device: torch.device | str = "cpu") -> "Lpips":
        """Loads the weights.

        Raises:
            CheckpointError: The file cannot be read, or lacks some of them.
        """
        network = cls()
        stored = {_own_name(name): tensor for name, tensor in read_headers((file,)).items()}
        known = {name: tensor for name, tensor in stored.items() if name in network.state_dict()}
        load_weights(network, known, where=file, device=device, dtype=torch.float32)
        return network.to(device).eval().requires_grad_(False)

    def forward(self, made: Float[Tensor, "b t 3 h w"], wanted: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, ""]:
        """Returns the mean distance of the frames; values are in [0, 1]."""
        distances = [
            linear((a - b).square()).mean()
            for linear, a, b in zip(self.lin, self._unit_features(made), self._unit_features(wanted), strict=True)
        ]
        return torch.stack(distances).float().sum()

    def _unit_features(self, video: Tensor) -> list[Float[Tensor, "n c h w"]]:
        """Each stage's last features, unit vectors at every place."""
        mean, spread = (video.new_tensor(values).view(3, 1, 1) for values in (_MEAN, _SPREAD))
        x, kept = ((2 * video - 1 - mean) / spread).flatten(0, 1), []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                kept.append(F.normalize(x, dim=1))
            x = layer(x)
        return [*kept, F.normalize(x, dim=1)]


def _own_name(name: str) -> str:
    """`lin0.model.1.weight` -> `lin.0.weight`."""
    return f"lin.{name[3]}.weight" if name.startswith("lin") and name.endswith(".model.1.weight") else name
