import pytest
import torch
from torch import Tensor

from motionstream.models.dense_latents import dense_latents
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.tiny_config import TinyVAEConfig

STRIDE = 8


@pytest.fixture
def vae() -> TinyVAE:
    """A linear autoencoder: a latent cell depends on its own block of pixels alone."""
    torch.manual_seed(0)
    return TinyVAE(TinyVAEConfig.linear(latent_channels=5)).eval()


def pictures() -> Tensor:
    return torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(0))


def encoded(vae: TinyVAE, pixels: Tensor) -> Tensor:
    return vae.encode(pixels[:, None])[:, :, 0]


@pytest.mark.parametrize("density", [1, 2, 4, 8])
@torch.inference_mode()
def test_a_grid_of_points_lies_over_the_whole_picture_edges_included(vae: TinyVAE, density: int) -> None:
    dense = dense_latents(vae, pictures(), density)
    assert dense.shape == (2, 5, 3 * density + 1, 5 * density + 1)


@pytest.mark.parametrize("density", [2, 4, 8])
@torch.inference_mode()
def test_the_centres_of_the_cells_hold_the_picture_s_own_latents(vae: TinyVAE, density: int) -> None:
    dense = dense_latents(vae, pictures(), density)
    centres = dense[..., density // 2 :: density, density // 2 :: density]
    torch.testing.assert_close(centres, encoded(vae, pictures()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (3, 2), (2, 3)])
@torch.inference_mode()
def test_the_points_between_hold_the_latents_of_the_shifted_picture(vae: TinyVAE, down: int, right: int) -> None:
    density, step = 4, STRIDE // 4
    dense = dense_latents(vae, pictures(), density)
    shifted = pictures()[..., down * step : down * step + 16, right * step : right * step + 32]
    between = dense[..., 2 + down : 2 + down + 8 : density, 2 + right : 2 + right + 16 : density]
    torch.testing.assert_close(between, encoded(vae, shifted), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_beyond_the_border_the_picture_goes_on_as_it_ends(vae: TinyVAE) -> None:
    flat = torch.rand(1, 3, 1, 1).expand(1, 3, 24, 40).contiguous()
    dense = dense_latents(vae, flat, 4)
    torch.testing.assert_close(dense, dense[..., :1, :1].expand_as(dense), atol=1e-5, rtol=1e-5)


def test_a_density_that_does_not_divide_the_stride_is_refused(vae: TinyVAE) -> None:
    with pytest.raises(ValueError, match="must divide the autoencoder's stride 8, got 3"):
        dense_latents(vae, pictures(), 3)
