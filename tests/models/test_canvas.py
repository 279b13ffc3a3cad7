"""The canvas: small errors are forgotten, real changes stay."""

import pytest
import torch
from torch import Tensor

from motionstream.models.canvas import CHANGE, PLACE_PIXELS, renew


def picture(height: int = 16, width: int = 24) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


def test_small_errors_of_many_chunks_do_not_add_up() -> None:
    given = canvas = picture()
    draw = torch.Generator().manual_seed(1)
    for _ in range(200):
        fading = 0.97 * canvas + 0.01 * torch.randn(canvas.shape, generator=draw)
        canvas = renew(canvas, fading)
    assert torch.equal(canvas, given)


def test_what_has_really_changed_is_renewed_by_whole_squares_and_nothing_else() -> None:
    canvas, frame = picture(), picture()
    frame[:, 5:7, 9:11] += 0.5  # inside the square of rows 4..7 and columns 8..11
    made = renew(canvas, frame)
    assert torch.equal(made, frame)
    frame = frame + 0.01
    made = renew(canvas, frame)
    inside = (slice(None), slice(4, 8), slice(8, 12))
    assert torch.equal(made[inside], frame[inside])
    made[inside] = canvas[inside]
    assert torch.equal(made, canvas)


@pytest.mark.parametrize(("difference", "renewed"), [(0.99 * CHANGE, False), (1.01 * CHANGE, True)])
def test_the_mean_difference_of_a_square_decides(difference: float, renewed: bool) -> None:
    canvas = picture()
    assert torch.equal(renew(canvas, canvas + difference), canvas + difference if renewed else canvas)
    speck = canvas.clone()
    speck[:, 0, 0] += difference * PLACE_PIXELS**2  # the same mean, all of it in one pixel
    assert torch.equal(renew(canvas, speck), speck if renewed else canvas)


def test_a_size_that_squares_do_not_divide_is_renewed_to_its_edge() -> None:
    canvas = torch.zeros(3, 10, 13)
    assert torch.equal(renew(canvas, torch.ones(3, 10, 13)), torch.ones(3, 10, 13))
