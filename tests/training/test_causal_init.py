from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.batch import BatchSettings, make_batch
from motionstream.training.causal_init import (
    CausalInitSettings,
    TrajectoryBatch,
    causal_init_loss,
    draw_memory,
    draw_states,
)
from motionstream.training.conditioning import condition_on_truth
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.track_sampling import TrackSampling

LATENT_CHANNELS, PAST = 4, 6
LIKE_THE_STREAM = CausalInitSettings(full_share=0.0, window_share=0.0, stream_share=1.0, context_noise=0.0)


@pytest.fixture
def batch(clips: list[LatentClip]) -> TrajectoryBatch:
    told = BatchSettings(text_dropout=0.0, tracks=TrackSampling(none=0.0, dense=1.0, sparse=0.0, dense_points=(50, 90)))
    clip = make_batch(clips[:2], told, torch.zeros(5, 64), np.random.default_rng(0))
    draw = torch.Generator().manual_seed(1)
    return TrajectoryBatch(clip, torch.randn(3, *clip.latents.shape, generator=draw))


def run_loss(
    student: Networks,
    vae: TinyVAE,
    batch: TrajectoryBatch,
    stream: StreamConfig,
    settings: CausalInitSettings = LIKE_THE_STREAM,
    seed: int = 5,
) -> Any:
    return causal_init_loss(settings, stream, vae)(student, batch, torch.Generator().manual_seed(seed))


def watch(
    student: Networks, vae: TinyVAE, batch: TrajectoryBatch, stream: StreamConfig
) -> tuple[tuple[Any, ...], dict[str, Any], Tensor]:
    """Returns what the transformer was called with, and its output, in one evaluation of the loss."""
    seen: list[Any] = []
    hook = student.transformer.register_forward_hook(
        lambda _, args, kwargs, output: seen.append((args, kwargs, output)), with_kwargs=True
    )
    with torch.no_grad():
        run_loss(student, vae, batch, stream)
    hook.remove()
    args, kwargs, output = seen[0]
    return args, kwargs, output


def test_the_loss_falls_on_one_batch(
    student: Networks, small_vae: TinyVAE, batch: TrajectoryBatch, stream: StreamConfig
) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    values = []
    for _ in range(25):
        value, _ = run_loss(student, small_vae, batch, stream)
        value.backward()
        assert all(p.grad is not None for p in student.parameters())
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(value.detach()))
    assert values[-1] < 0.8 * values[0]


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_noisy_chunk_sees_the_clean_chunks_before_it_and_no_other(
    student: Networks, small_vae: TinyVAE, batch: TrajectoryBatch, stream: StreamConfig, chunk: int
) -> None:
    args, kwargs, output = watch(student, small_vae, batch, stream)
    mine = slice(PAST + chunk * stream.chunk_frames, PAST + (chunk + 1) * stream.chunk_frames)
    with torch.no_grad():
        for changed, frames in enumerate([slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12), slice(12, 15)]):
            sequence = args[0].clone()
            sequence[:, :, frames] += 1
            other = student.transformer(sequence, *args[1:], **kwargs)
            same = torch.equal(other[:, :, mine], output[:, :, mine])
            sees = changed < min(chunk, 2) if changed < 2 else changed - 2 == chunk
            assert same != sees, f"chunk {chunk} and part {changed} of [clean 0, clean 1, noisy 0, noisy 1, noisy 2]"


@pytest.mark.parametrize(("sink", "window"), [(3, 3), (0, 3), (3, 0), (2, 4), (0, 1), (1, 2)])
def test_training_sees_each_chunk_as_a_stream_with_that_sink_and_window_will(
    student: Networks,
    small_vae: TinyVAE,
    batch: TrajectoryBatch,
    stream: StreamConfig,
    sink: int,
    window: int,
) -> None:
    memory = replace(stream, sink_frames=sink, window_frames=window)
    (sequence, timesteps, prompts), _, output = watch(student, small_vae, batch, memory)
    network, f = student.transformer, stream.chunk_frames
    with torch.no_grad():
        for sample in range(2):
            cache = network.new_cache(4, 6, sink_frames=sink, window_frames=window, chunk_frames=f)
            context = network.prompt_context(prompts[sample : sample + 1])
            for chunk in range(3):
                frames = slice(PAST + chunk * f, PAST + (chunk + 1) * f)
                step, at_zero = network.modulation(torch.stack([timesteps[sample, frames.start], torch.tensor(0.0)]))
                made = network.forward_chunk(sequence[sample : sample + 1, :, frames], step, context, cache)
                torch.testing.assert_close(made[0], output[sample, :, frames], atol=1e-4, rtol=1e-4)
                clean = batch.clip.latents[sample : sample + 1, :, chunk * f : (chunk + 1) * f]
                condition = sequence[sample : sample + 1, LATENT_CHANNELS:, frames]
                network.forward_chunk(torch.cat([clean, condition], 1), at_zero, context, cache)
                cache.commit()


