"""One run over several processes (`torchrun`): who this process is, and what the processes tell one another.

Without torchrun there is one process, and everything here is a no-op. With it, every process runs the same program:

1. Each takes its part of every batch (`part`) and means are over all parts, so a curve does not depend on how many
   processes made it.
2. What a loss draws is each process's own (`own_generator`): no two samples share their noise. What has to be common,
   such as how often the sharded network is called, is drawn and then agreed on (`agreed`).
3. Process 0 alone writes: state, curve, event files, pictures, lines.
"""

import atexit
import os
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from motionstream.errors import InputError

T = TypeVar("T")


def start(device: torch.device) -> torch.device:
    """Joins the processes that torchrun started; returns this one's device, of the wanted kind."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    atexit.register(dist.destroy_process_group)
    return device


def rank() -> int:
    """Returns this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Returns how many processes make the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Returns whether this process is the one that writes."""
    return rank() == 0


def part(batch: Sequence[T]) -> Sequence[T]:
    """Returns this process's part of a global batch, such as the positions that `LatentCache.order` gives.

    Raises:
        InputError: The batch does not divide into parts of one size.
    """
    size, rest = divmod(len(batch), world_size())
    if rest:
        raise InputError(
            f"Wanted a batch that {world_size()} processes can share, got {len(batch)}. Choose a multiple as the batch."
        )
    return batch[rank() * size : (rank() + 1) * size]


def own_generator(shared: torch.Generator) -> torch.Generator:
    """Returns chance that is this process's own, from a generator in the same state everywhere, which it advances.

    One process draws from the shared generator itself.
    """
    if world_size() == 1:
        return shared
    seed = int(torch.randint(2**62, (), generator=shared))
    return torch.Generator().manual_seed(seed + rank())


def agreed(drawn: Tensor) -> Tensor:
    """Returns what process 0 drew, of a small tensor on the CPU; every process must call it."""
    if world_size() > 1:
        dist.broadcast(drawn, 0)
    return drawn


def mean(values: Tensor) -> Tensor:
    """Returns the mean over the processes of a tensor on the CPU; every process must call it."""
    if world_size() > 1:
        dist.all_reduce(values)
        values /= world_size()
    return values


def wait_for_all() -> None:
    """Returns when every process has come here."""
    agreed(torch.zeros(()))
