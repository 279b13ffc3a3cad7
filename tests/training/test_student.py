from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.conditioning import condition_on_truth
from motionstream.training.latent_cache import LatentClip
from motionstream.training.loop import LoopSettings
from motionstream.training.student import (
    Student,
    StudentBatch,
    StudentSettings,
    batches,
    draw_times,
    make_batch,
    student_loss,
    tiny_student,
    train_student,
)
from motionstream.training.track_sampling import TrackSampling

SETTINGS = StudentSettings(
    batch=2,
    context_noise=0.0,
    text_dropout=0.0,
    tracks=TrackSampling(none=0.0, dense=1.0, sparse=0.0, dense_points=(50, 90)),
)

LATENT_CHANNELS = 4
UNPROMPTED = torch.full((5, 64), 0.5)


class Shelf(list[LatentClip]):
    """Clips in memory, ordered as a `LatentCache` orders its own."""

    def order(self, seed: int, start: int, batch: int) -> Any:
        rng = np.random.default_rng(seed)
        steps = [rng.permutation(len(self))[:batch].tolist() for _ in range(start + 50)]
        return iter(steps[start:])


@pytest.fixture
def batch(clips: list[LatentClip]) -> StudentBatch:
    return make_batch(clips[:2], SETTINGS, UNPROMPTED, np.random.default_rng(0))


def run_loss(
    student: Student,
    vae: TinyVAE,
    batch: StudentBatch,
    stream: StreamConfig,
    settings: StudentSettings = SETTINGS,
) -> Any:
    return student_loss(settings, stream, vae)(student, batch, torch.Generator().manual_seed(5))


