from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.vae.tiny import TinyVAE
from motionstream.tracks import Tracks
from motionstream.training.batch import BatchSettings, ClipBatch, batches, cropped, make_batch
from motionstream.training.conditioning import condition_batch, condition_clips
from motionstream.training.flow import add_noise, shifted_times, velocity_error
from motionstream.training.latent_cache import LatentClip
from motionstream.training.networks import Networks
from motionstream.training.teacher import TeacherSettings, freeze_head, teacher_loss, told_frames
from motionstream.training.track_sampling import TrackSampling

DENSE = TrackSampling(none=0.0, dense=1.0, sparse=0.0, dense_points=(50, 90))
UNPROMPTED = torch.full((5, 64), 0.5)


class Shelf(list[LatentClip]):
    """Clips in memory, ordered as a `LatentCache` orders its own."""

    unprompted = UNPROMPTED

    def order(self, seed: int, start: int, batch: int) -> Any:
        rng = np.random.default_rng(seed)
        steps = [rng.permutation(len(self))[:batch].tolist() for _ in range(start + 50)]
        return iter(steps[start:])


@pytest.fixture
def batch(clips: list[LatentClip]) -> ClipBatch:
    return make_batch(clips[:2], BatchSettings(tracks=DENSE), UNPROMPTED, np.random.default_rng(0))


def run_loss(
    networks: Networks, vae: TinyVAE, batch: ClipBatch, settings: TeacherSettings | None = None, seed: int = 0
) -> tuple[Tensor, Any]:
    return teacher_loss(settings or TeacherSettings(), vae)(networks, batch, torch.Generator().manual_seed(seed))


def test_the_teacher_s_loss_falls_and_all_of_it_learns(student: Networks, small_vae: TinyVAE, batch: ClipBatch) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    values = []
    for _ in range(25):
        value, _ = run_loss(student, small_vae, batch)
        value.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in student.parameters())
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(value.detach()))
    assert values[-1] < 0.7 * values[0]


def test_in_the_second_stage_the_head_stays_as_it_is(student: Networks, small_vae: TinyVAE, batch: ClipBatch) -> None:
    run_loss(freeze_head(student), small_vae, batch, TeacherSettings(mask_share=0.5))[0].backward()
    assert all(p.grad is None for p in student.track_head.parameters())
    assert all(p.grad is not None for p in student.transformer.parameters())


def test_every_frame_of_the_teacher_sees_every_other(student: Networks, small_vae: TinyVAE, batch: ClipBatch) -> None:
    seen: list[Any] = []
    student.transformer.register_forward_hook(lambda _, args, output: seen.append((args, output)))
    with torch.no_grad():
        run_loss(student, small_vae, batch)
        (joined, times, prompts), output = seen[0]
        for frame in (1, 8):
            changed = joined.clone()
            changed[:, :4, frame] += 1
            assert (student.transformer(changed, times, prompts) != output).flatten(3).any(-1).all()


def test_the_teacher_knows_the_first_picture_and_no_later_one(
    student: Networks, small_vae: TinyVAE, batch: ClipBatch
) -> None:
    value, _ = run_loss(student, small_vae, batch)
    later, first = batch.pictures.clone(), batch.pictures.clone()
    later[:, 1:] = 0
    first[:, 0] = 0
    assert torch.equal(run_loss(student, small_vae, replace(batch, pictures=later))[0], value)
    assert not torch.equal(run_loss(student, small_vae, replace(batch, pictures=first))[0], value)


def test_what_the_student_is_told_of_a_first_chunk_the_teacher_is_told_too(
    clips: list[LatentClip], student: Networks, small_vae: TinyVAE, stream: StreamConfig, batch: ClipBatch
) -> None:
    from motionstream.models.track_condition import Newest
    from motionstream.models.track_memory import TrackMemory

    head = student.track_head.config
    whole = condition_clips(batch.latents, batch.pictures, batch.tracks, head, small_vae)
    newest = [Newest(p[0], z[:, 0]) for p, z in zip(batch.pictures, batch.latents, strict=True)]
    told = [tracks.slice(0, 9) for tracks in batch.tracks]
    first = condition_batch(told, [TrackMemory.empty()] * 2, newest, head, small_vae, first=True)
    for mine, theirs in zip(whole, first, strict=False):
        torch.testing.assert_close(mine[:, :, :3], theirs)


def test_the_error_of_the_velocity_is_that_of_the_clean_latents_over_the_time() -> None:
    draw = torch.Generator().manual_seed(0)
    clean, noise, made = (torch.randn(2, 3, 4, 2, 2, generator=draw) for _ in range(3))
    times = torch.tensor([0.8, 0.3])
    noisy = add_noise(clean, noise, times)
    wide = times.view(-1, 1, 1, 1, 1)
    torch.testing.assert_close(noisy, (1 - wide) * clean + wide * noise)
    velocities = ((noisy - made) / wide - (noise - clean)).square()[:, :, 1:].mean()
    torch.testing.assert_close(velocity_error(made, clean, times, 0.0), velocities)
    assert velocity_error(made, clean, times, 0.5) < velocities


