"""Gradient checkpointing of streamed chunks: what is computed again sees the past as it was."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from motionstream.config import StreamConfig
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.batch import BatchSettings, ClipBatch, make_batch
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.unroll import unroll

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's own, under autocast


@pytest.fixture
def batch(clips: list[LatentClip]) -> ClipBatch:
    return make_batch(clips[:2], BatchSettings(text_dropout=0.0), torch.zeros(5, 64), np.random.default_rng(0))


@pytest.fixture
def vae(small_vae: TinyVAE) -> TinyVAE:
    return small_vae.requires_grad_(False)


def memory(sink: int, window: int, chunk: int) -> StreamConfig:
    return StreamConfig(height=32, width=48, chunk_frames=chunk, sink_frames=sink, window_frames=window)


def rolled(student: Networks, batch: ClipBatch, vae: TinyVAE, stream: StreamConfig, *, checkpointing: bool) -> Tensor:
    student.transformer.gradient_checkpointing = checkpointing
    chance = torch.Generator().manual_seed(0)
    return torch.cat([chunk.latents for chunk in unroll(student, batch, stream, vae, chance)], dim=2)


def gradients(student: Networks, made: Tensor) -> dict[str, Tensor]:
    student.zero_grad()
    weights = torch.randn(made.shape, generator=torch.Generator().manual_seed(1))
    (made * weights).sum().backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in student.named_parameters() if p.grad is not None}


def assert_alike(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(ours[name], gradient, atol=tolerance * scale, rtol=0, msg=name)


@pytest.mark.parametrize(
    ("sink", "window", "chunk"), [(1, 2, 1), (0, 3, 1), (2, 0, 1), (0, 0, 3), (3, 3, 3), (1, 4, 3)]
)
def test_the_gradients_of_a_rollout_are_those_without_checkpointing(
    student: Networks, batch: ClipBatch, vae: TinyVAE, sink: int, window: int, chunk: int
) -> None:
    """Of 9 latent frames; the smaller memories forget, and are written over long before the backward pass."""
    stream = memory(sink, window, chunk)
    plain = rolled(student, batch, vae, stream, checkpointing=False)
    wanted = gradients(student, plain)
    made = rolled(student, batch, vae, stream, checkpointing=True)
    assert torch.equal(made, plain)
    assert_alike(gradients(student, made), wanted, 1e-5)
    assert all(gradient.any() for gradient in wanted.values())


def test_under_autocast_they_are_alike_too(student: Networks, batch: ClipBatch, vae: TinyVAE) -> None:
    made = []
    for checkpointing in (False, True):
        with torch.autocast("cpu", torch.bfloat16):
            latents = rolled(student, batch, vae, memory(1, 2, 1), checkpointing=checkpointing)
        made.append(gradients(student, latents))
    assert_alike(made[1], made[0], 1e-2)


def saved_bytes(student: Networks, batch: ClipBatch, vae: TinyVAE, stream: StreamConfig, *, checkpointing: bool) -> int:
    """Of all tensors but the weights that a rollout saves for its backward pass."""
    weights = {p.untyped_storage().data_ptr() for p in student.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in weights:
            kept[place] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        rolled(student, batch, vae, stream, checkpointing=checkpointing)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_a_rollout_saves_a_fraction_of_the_memory(student: Networks, batch: ClipBatch, vae: TinyVAE) -> None:
    whole, part = (saved_bytes(student, batch, vae, memory(3, 3, 3), checkpointing=c) for c in (False, True))
    assert part < 0.4 * whole
