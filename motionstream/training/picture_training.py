"""What is asked of a network that makes pictures, by regression and by a discriminator that is trained beside it.

Both autoencoder stages use it: the embedded one that learns its latents (`tiny_vae`), and the small decoder that
learns to read those of a full autoencoder (`tiny_decoder`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.training.feature_loss import feature_loss
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss, Run, Step
from motionstream.training.patch_gan import DISCRIMINATOR, PatchDiscriminator, hinge_loss, pull
from motionstream.training.pixel_loss import reconstruction_loss
from motionstream.training.trainee import Trainee, TraineeSettings


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """Weights of what is asked of a picture.

    Attributes:
        gradient_weight: Of the error of the pixels' differences, beside the error of the pixels.
        feature_weight: Of the features' distance, see `feature_loss`.
        adversarial_weight: Of the discriminator: its pull at the pixels as a part of that of all other errors. 0
            leaves it out.
        discriminator_start: Step from which the discriminator is trained: before, it would learn to know what the
            network will leave behind anyway.
        discriminator_lead: Steps that it is trained for before it is listened to.
        discriminator_rate: Its learning rate.
        discriminator_width: Channels of its first layer.
    """

    gradient_weight: float = 0.5
    feature_weight: float = 0.1
    adversarial_weight: float = 0.0
    discriminator_start: int = 200
    discriminator_lead: int = 50
    discriminator_rate: float = 2e-4
    discriminator_width: int = 32

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return self.adversarial_weight > 0


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a network made of a batch.

    Attributes:
        made: The video, neither clamped nor rounded.
        wanted: The video that it should be.
        real: Videos as they are, for the discriminator to compare with; not always what is wanted.
        rest: What else the network is to make small.
        numbers: To log.
    """

    made: Float[Tensor, "b t 3 h w"]
    wanted: Float[Tensor, "b t 3 h w"]
    real: Float[Tensor, "b t 3 h w"]
    rest: Float[Tensor, ""]
    numbers: Numbers


Try = Callable[[nn.Module, Any, torch.Generator], Attempt]
"""attempt(network, batch, generator) -> what it made of the batch."""


class PictureDistance(Protocol):
    """A perceptual distance of two videos, such as LPIPS."""

    def __call__(self, made: Float[Tensor, "b t 3 h w"], wanted: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, ""]:
        """Returns a distance that can be differentiated."""
        ...


@dataclass(frozen=True)
class PictureTraining:
    """A stage that makes pictures.

    Attributes:
        attempt: What the network makes of a batch.
        settings: Weights of the losses.
        distance: One more, with weight 1.
    """

    attempt: Try
    settings: PictureSettings
    distance: PictureDistance | None = None

    def beside(self, seed: int, device: torch.device | str) -> dict[str, Trainee]:
        """Returns the discriminator, if there is one, as the run wants it."""
        if not self.settings.is_adversarial:
            return {}
        torch.manual_seed(seed)
        discriminator = PatchDiscriminator(self.settings.discriminator_width).to(device)
        return {DISCRIMINATOR: Trainee(discriminator, TraineeSettings(learning_rate=self.settings.discriminator_rate))}

    @property
    def step(self) -> Step:
        """One step of the run: an update of the network, then one of the discriminator on the same pictures."""

        def step(run: Run, batches: Iterator[Any]) -> Numbers:
            s, seen = self.settings, list[tuple[Tensor, Tensor]]()
            if not s.is_adversarial or run.step < s.discriminator_start:
                return run.update(batches, self.loss())
            heard = run.step >= s.discriminator_start + s.discriminator_lead
            judge = run.beside[DISCRIMINATOR].module
            numbers = run.update(batches, self.loss(judge if heard else None, seen))
            return {**numbers, **run.update(iter(seen), discriminator_loss, DISCRIMINATOR)}

        return step

    def loss(self, judge: nn.Module | None = None, seen: list[tuple[Tensor, Tensor]] | None = None) -> Loss:
        """Returns the network's loss.

        Args:
            judge: The discriminator, where it is listened to.
            seen: Gets what is real and what was made, for the discriminator to be trained on.
        """

        def loss(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, Numbers]:
            attempt = self.attempt(model, batch, generator)
            if seen is not None:
                seen.append((attempt.real, attempt.made.detach()))
            value, numbers = self._errors(attempt)
            total = value + attempt.rest
            if judge is not None:
                drawing, verdict = pull(judge, attempt.made, value, self.settings.adversarial_weight)
                total, numbers = total + drawing, {**numbers, "verdict": verdict}
            return total, {**numbers, **attempt.numbers, "psnr": psnr(attempt.made, attempt.wanted)}

        return loss

    def _errors(self, attempt: Attempt) -> tuple[Tensor, Numbers]:
        made, wanted, s = attempt.made, attempt.wanted, self.settings
        value, numbers = reconstruction_loss(made, wanted, s.gradient_weight), dict[str, Tensor | float]()
        if s.feature_weight:
            numbers["feature"] = feature_loss(made, wanted)
            value = value + s.feature_weight * numbers["feature"]
        if self.distance is not None:
            numbers["distance"] = self.distance(made, wanted)
            value = value + numbers["distance"]
        return value, numbers


def discriminator_loss(
    judge: nn.Module, seen: tuple[Tensor, Tensor], generator: torch.Generator
) -> tuple[Tensor, Numbers]:
    """The discriminator's loss on pictures that are real and on pictures that were made."""
    real, fake = (judge(video).float() for video in seen)
    return hinge_loss(real, fake), {"real": real.mean(), "fake": fake.mean()}


@torch.no_grad()
def psnr(made: Float[Tensor, "b t 3 h w"], wanted: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, ""]:
    """Returns the peak signal-to-noise ratio in dB of what is shown: values beyond [0, 1] are clamped."""
    return -10 * torch.log10((made.float().clamp(0, 1) - wanted).square().mean())
