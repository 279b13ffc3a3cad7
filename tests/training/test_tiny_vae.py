from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.crops import CropDataset, batches
from motionstream.training.loop import LoopSettings, Loss, Run
from motionstream.training.picture_training import PictureSettings, PictureTraining
from motionstream.training.pixel_loss import opponent, reconstruction_loss
from motionstream.training.tiny_vae import (
    TinyVAESettings,
    measure_latents,
    rebuilt,
    shift,
    start_video,
    start_weights,
)
from motionstream.training.world import make_clip

SETTINGS = TinyVAESettings(batch=4, crop=32, num_frames=5)


@pytest.fixture(scope="module")
def video() -> Tensor:
    """Two batches of crops as uint8 frames."""
    dataset = CropDataset(SETTINGS, 50, range(2))
    return torch.cat([dataset[0], dataset[1]])


def loss_of(settings: TinyVAESettings) -> Loss:
    return PictureTraining(rebuilt(settings), PictureSettings()).loss()


def psnr(vae: TinyVAE, video: Tensor) -> float:
    wanted = video.float() / 255
    with torch.no_grad():
        made = vae.decode_raw(vae.encode_raw(wanted)).clamp(0, 1)
    return float(-10 * (made - wanted).square().mean().log10())


def test_a_step_s_batch_depends_on_the_step_alone() -> None:
    later, from_start = CropDataset(SETTINGS, 50, range(3, 5)), CropDataset(SETTINGS, 50, range(10))
    assert len(later) == 2
    assert torch.equal(later[0], from_start[3])
    assert not torch.equal(from_start[3], from_start[4])


def test_a_batch_is_crops_of_several_clips(video: Tensor) -> None:
    assert video.shape == (8, 5, 3, 32, 32)
    assert video.dtype == torch.uint8
    assert len({frames.numpy().tobytes() for frames in video}) == 8


def test_batches_are_made_in_another_process_and_in_order() -> None:
    made = list(batches(SETTINGS, 50, range(1, 3)))
    assert [torch.equal(a, b) for a, b in zip(made, CropDataset(SETTINGS, 50, range(1, 3)), strict=True)] == [
        True,
        True,
    ]


def test_linear_start_is_a_working_autoencoder(small_vae: TinyVAE, video: Tensor) -> None:
    before = psnr(small_vae, video)
    start_weights(small_vae, video[:, 1:].float() / 255)
    assert small_vae.shortcut is not None
    flat = video.float().mean((1, 3, 4), keepdim=True).expand_as(video) / 255
    grey = float(-10 * (flat - video.float() / 255).square().mean().log10())
    assert psnr(small_vae, video) > max(grey, before) + 1


def test_at_the_start_the_deep_stacks_say_nothing_but_can_learn(small_vae: TinyVAE, video: Tensor) -> None:
    start_weights(small_vae, video[:, 1:].float() / 255)
    assert small_vae.shortcut is not None
    clip = video.float() / 255
    repeated = torch.cat([clip[:, :1].expand(-1, 3, -1, -1, -1), clip], 1)
    torch.testing.assert_close(small_vae.encode_raw(clip), small_vae.shortcut.encode(repeated))
    loss_of(replace(SETTINGS, latent_noise=0.0))(small_vae, video, torch.Generator().manual_seed(0))[0].backward()
    for stack in (small_vae.encoder, small_vae.decoder):
        grad = stack[-1].weight.grad
        assert isinstance(grad, Tensor)
        assert grad.any()


def test_training_improves_on_the_linear_start(tmp_path: Path, small_vae: TinyVAE, video: Tensor) -> None:
    start_weights(small_vae, video[:, 1:].float() / 255)
    loss = loss_of(replace(SETTINGS, latent_noise=0.0, shift_share=0.0))
    before = loss(small_vae, video, torch.Generator())[0].item()

    def same() -> Iterator[Tensor]:
        while True:
            yield video

    run = Run(small_vae, LoopSettings(steps=40, learning_rate=1e-3, warmup_steps=10, autocast=False), tmp_path)
    run.fit(same(), loss)
    assert loss(small_vae, video, torch.Generator())[0].item() < 0.97 * before


