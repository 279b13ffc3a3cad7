"""A network over several processes: in shards (FSDP2) where it holds a transformer, else as copies that stay the same.

The blocks of a `WanTransformer` are gathered one at a time while they compute, on CUDA (NCCL) and on the CPU (gloo)
alike. A network without one is small: each process holds it whole, and the gradients are averaged.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from motionstream.models.wan import WanTransformer
from motionstream.training.distributed import is_first, world_size


@torch.no_grad()
def shard(module: nn.Module) -> None:
    """Spreads a network over the processes, in place, all starting from process 0's weights; call it before AdamW."""
    if world_size() == 1:
        return
    for tensor in (*module.parameters(), *module.buffers()):
        start = tensor.contiguous()
        dist.broadcast(start, 0)
        tensor.copy_(start)
    if _has_transformer(module):
        mesh = init_device_mesh(next(module.parameters()).device.type, (world_size(),))
        _shard(module, mesh)


def _has_transformer(module: nn.Module) -> bool:
    return any(isinstance(part, WanTransformer) for part in module.modules())


def _shard(module: nn.Module, mesh: DeviceMesh) -> None:
    """Shards the parts of what holds a transformer, each on its own: stages call these and not the whole."""
    if isinstance(module, WanTransformer):
        _shard_transformer(module, mesh)
    elif _has_transformer(module):
        for part in module.children():
            _shard(part, mesh)
    else:
        fully_shard(module, mesh=mesh)


def _shard_transformer(transformer: WanTransformer, mesh: DeviceMesh) -> None:
    """Makes units of what is called on its own: the prompt's keys are made apart from the block they are for."""
    # some of these return views, and nobody writes into those in place
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)
    for block in transformer.blocks:
        fully_shard(block.get_submodule("attn2"), mesh=mesh)
        register_fsdp_forward_method(block.get_submodule("attn2"), "prompt_keys")
        fully_shard(block, mesh=mesh)
        for name in ("modulate", "project"):
            register_fsdp_forward_method(block, name)
    fully_shard(transformer, mesh=mesh)
    for name in ("prompt_context", "modulation", "forward_chunk", "write_chunk"):
        register_fsdp_forward_method(transformer, name)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Averages the gradients of a copy; those of shards are averaged already. All processes must have the same."""
    gradients = [p.grad for p in parameters if p.grad is not None and not isinstance(p.grad, DTensor)]
    if world_size() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, averaged in zip(gradients, parts, strict=True):
        gradient.copy_(averaged.view_as(gradient))


def clip_gradients(parameters: Iterable[Tensor], most: float) -> Tensor:
    """Scales gradients down to a norm of at most `most`, all shards counted; returns the norm that they had."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = whole(nn.utils.get_total_norm(gradients))
    scale = (most / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_([local(gradient) for gradient in gradients], scale)
    return norm


def local(tensor: Tensor) -> Tensor:
    """Returns this process's part of a tensor, sharing its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """Returns a tensor with the parts of all processes; every process must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(state: Any) -> Any:
    """Returns a state (dicts and lists of tensors) with whole tensors on the CPU; empty but in the writing process."""
    if world_size() == 1:
        return state
    if isinstance(state, Tensor):
        complete = whole(state)
        return complete.cpu() if is_first() else complete.new_empty(0)
    if isinstance(state, dict):
        return {name: gathered(part) for name, part in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(gathered(part) for part in state)
    return state


def as_part_of(tensor: Tensor, example: Tensor) -> Tensor:
    """Returns a whole tensor on the device, and in the shards, of an example of the same shape."""
    tensor = tensor.to(example.device)
    if isinstance(example, DTensor) and tensor.ndim:
        return distribute_tensor(tensor, example.device_mesh, example.placements, src_data_rank=None)
    return tensor