def test_the_noisy_chunks_are_the_teacher_s_states_and_the_target_is_where_its_ode_ends(
    student: Networks, small_vae: TinyVAE, batch: TrajectoryBatch, stream: StreamConfig
) -> None:
    (sequence, timesteps, _), kwargs, output = watch(student, small_vae, batch, stream)
    with torch.no_grad():
        value, _ = run_loss(student, small_vae, batch, stream)
    for sample in range(2):
        for frame in range(9):
            place = stream.timesteps.index(round(float(timesteps[sample, PAST + frame]), 3))
            state = batch.states[place, sample, :, frame]
            assert torch.equal(sequence[sample, :LATENT_CHANNELS, PAST + frame], state)
    torch.testing.assert_close((output[:, :, PAST:] - batch.clip.latents).square()[:, :, 1:].mean(), value)
    assert not timesteps[:, :PAST].any()
    assert torch.equal(sequence[:, :LATENT_CHANNELS, :PAST], batch.clip.latents[:, :, :PAST])
    assert kwargs["positions"] == "rank"


def test_the_past_bears_a_little_noise_where_it_is_told_to(
    student: Networks, small_vae: TinyVAE, batch: TrajectoryBatch, stream: StreamConfig
) -> None:
    seen: list[Tensor] = []
    student.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    run_loss(student, small_vae, batch, stream, replace(LIKE_THE_STREAM, context_noise=0.2))
    jitter = seen[0].detach()[:, :LATENT_CHANNELS, :PAST] - batch.clip.latents[:, :, :PAST]
    assert 0 < float(jitter.std()) < 0.2


def test_every_chunk_of_every_clip_draws_a_timestep_of_its_own(stream: StreamConfig) -> None:
    states = torch.arange(3.0).view(3, 1, 1, 1, 1, 1).expand(3, 64, 1, 9, 2, 2)
    noisy, times = draw_states(states, stream, torch.Generator().manual_seed(0))
    chunks = noisy[:, 0, :, 0, 0].unflatten(1, (3, 3))
    assert torch.equal(chunks, chunks[..., :1].expand(-1, -1, 3))
    assert [float((chunks == i).float().mean()) for i in range(3)] == [pytest.approx(1 / 3, abs=0.12)] * 3
    assert torch.equal(times, torch.tensor(stream.timesteps)[noisy[:, 0, :, 0, 0].long()] / 1000)


def test_masks_are_mixed_as_told(stream: StreamConfig) -> None:
    draw = torch.Generator().manual_seed(0)
    settings = CausalInitSettings(full_share=0.25, window_share=0.25, stream_share=0.25, most_frames=5)
    drawn = [draw_memory(settings, stream, draw) for _ in range(4000)]
    full = sum(window is None for _, window in drawn) / len(drawn)
    as_streamed = sum(pair == (3, 3) for pair in drawn) / len(drawn)
    assert full == pytest.approx(0.25, abs=0.03)
    assert as_streamed == pytest.approx(0.25 + 0.25 / 36, abs=0.03)
    assert {sink for sink, _ in drawn} == set(range(6))
    assert {window for sink, window in drawn if sink} == set(range(6))
    assert all(sink == 0 for sink, window in drawn if window is None)


def test_a_clip_s_condition_is_the_stream_s_with_the_true_pictures_as_its_past(
    clips: list[LatentClip], student: Networks, small_vae: TinyVAE, stream: StreamConfig
) -> None:
    clip, head = clips[0], student.track_head.config
    motion, image = condition_on_truth(clip.latents[None], clip.pictures[None], [clip.tracks], head, small_vae, stream)
    memory, start = TrackMemory.empty(), 0
    for chunk, (length, frame) in enumerate([(9, 0), (12, 2), (12, 5)]):
        told, newest = clip.tracks.slice(start, start + length), Newest(clip.pictures[chunk], clip.latents[:, frame])
        with torch.no_grad():
            part, memory = condition_chunk(told, memory, newest, head, small_vae.encode_chunk, first=chunk == 0)
        assert torch.equal(motion[0, :, 3 * chunk : 3 * chunk + 3], part.motion)
        assert torch.equal(image[0, :, 3 * chunk : 3 * chunk + 3], part.image)
        start += length
