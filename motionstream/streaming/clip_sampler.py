"""Whole clips from a teacher: its probability-flow ODE, solved by Euler steps under joint guidance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import InputError
from motionstream.models.scheduler import NUM_TRAIN_TIMESTEPS
from motionstream.models.wan.transformer import WanTransformer
from motionstream.streaming.guidance import ClipCondition, JointGuidance, guided_clean


@dataclass(frozen=True)
class Trajectory:
    """A solved ODE.

    Attributes:
        clean: where it ends.
        states: noisy latents at the timesteps that were asked for, in their order.
    """

    clean: Float[Tensor, "b c f h w"]
    states: Float[Tensor, "s b c f h w"]


@torch.no_grad()
def sample_clip(
    transformer: WanTransformer,
    condition: ClipCondition,
    timesteps: tuple[float, ...],
    guidance: JointGuidance,
    noise: Float[Tensor, "b c f h w"],
    keep: tuple[float, ...] = (),
) -> Trajectory:
    """Makes clips from noise.

    Args:
        transformer: The teacher.
        condition: What it is told.
        timesteps: Falling, within (0, 1000], from `shifted_timesteps`; the last step goes on to 0.
        guidance: Weights of prompt and tracks.
        noise: Where the ODE starts; it fixes the result.
        keep: Timesteps of the states to return.

    Raises:
        InputError: A state is asked for at a timestep that is none of the sampler's.
    """
    kept = [_index(timesteps, timestep) for timestep in keep]
    states: list[Tensor] = []
    z = noise
    for time, after in pairwise([timestep / NUM_TRAIN_TIMESTEPS for timestep in (*timesteps, 0.0)]):
        states.append(z)
        clean = guided_clean(transformer, z, torch.full((len(z),), time), condition, guidance)
        clean[:, :, 0] = condition.first_latent
        z = clean + (after / time) * (z - clean)
    return Trajectory(z, torch.stack([states[i] for i in kept]) if kept else noise.new_zeros(0, *noise.shape))


def _index(timesteps: tuple[float, ...], wanted: float) -> int:
    found = [i for i, timestep in enumerate(timesteps) if math.isclose(timestep, wanted, abs_tol=0.5)]
    if not found:
        listed = ", ".join(f"{timestep:.0f}" for timestep in timesteps)
        raise InputError(
            f"Wanted the state at timestep {wanted:g}, but the sampler only comes by {listed}. "
            "Choose a number of steps whose list holds the student's timesteps."
        )
    return found[0]