def watch(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> tuple[tuple[Any, ...], dict[str, Any], Tensor]:
    """Returns what the transformer was called with, and its output, in one evaluation of the loss."""
    seen: list[Any] = []
    hook = student.transformer.register_forward_hook(
        lambda _, args, kwargs, output: seen.append((args, kwargs, output)), with_kwargs=True
    )
    with torch.no_grad():
        run_loss(student, small_vae, batch, stream)
    hook.remove()
    args, kwargs, output = seen[0]
    return args, kwargs, output


def test_the_loss_falls_on_one_batch(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
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


def test_a_fresh_head_and_its_slots_both_learn(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> None:
    run_loss(student, small_vae, batch, stream)[0].backward()
    slots = student.transformer.patch_embedding.weight.grad
    assert slots is not None
    assert slots[:, -student.track_head.config.out_channels :].any()
    assert all(p.grad is not None and p.grad.any() for p in student.track_head.parameters())


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_noisy_chunk_sees_the_clean_chunks_before_it_and_no_other(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig, chunk: int
) -> None:
    args, kwargs, output = watch(student, small_vae, batch, stream)
    past, f = 6, stream.chunk_frames
    with torch.no_grad():
        for changed, frames in enumerate([slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12), slice(12, 15)]):
            sequence = args[0].clone()
            sequence[:, :, frames] += 1
            other = student.transformer(sequence, *args[1:], **kwargs)
            mine = slice(past + chunk * f, past + (chunk + 1) * f)
            same = torch.equal(other[:, :, mine], output[:, :, mine])
            sees = changed < min(chunk, 2) if changed < 2 else changed - 2 == chunk
            assert same != sees, f"chunk {chunk} and part {changed} of [clean 0, clean 1, noisy 0, noisy 1, noisy 2]"


def test_a_later_chunk_of_the_clip_changes_nothing_before_it(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> None:
    _, _, output = watch(student, small_vae, batch, stream)
    later = batch.latents.clone()
    later[:, :, 6:] *= -1
    _, _, other = watch(student, small_vae, replace(batch, latents=later), stream)
    assert torch.equal(output[:, :, : 6 + 6], other[:, :, : 6 + 6])
    assert not torch.equal(output[:, :, 12:], other[:, :, 12:])


def test_training_sees_each_chunk_as_the_stream_will(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> None:
    (sequence, timesteps, prompts), _, output = watch(student, small_vae, batch, stream)
    network, f = student.transformer, stream.chunk_frames
    with torch.no_grad():
        clean, condition = batch.latents, sequence[:, LATENT_CHANNELS:, 6:]
        for sample in range(2):
            cache = network.new_cache(4, 6, sink_frames=3, window_frames=3, chunk_frames=3)
            context = network.prompt_context(prompts[sample : sample + 1])
            for chunk in range(3):
                frames = slice(6 + chunk * f, 6 + (chunk + 1) * f)
                step, at_zero = network.modulation(torch.stack([timesteps[sample, frames.start], torch.tensor(0.0)]))
                made = network.forward_chunk(sequence[sample : sample + 1, :, frames], step, context, cache)
                torch.testing.assert_close(made[0], output[sample, :, frames], atol=1e-4, rtol=1e-4)
                past = torch.cat([clean, condition], 1)[sample : sample + 1, :, chunk * f : (chunk + 1) * f]
                network.forward_chunk(past, at_zero, context, cache)
                cache.commit()


def test_the_noise_and_the_times_are_rectified_flow_s_and_the_target_is_the_clean_clip(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> None:
    (sequence, timesteps, _), kwargs, output = watch(student, small_vae, batch, stream)
    with torch.no_grad():
        value, _ = run_loss(student, small_vae, batch, stream)
    times = timesteps[:, 6:, None, None].unsqueeze(1) / 1000
    noise = (sequence[:, :4, 6:] - (1 - times) * batch.latents) / times
    assert abs(float(noise.mean())) < 0.15
    assert float(noise.std()) == pytest.approx(1, abs=0.1)
    torch.testing.assert_close((output[:, :, 6:] - batch.latents).square()[:, :, 1:].mean(), value)
    assert not timesteps[:, :6].any()
    assert torch.equal(sequence[:, :4, :6], batch.latents[:, :, :6])
    assert kwargs["positions"].tolist() == [*range(6), *range(9)]


def test_the_context_bears_a_little_noise_where_it_is_told_to(
    student: Student, small_vae: TinyVAE, batch: StudentBatch, stream: StreamConfig
) -> None:
    seen: list[Tensor] = []
    student.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    run_loss(student, small_vae, batch, stream, replace(SETTINGS, context_noise=0.2))
    jitter = seen[0].detach()[:, :4, :6] - batch.latents[:, :, :6]
    assert 0 < float(jitter.std()) < 0.2


def test_times_come_from_the_list_and_for_the_rest_from_the_shifted_uniform_distribution(stream: StreamConfig) -> None:
    times = draw_times((4000, 3), replace(SETTINGS, listed_share=0.75), stream, torch.Generator().manual_seed(0))
    listed = torch.isin(times, torch.tensor(stream.timesteps) / 1000)
    assert float(listed.float().mean()) == pytest.approx(0.75, abs=0.02)
    assert [float((times == t / 1000).float().mean()) for t in stream.timesteps] == [pytest.approx(0.25, abs=0.02)] * 3
    rest = times[~listed]
    assert float(rest.min()) > 0
    assert float(rest.max()) <= 1
    assert float(rest.median()) == pytest.approx(6 * 0.5 / (1 + 5 * 0.5), abs=0.02)


def test_a_clip_s_condition_is_the_stream_s_with_the_true_pictures_as_its_past(
    clips: list[LatentClip], student: Student, small_vae: TinyVAE, stream: StreamConfig
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


def test_a_prompt_that_is_not_told_is_the_empty_one_and_the_others_whole(clips: list[LatentClip]) -> None:
    made = make_batch(clips * 20, replace(SETTINGS, text_dropout=0.5), UNPROMPTED, np.random.default_rng(0))
    told = (made.prompt_embeds != UNPROMPTED).flatten(1).any(1)
    assert float(told.float().mean()) == pytest.approx(0.5, abs=0.2)
    wanted = torch.stack([clip.prompt_embeds for clip in clips * 20])
    assert torch.equal(made.prompt_embeds[told], wanted[told])


def test_a_step_s_batch_depends_on_the_seed_and_the_step_alone(clips: list[LatentClip]) -> None:
    shelf: Any = Shelf(clips)
    all_of_them = list(islice(batches(shelf, StudentSettings(batch=2), UNPROMPTED, 3, 0), 4))
    later = next(batches(shelf, StudentSettings(batch=2), UNPROMPTED, 3, 2))
    assert later.tracks == all_of_them[2].tracks != all_of_them[3].tracks
    for name in ("latents", "pictures", "prompt_embeds"):
        assert torch.equal(getattr(later, name), getattr(all_of_them[2], name))
        assert not torch.equal(getattr(later, name), getattr(all_of_them[3], name))


def test_training_resumes_in_its_folder(
    tmp_path: Path, clips: list[LatentClip], student: Student, small_vae: TinyVAE, stream: StreamConfig
) -> None:
    shelf: Any = Shelf(clips)
    loop = LoopSettings(autocast=False, steps=2, warmup_steps=1, log_every=1, save_every=1)
    train_student(tmp_path, shelf, student, small_vae, UNPROMPTED, stream, SETTINGS, loop)
    weights = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    longer = replace(loop, steps=3)
    run = train_student(tmp_path, shelf, student, small_vae, UNPROMPTED, stream, SETTINGS, longer)
    assert run.step == 3
    assert any(not torch.equal(weights[name], tensor) for name, tensor in student.state_dict().items())
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 4


def test_the_embedded_student_has_the_published_shape() -> None:
    with torch.device("meta"):
        student = tiny_student()
    assert student.transformer.config.total_in_channels == 96 + 4 + 96 + 32
    assert 5e6 < sum(p.numel() for p in student.parameters()) < 11e6