def test_the_loss_is_zero_for_the_same_video_and_counts_colour_and_edges(video: Tensor) -> None:
    wanted = video.float() / 255
    assert float(reconstruction_loss(wanted, wanted, 0.5)) == 0
    brightness, colour = torch.full((3,), 0.1), torch.tensor([0.1, -0.051, 0.0])  # the second has no brightness
    assert abs(float(opponent()[0] @ colour)) < 1e-3
    flat = [float(reconstruction_loss(wanted + c.view(3, 1, 1), wanted, 0.5)) for c in (brightness, colour)]
    assert flat[0] == pytest.approx(0.1 / 3, rel=1e-2)
    assert flat[1] == pytest.approx(2 * float((opponent()[1:] @ colour).abs().sum()) / 3, rel=2e-2)
    checks = 0.1 * (torch.arange(32) % 2 * 2 - 1)
    assert float(reconstruction_loss(wanted + checks, wanted, 0.5)) > 1.5 * float(
        reconstruction_loss(wanted + checks, wanted, 0.0)
    )


@pytest.mark.parametrize("cells", [(1, 0), (0, -1), (2, 1)])
def test_a_shift_by_whole_cells_is_a_roll_inside(cells: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 4, 6, 8)
    dx, dy = cells
    made = shift(x, torch.tensor([[dx / 8, dy / 6]]).expand(2, 2))
    wanted = x.roll((dy, dx), (3, 4))
    torch.testing.assert_close(made[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], atol=1e-5, rtol=0)


def test_latents_and_pictures_shift_by_the_same_part_of_the_picture() -> None:
    ramp = torch.arange(32.0).expand(1, 1, 3, 32, 32).contiguous()
    pooled = torch.nn.functional.avg_pool2d(ramp[0], 8)[None]
    cells = torch.tensor([[0.5 / 4, 0.0]])
    picture, latents = shift(ramp, cells), shift(pooled, cells)
    torch.testing.assert_close(picture[..., 16], torch.full((1, 1, 3, 32), 12.0))  # half a cell is 4 pixels
    torch.testing.assert_close(latents[..., 2], pooled[..., 2] - 4)


def test_each_sample_of_a_batch_shifts_its_own_way() -> None:
    x = torch.randn(2, 3, 1, 6, 8)
    made = shift(x, torch.tensor([[0.0, 0.0], [1 / 8, 0.0]]))
    torch.testing.assert_close(made[0], x[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(made[1, ..., 1:], x[1, ..., :-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_loss_draws_everything_from_its_generator(small_vae: TinyVAE, video: Tensor, share: float) -> None:
    loss = loss_of(replace(SETTINGS, shift_share=share))
    values = [loss(small_vae, video, torch.Generator().manual_seed(seed))[0].item() for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_the_fitting_video_holds_whole_latent_frames_only() -> None:
    made = start_video(SETTINGS, seed=0, num_batches=1)
    assert made.shape == (4, 4, 3, 32, 32)
    assert 0 <= float(made.min()) < float(made.max()) <= 1


def test_measured_statistics_normalise_the_latents(small_vae: TinyVAE) -> None:
    mean, std = measure_latents(small_vae, range(2), 5, side=32)
    config = replace(small_vae.config, latents_mean=mean, latents_std=(std,) * len(mean))
    normalising = TinyVAE(config)
    normalising.load_state_dict(small_vae.state_dict())
    clips = [torch.from_numpy(make_clip(seed, 5, 32, 32).frames).permute(0, 3, 1, 2)[None] for seed in range(2)]
    with torch.no_grad():
        latents = torch.cat([normalising.encode(clip.float() / 255) for clip in clips]).transpose(0, 1).flatten(1)
    assert latents.mean(1).abs().max() < 1e-3
    assert float(latents.std()) == pytest.approx(1, abs=1e-2)
