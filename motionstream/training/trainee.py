"""A network that is trained, with its optimiser and the average of its weights."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from motionstream.training.sharding import as_part_of, average_gradients, clip_gradients, gathered, local, shard


@dataclass(frozen=True, kw_only=True)
class TraineeSettings:
    """How one network is trained: AdamW, clipped gradients, an exponential average.

    Attributes:
        learning_rate: The constant one.
        weight_decay: AdamW's.
        clip_norm: Largest norm of the gradient.
        ema_decay: Of the averaged weights; less in the first updates.
    """

    learning_rate: float = 3e-4
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    ema_decay: float = 0.995


class Trainee:
    """A network with its optimiser and its average; in several processes it is sharded, in place, when this is made."""

    def __init__(self, module: nn.Module, settings: TraineeSettings) -> None:
        self.module = module
        self.settings = settings
        self.updates = 0
        shard(module)
        self.parameters = dict(module.named_parameters())
        self.optimizer = torch.optim.AdamW(
            [p for p in self.parameters.values() if p.requires_grad],
            lr=settings.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}

    def update(self, rate: float) -> Tensor:
        """Moves the weights against their gradients, and the average after them; returns the gradient's norm."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        average_gradients(self.parameters.values())
        norm = clip_gradients(self.parameters.values(), self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._average()
        self.updates += 1
        return norm

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.settings.ema_decay, (self.updates + 1) / (self.updates + 10))
        ours = [local(part) for part in self.average.values()]
        theirs = [local(self.parameters[name].detach()) for name in self.average]
        torch._foreach_lerp_(ours, theirs, 1.0 - decay)

    def averaged_state(self) -> dict[str, Tensor]:
        """Returns the network's state with the averaged parameters in the place of the live ones."""
        averaged: dict[str, Tensor] = gathered({**self.module.state_dict(), **self.average})
        return averaged

    def state(self) -> dict[str, Any]:
        """Returns all that it resumes from, whole, whatever the number of processes."""
        return {
            "model": gathered(self.module.state_dict()),
            "optimizer": gathered(self.optimizer.state_dict()),
            "average": gathered(self.average),
            "updates": self.updates,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Takes over a whole state."""
        live = self.module.state_dict()
        self.module.load_state_dict({name: as_part_of(t, live.get(name, t)) for name, t in state["model"].items()})
        trained = [p for p in self.parameters.values() if p.requires_grad]
        moments = {
            index: {name: as_part_of(t, trained[index]) for name, t in moment.items()}
            for index, moment in state["optimizer"]["state"].items()
        }
        self.optimizer.load_state_dict({**state["optimizer"], "state": moments})
        self.average = {name: as_part_of(t, self.average[name]) for name, t in state["average"].items()}
        self.updates = state["updates"]
