from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.engine import StreamEngine
from motionstream.training import unroll
from motionstream.training.base import Base
from motionstream.training.batch import BatchSettings, ClipBatch, make_batch
from motionstream.training.export import assembled
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.rollout import rollout_loss
from motionstream.training.track_sampling import TrackSampling
from motionstream.training.world import make_clip

TEXT_DIM = 64

SETTINGS = BatchSettings(tracks=TrackSampling(none=0.0, dense=1.0, sparse=0.0, dense_points=(50, 90)))


@pytest.fixture
def batch(clips: list[LatentClip]) -> ClipBatch:
    return make_batch(clips[:2], SETTINGS, torch.zeros(5, TEXT_DIM), np.random.default_rng(0))


def run_loss(
    student: Networks, vae: TinyVAE, batch: ClipBatch, stream: StreamConfig, seed: int = 0
) -> tuple[Tensor, Any]:
    return rollout_loss(stream, vae)(student, batch, torch.Generator().manual_seed(seed))


def test_a_rollout_trains_all_weights_and_its_loss_falls(
    student: Networks, small_vae: TinyVAE, batch: ClipBatch, stream: StreamConfig
) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    values = []
    for _ in range(12):
        value, parts = run_loss(student, small_vae, batch, stream)
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
    denoise = unroll.denoise_chunk

    def kept(*args: Any) -> Tensor:
        chunks.append(denoise(*args))
        return chunks[-1]

    monkeypatch.setattr(unroll, "denoise_chunk", kept)
    return chunks


def always_exit(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(step))


def test_a_rollout_to_the_last_step_is_the_stream(
    student: Networks,
    base: Base,
    small_vae: TinyVAE,
    stream: StreamConfig,
    made: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The very latents of a session: same picture, tracks, prompt and noise."""
    clip = make_clip(5, num_frames=33, height=stream.height, width=stream.width)
    checkpoint = assembled(student.eval(), base, Path("memory"))
    session = StreamEngine(checkpoint).open_session(clip.frames[0], clip.caption, seed=4)
    told = clip.tracks.select(clip.tracks.ids[::9].tolist())
    streamed = []
    for chunk in range(3):
        start = stream.first_video_frame(chunk)
        session.step(told.slice(start, start + stream.video_frames_in_chunk(chunk)))
        streamed.append(session.snapshot().newest.latent)

    always_exit(monkeypatch, len(stream.timesteps) - 1)
    video = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)[None].float() / 255
    with torch.no_grad():
        latents = small_vae.encode(video)
    prompt = checkpoint.text_encoder.encode(clip.caption).clone()
    batch = ClipBatch(latents, video[:, [0, 8, 20]] * 0, (told,), prompt)  # only the first picture may be used
    batch.pictures[:, 0] = video[:, 0]
    run_loss(student, small_vae, batch, stream, seed=4)
    for chunk in range(3):
        torch.testing.assert_close(made[chunk][0, :, -1], streamed[chunk], atol=1e-4, rtol=1e-4)


def test_no_gradient_crosses_from_a_chunk_to_another(
    student: Networks, small_vae: TinyVAE, batch: ClipBatch, stream: StreamConfig, made: list[Tensor]
) -> None:
    encoded: list[Tensor] = []
    hook = student.track_head.register_forward_hook(lambda *args: encoded.append(args[2]))
    run_loss(student, small_vae, batch, stream)
    hook.remove()
    for chunk, latents in enumerate(made):
        grads = torch.autograd.grad(latents.square().sum(), encoded, retain_graph=True, allow_unused=True)
        assert [grad is not None and bool(grad.any()) for grad in grads] == [index == chunk for index in range(3)]


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_the_gradient_is_that_of_the_numbers(
    student: Networks,
    small_vae: TinyVAE,
    batch: ClipBatch,
    stream: StreamConfig,
    made: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
) -> None:
    always_exit(monkeypatch, 0)
    bias = student.transformer.proj_out.bias
    draw = torch.Generator().manual_seed(1)
    direction = torch.randn(bias.shape, generator=draw)
    weight = torch.randn(batch.latents[:, :, :3].shape, generator=draw)
    run_loss(student, small_vae, batch, stream)
    (grad,) = torch.autograd.grad((made[chunk] * weight).sum(), bias)
    values = []
    for sign in (1, -1):
        # Only this chunk's own pass sees the changed bias: what went before is fixed, as it is for the gradient.
        calls = len(made)
        original = unroll.denoise_chunk

        def nudged(*args: Any, calls: int = calls, sign: int = sign, original: Any = original) -> Tensor:
            mine = len(made) - calls == chunk
            with torch.no_grad():
                bias.add_(sign * 0.01 * direction * mine)
                result: Tensor = original(*args)
                bias.sub_(sign * 0.01 * direction * mine)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(unroll, "denoise_chunk", nudged)
            run_loss(student, small_vae, batch, stream)
        values.append(made[calls + chunk])
    slope = ((values[0] - values[1]).double() * weight).sum() / 0.02
    assert (grad * direction).sum().item() == pytest.approx(slope.item(), rel=0.02)
