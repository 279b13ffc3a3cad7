"""Joint guidance: how far a teacher's prediction is pushed towards the prompt and towards the tracks (paper, eq. 4).

The definition, with w_t and w_m the weights of text and motion and a = w_t / (w_t + w_m)::

    v = a v(0, c_m) + (1 - a) v(c_t, 0)  +  w_t [v(c_t, c_m) - v(0, c_m)]  +  w_m [v(c_t, c_m) - v(c_t, 0)]

The factors of the three predictions add up to 1, so the same formula holds for velocities and for clean samples, which
at a given time are the same up to a common shift and scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import InputError
from motionstream.models.scheduler import NUM_TRAIN_TIMESTEPS
from motionstream.models.wan.transformer import WanTransformer


@dataclass(frozen=True, kw_only=True)
class JointGuidance:
    """Weights of the two guidances; one that is 0 costs no evaluation of the network, nor do both.

    Attributes:
        text: w_t.
        motion: w_m.
    """

    text: float = 3.0
    motion: float = 1.5

    def __post_init__(self) -> None:
        if not (self.text >= 0 and self.motion >= 0):
            raise InputError(f"Guidance weights: wanted 0 or more, got text {self.text} and motion {self.motion}.")

    @property
    def factors(self) -> tuple[float, float, float]:
        """Factors of the prediction with both, without the prompt and without the tracks; they add up to 1."""
        if not self.text + self.motion:
            return 1.0, 0.0, 0.0
        share = self.text / (self.text + self.motion)
        return self.text + self.motion, share - self.text, 1 - share - self.motion

    @property
    def num_evaluations(self) -> int:
        """Evaluations of the network for one guided prediction."""
        return 1 + (self.text > 0) + (self.motion > 0)


@dataclass(frozen=True)
class ClipCondition:
    """What a teacher is told of whole clips, and the same without the prompt and without the tracks.

    Attributes:
        told: channels behind the noisy latents: image condition, then encoded tracks.
        motionless: the same without tracks.
        prompt_embeds: of the prompts.
        unprompted: of the empty prompt.
        first_latent: latent frame 0, given by the picture.
    """

    told: Float[Tensor, "b m f h w"]
    motionless: Float[Tensor, "b m f h w"]
    prompt_embeds: Float[Tensor, "b s d"]
    unprompted: Float[Tensor, "b s d"]
    first_latent: Float[Tensor, "b c h w"]


def predict_clean(
    transformer: WanTransformer,
    noisy: Float[Tensor, "b c f h w"],
    times: Float[Tensor, b],
    condition: Float[Tensor, "b m f h w"],
    prompt_embeds: Float[Tensor, "b s d"],
) -> Float[Tensor, "b c f h w"]:
    """Predicts the clean latents of whole clips, every latent frame attending every other.

    Args:
        transformer: A teacher or a critic.
        noisy: `(1 - times) x0 + times noise`.
        times: In (0, 1].
        condition: Channels behind the noisy latents.
        prompt_embeds: Of the prompts.

    Returns:
        float32.
    """
    joined = torch.cat([noisy.to(condition.dtype), condition], dim=1)
    made = transformer(joined, (times * NUM_TRAIN_TIMESTEPS).to(joined.device), prompt_embeds).float()
    return transformer.clean(made, noisy, times.to(noisy.device).view(-1, 1, 1, 1, 1))


def guided_clean(
    transformer: WanTransformer,
    noisy: Float[Tensor, "b c f h w"],
    times: Float[Tensor, b],
    condition: ClipCondition,
    guidance: JointGuidance,
) -> Float[Tensor, "b c f h w"]:
    """Predicts the clean latents of whole clips under joint guidance, in up to three evaluations."""
    branches = (
        (condition.told, condition.prompt_embeds, True),
        (condition.told, condition.unprompted, guidance.text > 0),
        (condition.motionless, condition.prompt_embeds, guidance.motion > 0),
    )
    guided = torch.zeros_like(noisy)
    for factor, (told, prompt_embeds, wanted) in zip(guidance.factors, branches, strict=True):
        if wanted:
            guided = guided + factor * predict_clean(transformer, noisy, times, told, prompt_embeds)
    return guided
