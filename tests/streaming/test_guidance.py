"""Joint guidance against its definition in float64, and the teacher's ODE against a closed form."""

from typing import Any

import pytest
import torch
from torch import Tensor

from motionstream.errors import InputError
from motionstream.models.scheduler import shifted_timesteps
from motionstream.models.wan import WanConfig, WanTransformer
from motionstream.streaming.clip_sampler import sample_clip
from motionstream.streaming.guidance import ClipCondition, JointGuidance, guided_clean, predict_clean

CONFIG = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=3,
    out_channels=3,
    text_dim=5,
    freq_dim=16,
    ffn_dim=32,
    num_layers=2,
    condition_channels=7,
    track_channels=4,
)


@pytest.fixture
def teacher() -> WanTransformer:
    torch.manual_seed(0)
    return WanTransformer(CONFIG).double().eval()


@pytest.fixture
def condition() -> ClipCondition:
    draw = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    return ClipCondition(
        random(2, 11, 3, 4, 4), random(2, 11, 3, 4, 4), random(2, 6, 5), random(2, 6, 5), random(2, 3, 4, 4)
    )


def test_the_expanded_formula_is_the_paper_s() -> None:
    assert JointGuidance(text=3.0, motion=1.5).factors == pytest.approx((4.5, -7 / 3, -7 / 6))


@pytest.mark.parametrize(("text", "motion"), [(3.0, 1.5), (1.0, 4.0), (5.0, 0.0), (0.0, 2.0)])
def test_the_guided_velocity_is_the_definition(
    teacher: WanTransformer, condition: ClipCondition, text: float, motion: float
) -> None:
    z, times = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64), torch.tensor([0.9, 0.4], dtype=torch.float64)

    def velocity(told: Tensor, prompt: Tensor) -> Tensor:
        return (z - predict_clean(teacher, z, times, told, prompt)) / times.view(-1, 1, 1, 1, 1)

    full = velocity(condition.told, condition.prompt_embeds)
    textless, motionless = (
        velocity(condition.told, condition.unprompted),
        velocity(condition.motionless, condition.prompt_embeds),
    )
    a = text / (text + motion)
    wanted = a * textless + (1 - a) * motionless + text * (full - textless) + motion * (full - motionless)
    guided = guided_clean(teacher, z, times, condition, JointGuidance(text=text, motion=motion))
    torch.testing.assert_close((z - guided) / times.view(-1, 1, 1, 1, 1), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("text", "motion"), [(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (2.0, 2.0)])
def test_a_guidance_that_is_off_costs_nothing(
    teacher: WanTransformer, condition: ClipCondition, text: float, motion: float
) -> None:
    calls: list[Any] = []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    guidance = JointGuidance(text=text, motion=motion)
    z = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64)
    made = guided_clean(teacher, z, torch.full((2,), 0.5), condition, guidance)
    assert len(calls) == guidance.num_evaluations == 1 + bool(text) + bool(motion)
    if not text + motion:
        alone = predict_clean(teacher, z, torch.full((2,), 0.5), condition.told, condition.prompt_embeds)
        torch.testing.assert_close(made, alone)


def test_weights_below_zero_are_refused() -> None:
    with pytest.raises(InputError, match="wanted 0 or more, got text -1"):
        JointGuidance(text=-1.0)


class StraightLines(WanTransformer):
    """A teacher that knows one clip: its ODE is a straight line from any noise to that clip."""

    def __init__(self, target: Tensor) -> None:
        super().__init__(CONFIG)
        self.target = target

    def clean(self, prediction: Tensor, noisy: Tensor, time: float | Tensor) -> Tensor:
        return self.target.expand_as(noisy)


def test_the_ode_s_states_lie_where_rectified_flow_says(condition: ClipCondition) -> None:
    target = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64)
    target[:, :, 0] = condition.first_latent
    teacher = StraightLines(target).double().eval()
    noise, timesteps = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64), shifted_timesteps(12, 6.0)
    made = sample_clip(teacher, condition, timesteps, JointGuidance(), noise, keep=(1000.0, 750.0))
    torch.testing.assert_close(made.clean, target)
    assert torch.equal(made.states[0], noise)
    torch.testing.assert_close(made.states[1], 0.25 * target + 0.75 * noise)


def test_the_given_first_latent_frame_is_where_every_clip_starts(
    teacher: WanTransformer, condition: ClipCondition
) -> None:
    noise = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64)
    made = sample_clip(teacher, condition, shifted_timesteps(3, 6.0), JointGuidance(), noise)
    torch.testing.assert_close(made.clean[:, :, 0], condition.first_latent)
    assert made.states.shape == (0, 2, 3, 3, 4, 4)


def test_a_state_between_the_sampler_s_timesteps_is_refused(teacher: WanTransformer, condition: ClipCondition) -> None:
    with pytest.raises(InputError, match=r"state at timestep 750, but the sampler only comes by 1000, 857"):
        sample_clip(teacher, condition, shifted_timesteps(2, 6.0), JointGuidance(), torch.zeros(2, 3, 3, 4, 4), (750,))
