import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from motionstream.models.derivative_filters import derivative_filters
from motionstream.training.feature_loss import feature_loss


@pytest.fixture
def texture() -> Tensor:
    """Frames of noise that is smooth over a few pixels, and so are its edges."""
    noise = torch.rand(2, 3, 3, 36, 36, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(noise.flatten(0, 1), 3, 1).view(2, 3, 3, 34, 34)


def test_equal_videos_are_at_no_distance_and_a_blank_one_at_about_one(texture: Tensor) -> None:
    assert float(feature_loss(texture, texture)) == pytest.approx(0, abs=1e-5)
    blank = texture.mean((3, 4), keepdim=True).expand_as(texture)
    assert 0.6 < float(feature_loss(blank, texture)) < 1.1


def test_filters_see_no_flat_colour_and_each_its_own_direction() -> None:
    filters = derivative_filters(4, 2, 0.9)
    torch.testing.assert_close(filters.sum((2, 3)), torch.zeros(len(filters), 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(filters.square().sum((1, 2, 3)), torch.ones(len(filters)))
    stripes = torch.sin(torch.arange(20.0)).expand(1, 1, 20, 20)
    across, along = (F.conv2d(picture, filters[:1]).abs().max() for picture in (stripes, stripes.mT.contiguous()))
    assert across > 0.3
    assert along < 1e-5


def test_a_lost_texture_costs_more_than_one_that_is_shifted_by_a_pixel_though_regression_says_otherwise() -> None:
    noise = torch.rand(1, 1, 1, 33, 33, generator=torch.Generator().manual_seed(0)).expand(-1, -1, 3, -1, -1)
    wanted, shifted = noise[..., 1:], noise[..., :-1]
    blank = torch.full_like(wanted, 0.5)
    assert (blank - wanted).square().mean() < (shifted - wanted).square().mean()
    assert feature_loss(blank, wanted) > 1.5 * feature_loss(shifted, wanted)


def test_the_same_error_counts_more_where_the_picture_is_calm(texture: Tensor) -> None:
    error = 0.02 * torch.randn(texture.shape, generator=torch.Generator().manual_seed(1))
    calm = 0.5 + 0.1 * (texture - 0.5)
    assert feature_loss(calm + error, calm) > 2 * feature_loss(texture + error, texture)


def test_it_leads_back_to_the_wanted_picture_and_never_breaks_at_it(texture: Tensor) -> None:
    made = texture.clone().requires_grad_()
    feature_loss(made, texture).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert made.grad.isfinite().all()
    lost = F.avg_pool2d(texture.flatten(0, 1), 5, 1, 2).view_as(texture).requires_grad_()
    optimizer, values = torch.optim.Adam([lost], lr=0.01), []
    for _ in range(30):
        value = feature_loss(lost, texture)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.4 * values[0]


def test_autocast_does_not_blunt_it(texture: Tensor) -> None:
    plain = feature_loss(0.9 * texture, texture)
    with torch.autocast("cpu", torch.bfloat16):
        assert feature_loss(0.9 * texture, texture).item() == pytest.approx(plain.item(), rel=1e-5)
