from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.streaming.sampler import DenoisingSteps, sample_chunk
from motionstream.training import rollout
from motionstream.training.latent_cache import LatentClip
from motionstream.training.rollout import new_cache, rollout_loss
from motionstream.training.student import Student, StudentBatch, StudentSettings, make_batch
from motionstream.training.track_sampling import TrackSampling

SETTINGS = StudentSettings(tracks=TrackSampling(none=0.0, dense=1.0, sparse=0.0, dense_points=(50, 90)))


@pytest.fixture
def batch(clips: list[LatentClip], student: Student, stream: StreamConfig) -> StudentBatch:
    return make_batch(clips[:2], SETTINGS, student.track_head.config, stream, np.random.default_rng(0))


def run_loss(student: Student, batch: StudentBatch, stream: StreamConfig, seed: int = 0) -> tuple[Tensor, Any]:
    return rollout_loss(stream)(student, batch, torch.Generator().manual_seed(seed))


def test_a_rollout_trains_all_weights_and_its_loss_falls(
    student: Student, batch: StudentBatch, stream: StreamConfig
) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    values = []
    for _ in range(12):
        value, parts = run_loss(student, batch, stream)
        value.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in student.parameters())
        optimizer.step()
        optimizer.zero_grad()
        values.append(value.item())
    assert values[-1] < 0.9 * values[0]
    assert parts.keys() == {"chunk_0", "chunk_1", "chunk_2"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The chunks of the rollouts to come, as they are made."""
    chunks: list[Tensor] = []
    denoise = rollout.denoise_chunk

    def kept(*args: Any) -> Tensor:
        chunks.append(denoise(*args))
        return chunks[-1]

    monkeypatch.setattr(rollout, "denoise_chunk", kept)
    return chunks


def always_exit(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(step))


def test_a_rollout_to_the_last_step_is_what_the_stream_makes(
    student: Student,
    batch: StudentBatch,
    stream: StreamConfig,
    made: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    always_exit(monkeypatch, len(stream.timesteps) - 1)
    run_loss(student, batch, stream, seed=4)
    network, generator = student.transformer, torch.Generator().manual_seed(4)
    with torch.no_grad():
        condition = torch.cat([batch.image, student.track_head(batch.motion)], dim=1)
        steps, context = DenoisingSteps.of(network, stream.timesteps), network.prompt_context(batch.prompt_embeds)
        cache = new_cache(student, batch, stream)
        for chunk in range(3):
            part, first = condition[:, :, 3 * chunk : 3 * chunk + 3], batch.latents[:, :, 0] if chunk == 0 else None
            wanted = sample_chunk(network, part, steps, context, cache, generator, first)
            torch.testing.assert_close(made[chunk], wanted, atol=1e-5, rtol=1e-5)


def test_no_gradient_crosses_from_a_chunk_to_another(
    student: Student, batch: StudentBatch, stream: StreamConfig, made: list[Tensor]
) -> None:
    image = batch.image.clone().requires_grad_()
    run_loss(student, replace(batch, image=image), stream)
    for chunk, latents in enumerate(made):
        (grad,) = torch.autograd.grad(latents.square().sum(), image, retain_graph=True)
        touched = grad.abs().amax((0, 1, 3, 4)).unflatten(0, (3, 3)).amax(1) > 0
        assert touched.tolist() == [index == chunk for index in range(3)]


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_the_gradient_is_that_of_the_numbers(
    student: Student,
    batch: StudentBatch,
    stream: StreamConfig,
    made: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
) -> None:
    always_exit(monkeypatch, 0)  # then a chunk depends on its own condition in no step but the recorded one
    direction = torch.zeros_like(batch.image)
    part = direction[:, :, 3 * chunk : 3 * chunk + 3]
    part.copy_(torch.randn(part.shape, generator=torch.Generator().manual_seed(1)))
    image = batch.image.clone().requires_grad_()
    weight = torch.randn(made_shape := batch.latents[:, :, :3].shape, generator=torch.Generator().manual_seed(2))
    run_loss(student, replace(batch, image=image), stream)
    assert made[chunk].shape == made_shape
    (grad,) = torch.autograd.grad((made[chunk] * weight).sum(), image)
    with torch.no_grad():
        run_loss(student, replace(batch, image=batch.image + 0.01 * direction), stream)
        run_loss(student, replace(batch, image=batch.image - 0.01 * direction), stream)
    slope = ((made[3 + chunk] - made[6 + chunk]).double() * weight).sum() / 0.02
    assert (grad * direction).sum().item() == pytest.approx(slope.item(), rel=0.02)
