import pytest
import torch
from torch import Tensor

from motionstream.training.patch_gan import PatchDiscriminator, hinge_loss, pull


@pytest.fixture
def judge() -> PatchDiscriminator:
    torch.manual_seed(0)
    return PatchDiscriminator(8)


def video(seed: int, num_frames: int = 5, side: int = 64) -> Tensor:
    return torch.rand(2, num_frames, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_a_verdict_for_every_patch_of_every_frame_that_has_both_neighbours(judge: PatchDiscriminator) -> None:
    assert judge(video(0)).shape == (2, 3, 8, 8)


def test_a_verdict_knows_54_pixels_and_three_frames(judge: PatchDiscriminator) -> None:
    clip = video(0, 7, 96).requires_grad_()
    judge(clip)[0, 2, 6, 6].backward()
    assert clip.grad is not None
    seen = clip.grad[0].abs().sum(1)
    assert seen.sum((1, 2)).nonzero().flatten().tolist() == [2, 3, 4]
    assert len(seen.sum((0, 1)).nonzero()) == len(seen.sum((0, 2)).nonzero()) == 54


def test_verdicts_change_less_than_the_picture_whatever_the_weights(judge: PatchDiscriminator) -> None:
    with torch.no_grad():
        for name, parameter in judge.named_parameters():
            if name.endswith("original"):
                parameter.mul_(100)
        before = judge(video(0))
        for _ in range(20):  # the norms are found step by step
            judge(video(0))
        assert float(judge(video(0)).std()) < 5
    assert before.isfinite().all()


def test_it_learns_to_tell_flicker_that_no_single_frame_shows(judge: PatchDiscriminator) -> None:
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, betas=(0.5, 0.9))
    for step in range(40):
        steady = video(step)[:, :1].expand(-1, 5, -1, -1, -1)
        loss = hinge_loss(judge(steady), judge(video(step + 1000)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        steady = video(5000)[:, :1].expand(-1, 5, -1, -1, -1)
        assert judge(steady).mean() > judge(video(6000)).mean() + 0.5


def test_the_hinge_asks_for_no_more_than_one_on_either_side() -> None:
    assert float(hinge_loss(torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -9.0]))) == 0
    assert float(hinge_loss(torch.tensor([0.0]), torch.tensor([0.5, 0.5]))) == 0.5 * (1 + 1.5)


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_the_pull_has_its_part_of_the_loss_s_gradient_and_the_direction_of_better_verdicts(
    judge: PatchDiscriminator, weight: float
) -> None:
    judge.eval()
    made, wanted = video(1).requires_grad_(), video(2)
    loss = 7 * (made - wanted).abs().mean()
    (own,) = torch.autograd.grad(loss, made, retain_graph=True)
    drawing, verdict = pull(judge, made, loss, weight)
    assert drawing.item() == 0
    assert verdict.item() == pytest.approx(judge(made).mean().item())
    (drawn,) = torch.autograd.grad(drawing, made)
    assert float(drawn.norm()) == pytest.approx(weight * float(own.norm()), rel=1e-4)
    assert judge(made - 0.05 * drawn / drawn.abs().max()).mean() > verdict
    assert all(parameter.grad is None for parameter in judge.parameters())
