"""Wan's autoencoder behind the protocol: the random tiny configuration of diffusers' real network."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from motionstream.errors import CheckpointError
from motionstream.models.vae.wan import WanVAE


def tiny_wan(*, second_generation: bool) -> AutoencoderKLWan:
    """Returns a random autoencoder of Wan 2.1's or, with residual shortcuts and patches, of Wan 2.2's kind."""
    torch.manual_seed(0)
    extra = {"is_residual": True, "patch_size": 2, "in_channels": 12, "out_channels": 12} if second_generation else {}
    return AutoencoderKLWan(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[0.5, 2.0, 1.0, 1.5],
        **extra,
    ).eval()


@pytest.fixture(params=[False, True], ids=["wan 2.1", "wan 2.2"])
def vae(request: pytest.FixtureRequest) -> WanVAE:
    return WanVAE(tiny_wan(second_generation=request.param))


def video(vae: WanVAE, num_frames: int, seed: int = 1) -> Tensor:
    stride = vae.spatial_stride
    return torch.rand(1, num_frames, 3, stride, 2 * stride, generator=torch.Generator().manual_seed(seed))


def latents(num_frames: int, seed: int = 2) -> Tensor:
    return torch.randn(1, 4, num_frames, 2, 3, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_strides_and_shapes_follow_the_configuration(vae: WanVAE) -> None:
    assert vae.temporal_stride == 4
    assert vae.spatial_stride == 8 * (vae.vae.config.patch_size or 1)
    z = vae.encode(video(vae, 5))
    assert z.shape == (1, 4, 2, 1, 2)
    assert vae.decode(z).shape == (1, 5, 3, vae.spatial_stride, 2 * vae.spatial_stride)


@torch.inference_mode()
def test_encoding_gives_the_normalised_mean_of_diffusers_posterior(vae: WanVAE) -> None:
    clip = video(vae, 17)
    reference = vae.vae.encode(clip.transpose(1, 2) * 2 - 1).latent_dist.mode()
    mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in ([0.1, -0.2, 0.3, 0.0], [0.5, 2.0, 1.0, 1.5]))
    torch.testing.assert_close(vae.encode(clip), (reference - mean) / std, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_decoding_gives_diffusers_video_though_several_frames_run_at_once(vae: WanVAE) -> None:
    z = latents(6)
    mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in ([0.1, -0.2, 0.3, 0.0], [0.5, 2.0, 1.0, 1.5]))
    reference = vae.vae.decode(z * std + mean).sample.transpose(1, 2) / 2 + 0.5
    assert reference.std() > 0.01
    torch.testing.assert_close(vae.decode(z), reference, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_decoding_chunk_by_chunk_gives_the_whole_clip(vae: WanVAE) -> None:
    z, state, parts = latents(8), None, []
    for chunk in z.split([3, 1, 2, 2], dim=2):
        part, state = vae.decode_chunk(chunk, state)
        parts.append(part)
    assert [part.shape[1] for part in parts] == [9, 4, 8, 8]
    torch.testing.assert_close(torch.cat(parts, 1), vae.decode(z), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_encoding_chunk_by_chunk_gives_the_whole_clip(vae: WanVAE) -> None:
    clip, state, parts = video(vae, 21), None, []
    for chunk in clip.split([1, 8, 4, 8], dim=1):
        part, state = vae.encode_chunk(chunk, state)
        parts.append(part)
    assert [part.shape[2] for part in parts] == [1, 2, 1, 2]
    torch.testing.assert_close(torch.cat(parts, 2), vae.encode(clip), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_interleaved_sessions_and_a_restored_snapshot_do_not_disturb_each_other(vae: WanVAE) -> None:
    ours, theirs = latents(5, seed=3), latents(5, seed=4)
    _, snapshot = vae.decode_chunk(ours[:, :, :2], None)
    _, their_state = vae.decode_chunk(theirs[:, :, :3], None)
    first, _ = vae.decode_chunk(ours[:, :, 2:], snapshot)
    their_part, _ = vae.decode_chunk(theirs[:, :, 3:], their_state)
    again, _ = vae.decode_chunk(ours[:, :, 2:], snapshot)
    assert torch.equal(first, again)
    torch.testing.assert_close(first, vae.decode(ours)[:, 5:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(their_part, vae.decode(theirs)[:, 9:], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_it_loads_from_a_folder_in_diffusers_layout(tmp_path: Path) -> None:
    original = tiny_wan(second_generation=False)
    original.save_pretrained(tmp_path / "vae")
    loaded = WanVAE.from_pretrained(str(tmp_path), subfolder="vae")
    assert torch.equal(loaded.decode(latents(2)), WanVAE(original).decode(latents(2)))


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=tmp_path.name):
        WanVAE.from_pretrained(str(tmp_path))


def test_a_wrong_number_of_frames_says_what_was_wanted(vae: WanVAE) -> None:
    with pytest.raises(ValueError, match="starts with 1 \\+ 4k video frames, got 4"):
        vae.encode(video(vae, 4))
