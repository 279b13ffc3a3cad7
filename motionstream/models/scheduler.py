"""Rectified flow's clock: times and timesteps shifted by k, `t' = k t / (1 + (k-1) t)`, and scheduler_config.json."""

from collections.abc import Mapping
from typing import Any

from motionstream.errors import CheckpointError, InputError

NUM_TRAIN_TIMESTEPS = 1000
"""A timestep is a time in [0, 1] multiplied by this; 1000 is pure noise."""


def shift_time(time: float, shift: float) -> float:
    """Moves a time in [0, 1] towards noise: larger pictures need more of the steps there."""
    return shift * time / (1 + (shift - 1) * time)


def shifted_timesteps(num_inference_steps: int, shift: float) -> tuple[float, ...]:
    """Falling timesteps of a sampler with evenly spaced, then shifted, times; the final 0 is left out.

    Indices 0, 16 and 32 of 50 steps at shift 6 are the student's 1000, 927 and 771.

    Raises:
        InputError: fewer than one step, or a shift that is not positive.
    """
    if num_inference_steps < 1 or shift <= 0:
        raise InputError(f"Wanted at least one step and a positive shift, got {num_inference_steps} and {shift}.")
    times = (1 - step / num_inference_steps for step in range(num_inference_steps))
    return tuple(NUM_TRAIN_TIMESTEPS * shift_time(time, shift) for time in times)


def shift_from_json(values: Mapping[str, Any]) -> float:
    """Reads the shift of `scheduler_config.json`: `shift` (flow-match Euler) or `flow_shift` (UniPC, as Wan publishes).

    Raises:
        CheckpointError: neither is there, or it is not a positive number.
    """
    shift = values.get("shift", values.get("flow_shift"))
    if isinstance(shift, bool) or not isinstance(shift, int | float) or not 0 < shift < float("inf"):
        raise CheckpointError(
            f"scheduler_config.json: wanted a positive 'shift' or 'flow_shift', got {shift!r}. Wan 2.1 was trained "
            "with 3 at 480p and 5 at 720p; MotionStream's student uses 6."
        )
    return float(shift)


def shift_to_json(shift: float) -> dict[str, Any]:
    """Values of `scheduler_config.json` that diffusers reads too."""
    return {
        "_class_name": "FlowMatchEulerDiscreteScheduler",
        "num_train_timesteps": NUM_TRAIN_TIMESTEPS,
        "shift": shift,
    }
