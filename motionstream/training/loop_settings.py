"""The settings that every stage's loop shares."""

from dataclasses import dataclass

from motionstream.training.trainee import TraineeSettings


@dataclass(frozen=True, kw_only=True)
class LoopSettings(TraineeSettings):
    """What every stage's loop shares, and how its first network is trained.

    Rates follow warm-up, constant, linear cool-down, so a run can be extended.

    Attributes:
        steps: Steps to end at.
        warmup_steps: Over which rates rise.
        cooldown_share: Of all steps, over which they fall to zero.
        accumulate: Batches of an update; their gradients' mean counts.
        autocast: Whether the forward pass computes in bfloat16.
        log_every: Steps between two rows of the curve.
        save_every: Steps between two saved states.
    """

    steps: int
    warmup_steps: int = 100
    cooldown_share: float = 0.25
    accumulate: int = 1
    autocast: bool = True
    log_every: int = 20
    save_every: int = 200

    def schedule(self, step: int) -> float:
        """Returns what part of its constant rate a step has, from 0 to `steps` exclusive."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        cooldown = max(1.0, self.steps * self.cooldown_share)
        return warm * min(1.0, max(self.steps - step, 0) / cooldown)

    def rate(self, step: int) -> float:
        """Returns the first network's learning rate of a step."""
        return self.learning_rate * self.schedule(step)
