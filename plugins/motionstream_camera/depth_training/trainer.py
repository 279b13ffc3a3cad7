"""DepthTrainer: steps of training, kept in a folder so that a run can go on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import CheckpointError
from motionstream_camera.depth_training.augmentation import augmented
from motionstream_camera.depth_training.examples import ExampleStore
from motionstream_camera.depth_training.loss import depth_loss
from motionstream_camera.depth_training.network import MEAN, PATCH_PX, STD, NetworkSize, make_network

_SHAPES = ((9, 12), (9, 12), (9, 12), (9, 13), (9, 9), (12, 9))  # rows and columns of patches, for a shorter side of 9


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained.

    Attributes:
        steps: In all; a run may go on to more of them than it was begun with.
        batch: Examples a step.
        rate: Highest learning rate.
        warmup: Steps until it is reached.
        cooling: Last part of the steps, over which it falls to zero.
        seed: Of the first weights and of what each step draws.
        bf16: Compute in bfloat16 where that is safe.
        size: Of the network.
    """

    steps: int = 3000
    batch: int = 8
    rate: float = 1e-3
    warmup: int = 100
    cooling: float = 0.3
    seed: int = 1
    bf16: bool = False
    size: NetworkSize = field(default_factory=NetworkSize)


class DepthTrainer:
    """A network, its optimiser and how many steps are done; a step draws from its number alone."""

    def __init__(self, settings: TrainingSettings, store: ExampleStore) -> None:
        self.settings, self._store = settings, store
        self.network = make_network(settings.size, settings.seed)
        self.network.train()
        weights = list(self.network.parameters())
        groups = [
            {"params": [w for w in weights if w.ndim > 1], "weight_decay": 0.02},
            {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98))
        self.done = 0

    def step(self) -> float:
        """Learn from one batch and tell its loss."""
        pixels, inverse = self._batch()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            told = self.network(pixel_values=pixels).predicted_depth
        loss = depth_loss(told.float(), inverse)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.done += 1
        return float(loss.detach())

    @property
    def _kind(self) -> str:
        """What has to stay the same for a run to go on."""
        return repr(replace(self.settings, steps=0))

    def _rate(self) -> float:
        wanted = self.settings
        rising = (self.done + 1) / max(1, wanted.warmup)
        falling = (wanted.steps - self.done) / max(1, wanted.cooling * wanted.steps)
        return wanted.rate * max(0.0, min(1.0, rising, falling))

    def _batch(self) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]]:
        rng = np.random.default_rng((self.settings.seed, 1, self.done))
        unit = PATCH_PX * self.settings.size.side_px // 126
        height, width = (round(n * unit / PATCH_PX) * PATCH_PX for n in _SHAPES[int(rng.integers(len(_SHAPES)))])
        chosen = rng.integers(self._store.size, size=self.settings.batch)
        examples = [augmented(rng, self._store[int(number)], height, width) for number in chosen]
        pixels = np.stack([example.picture for example in examples]).astype(np.float32) / 255
        pixels = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
        inverse = np.stack([example.inverse for example in examples])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(inverse)

    def save(self, path: Path) -> None:
        """Write weights, the optimiser's means and the number of steps as safetensors."""
        from safetensors.torch import save_file

        tensors = {f"weight.{name}": value.detach() for name, value in self.network.named_parameters()}
        for name, weight in self.network.named_parameters():
            for key, value in self._optimizer.state[weight].items():
                tensors[f"{key}.{name}"] = value
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        save_file(tensors, fresh, {"steps": str(self.done), "settings": self._kind})
        fresh.replace(path)

    def load(self, path: Path) -> None:
        """Go on where a run was saved.

        Raises:
            CheckpointError: It was another run.
        """
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            told = file.metadata()
            if told["settings"] != self._kind:
                raise CheckpointError(
                    f"{path}: was trained with {told['settings']}, wanted {self._kind}. "
                    "Give the same settings or another folder."
                )
            self.done = int(told["steps"])
            kept = set(file.keys())
            for name, weight in self.network.named_parameters():
                weight.data.copy_(file.get_tensor(f"weight.{name}"))
                if f"step.{name}" in kept:  # not of weights that no picture reaches, such as the token of a mask
                    moments = ("step", "exp_avg", "exp_avg_sq")
                    self._optimizer.state[weight] = {key: file.get_tensor(f"{key}.{name}") for key in moments}
