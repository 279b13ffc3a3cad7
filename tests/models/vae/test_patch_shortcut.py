from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from motionstream.models.vae.patch_shortcut import PatchShortcut
from motionstream.models.vae.protocol import StreamState
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.tiny_config import TinyVAEConfig

CHANNELS = 5
CONFIG = replace(
    TinyVAEConfig.embedded(encoder_channels=8, decoder_channels=(8, 8, 8, 8), blocks_per_stage=1),
    latent_channels=CHANNELS,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def low_rank_video(rank: int) -> Tensor:
    """Frames `b t 3 h w` whose 4-frame blocks of 4x4 pixels are mixtures of `rank` patterns around a mean."""
    patterns, mean = noise(rank, 3 * 4 * 16), noise(3 * 4 * 16, seed=1)
    blocks = noise(2 * 2 * 3 * 4, rank, seed=2) @ patterns + mean
    folded = blocks.view(4, 3, 4, -1).permute(0, 3, 1, 2)
    frames = nn.functional.pixel_shuffle(folded, 4)
    return frames.unflatten(0, (2, 2)).unflatten(2, (4, 3)).flatten(1, 2)


def fitted(video: Tensor, channels: int, equalise: float) -> PatchShortcut:
    shortcut = PatchShortcut(channels, 4, 4)
    shortcut.start_at_components(shortcut.fold(video).permute(0, 2, 3, 1).flatten(0, 2), equalise)
    return shortcut


@pytest.mark.parametrize("equalise", [0.0, 0.5, 1.0])
@torch.no_grad()
def test_data_of_no_higher_rank_than_the_latents_is_rebuilt_exactly(equalise: float) -> None:
    video = low_rank_video(rank=CHANNELS)
    shortcut = fitted(video, CHANNELS, equalise)
    torch.testing.assert_close(shortcut.decode(shortcut.encode(video)), video, atol=1e-4, rtol=0)


@torch.no_grad()
def test_what_does_not_fit_into_the_latents_is_lost_as_in_the_best_linear_code() -> None:
    video = low_rank_video(rank=CHANNELS + 3)
    shortcut = fitted(video, CHANNELS, 0.5)
    blocks = shortcut.fold(video).permute(0, 2, 3, 1).flatten(0, 2)
    lost = torch.linalg.svdvals(blocks - blocks.mean(0))[CHANNELS:].square().sum()
    assert lost > 1
    torch.testing.assert_close(
        (shortcut.decode(shortcut.encode(video)) - video).square().sum(), lost, rtol=1e-3, atol=0
    )


@torch.no_grad()
def test_equalising_whitens_the_components_and_keeps_the_whole_spread_at_one() -> None:
    video = low_rank_video(rank=40)
    spreads = []
    for equalise in (0.0, 0.5, 1.0):
        latents = fitted(video, CHANNELS, equalise).encode(video).transpose(0, 1).flatten(1)
        assert latents.mean(1).abs().max() < 1e-4
        spread = latents.square().mean(1).sqrt()
        if equalise in (0.0, 1.0):
            torch.testing.assert_close(spread.square().mean(), torch.tensor(1.0), rtol=1e-3, atol=0)
        spreads.append(float(spread.max() / spread.min()))
    assert spreads[0] > spreads[1] > spreads[2]
    assert spreads[1] == pytest.approx(spreads[0] ** 0.5, rel=1e-3)
    assert spreads[2] == pytest.approx(1.0, rel=1e-3)


@torch.no_grad()
def test_a_latent_cell_speaks_for_its_own_block_of_pixels_in_its_own_four_frames() -> None:
    shortcut, latents = PatchShortcut(CHANNELS, 4, 4), torch.zeros(2, CHANNELS, 3, 2, 5)
    still = shortcut.decode(latents)
    latents[1, :, 2, 1, 3] = 1
    changed = ((shortcut.decode(latents) - still).abs().sum(2) > 1e-6).nonzero()
    assert changed.amin(0).tolist() == [1, 8, 4, 12]
    assert changed.amax(0).tolist() == [1, 11, 7, 15]


def streaming_vae() -> TinyVAE:
    torch.manual_seed(0)
    vae = TinyVAE(CONFIG)
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return vae.eval()


@pytest.mark.parametrize("sizes", [[9, 12, 12], [1, 4, 28]])
@torch.inference_mode()
def test_streaming_equals_the_whole_clip_with_the_shortcut_on(sizes: list[int]) -> None:
    vae, video = streaming_vae(), torch.rand(2, 33, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    whole = vae.encode_raw(video)
    encoder_state: StreamState | None = None
    decoder_state: StreamState | None = None
    encoded, decoded = [], []
    for part in video.split(sizes, dim=1):
        latents, encoder_state = vae.encode_chunk_raw(part, encoder_state)
        frames, decoder_state = vae.decode_chunk_raw(latents, decoder_state)
        encoded.append(latents)
        decoded.append(frames)
    assert torch.cat(decoded, 1).shape == video.shape
    for made, wanted in ((torch.cat(encoded, 2), whole), (torch.cat(decoded, 1), vae.decode_raw(whole))):
        assert (made - wanted).abs().max() < 1e-5 * wanted.std()


@torch.inference_mode()
def test_the_shortcut_is_part_of_both_directions() -> None:
    vae, video = streaming_vae(), torch.rand(1, 5, 3, 16, 16)
    latents = vae.encode_raw(video)
    frames = vae.decode_raw(latents)
    assert vae.shortcut is not None
    vae.shortcut.project.weight.zero_()
    vae.shortcut.expand.weight.zero_()
    assert not torch.allclose(vae.encode_raw(video), latents)
    assert not torch.allclose(vae.decode_raw(latents), frames)


def test_public_layouts_have_no_shortcut() -> None:
    with torch.device("meta"):
        names = TinyVAE(TinyVAEConfig.taew2_1()).state_dict()
    assert not any(name.startswith("shortcut") for name in names)