def test_times_are_uniform_before_the_shift() -> None:
    times = shifted_times(4000, 6.0, torch.Generator().manual_seed(0))
    assert float(times.min()) > 0
    assert float(times.max()) <= 1
    assert float(times.median()) == pytest.approx(6 * 0.5 / (1 + 5 * 0.5), abs=0.02)


def test_whole_runs_of_the_motion_are_masked_and_the_first_frame_never() -> None:
    settings = TeacherSettings(mask_share=0.2, mask_frames=2)
    told = told_frames(2000, 9, settings, torch.Generator().manual_seed(0))[:, 0, :, 0, 0]
    assert told[:, 0].all()
    runs = told[:, 1:].unflatten(1, (4, 2))
    assert torch.equal(runs[..., 0], runs[..., 1])
    assert float(1 - runs.mean()) == pytest.approx(0.2, abs=0.02)
    assert told_frames(2, 9, TeacherSettings(), torch.Generator()).all()


def test_a_masked_run_tells_nothing_of_the_motion(student: Networks, small_vae: TinyVAE, batch: ClipBatch) -> None:
    seen: list[Tensor] = []
    student.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    settings = TeacherSettings(mask_share=0.9)
    run_loss(student, small_vae, batch, settings)
    known = told_frames(2, 9, settings, torch.Generator().manual_seed(0)).expand(-1, 1, -1, 4, 6)
    condition = seen[0][:, 4:]
    assert not condition[(known == 0).expand_as(condition)].any()
    assert condition[(known == 1).expand_as(condition)].any()


def test_a_prompt_that_is_not_told_is_the_empty_one_and_the_others_whole(clips: list[LatentClip]) -> None:
    made = make_batch(clips * 20, BatchSettings(text_dropout=0.5), UNPROMPTED, np.random.default_rng(0))
    told = (made.prompt_embeds != UNPROMPTED).flatten(1).any(1)
    assert float(told.float().mean()) == pytest.approx(0.5, abs=0.2)
    wanted = torch.stack([clip.prompt_embeds for clip in clips * 20])
    assert torch.equal(made.prompt_embeds[told], wanted[told])


def test_a_motion_that_is_not_told_is_no_track_at_all(clips: list[LatentClip]) -> None:
    settings = BatchSettings(motion_dropout=0.5, tracks=DENSE)
    made = make_batch(clips * 20, settings, UNPROMPTED, np.random.default_rng(0))
    silent = [tracks == Tracks.empty(33) for tracks in made.tracks]
    assert np.mean(silent) == pytest.approx(0.5, abs=0.2)


def test_a_step_s_batch_depends_on_the_seed_and_the_step_alone(clips: list[LatentClip]) -> None:
    shelf: Any = Shelf(clips)
    made = batches(shelf, BatchSettings(size=2), 3, 0)
    all_of_them = [next(made) for _ in range(4)]
    later = next(batches(shelf, BatchSettings(size=2), 3, 2))
    assert later.tracks == all_of_them[2].tracks != all_of_them[3].tracks
    for name in ("latents", "pictures", "prompt_embeds"):
        assert torch.equal(getattr(later, name), getattr(all_of_them[2], name))
        assert not torch.equal(getattr(later, name), getattr(all_of_them[3], name))


def test_a_part_of_a_clip_is_cut_out_of_latents_pictures_and_tracks_alike(clips: list[LatentClip]) -> None:
    clip, rng = clips[0], np.random.default_rng(3)
    left, top = np.random.default_rng(3).integers(0, np.array([6, 4]) - 2).tolist()
    part = cropped(clip, 3, rng)
    assert torch.equal(part.latents, clip.latents[..., top : top + 3, left : left + 3])
    assert torch.equal(part.pictures, clip.pictures[..., 8 * top : 8 * top + 24, 8 * left : 8 * left + 24])
    whole = clip.tracks.xy[:, np.isin(clip.tracks.ids, part.tracks.ids)] * (48, 32)
    np.testing.assert_allclose(part.tracks.xy * 24 + (8 * left, 8 * top), whole, atol=1e-4)
    inside = ((part.tracks.xy >= 0) & (part.tracks.xy < 1)).all(-1)
    assert inside[0].all()
    assert np.array_equal(part.tracks.visible, inside)
    assert len(part.layer) == part.tracks.num_points < clip.tracks.num_points


def test_a_part_larger_than_the_clip_is_refused(clips: list[LatentClip]) -> None:
    with pytest.raises(InputError, match="--crop: wanted 1 to 4 latent cells, got 5"):
        cropped(clips[0], 5, np.random.default_rng(0))
