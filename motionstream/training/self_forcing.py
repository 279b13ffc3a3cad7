"""Stage `self_forcing`: distribution matching distillation of the student on its own rollouts (paper, section 3.3).

The student streams whole clips by the code of inference (`unroll`). Its gradient is the difference of two scores of
the noised clip: that of the frozen teacher under joint guidance, and that of a critic which is trained beside it,
without guidance, on what the student makes (Yin et al. 2024, equation 7; Huang et al. 2025). Of a true clip only the
first picture, the prompt and the tracks are needed; with `truth_weight` the clip itself is one more, plain target.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.vae.protocol import VideoVAE
from motionstream.streaming.guidance import JointGuidance, guided_clean, predict_clean
from motionstream.training import distributed
from motionstream.training.batch import ClipBatch
from motionstream.training.clip_condition import EncodedMotion, clip_condition
from motionstream.training.flow import add_noise, latent_error, shifted_times, velocity_error
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss, Run, Step
from motionstream.training.networks import Networks
from motionstream.training.unroll import unroll

CRITIC = "critic"
"""The critic's name among a run's trainees."""


@dataclass(frozen=True, kw_only=True)
class SelfForcingSettings:
    """How the student is distilled.

    Attributes:
        guidance: Of the teacher.
        shift: Of the times at which the scores are compared.
        times: The smallest and the largest of them (DMD: 0.02 and 0.98).
        least_time: Of the critic's loss, see `velocity_error`.
        critic_updates: For one update of the student.
        random_memory: Whether each batch draws the sizes of sink and window, up to the stream's; fixed otherwise.
        truth_weight: Of the squared error of the latents against the true clip; 0 in the paper.
    """

    guidance: JointGuidance = field(default_factory=JointGuidance)
    shift: float = 6.0
    times: tuple[float, float] = (0.02, 0.98)
    least_time: float = 0.25
    critic_updates: int = 5
    random_memory: bool = False
    truth_weight: float = 0.0


@dataclass(frozen=True)
class SelfForcing:
    """The stage's losses: both roll the student out.

    Attributes:
        teacher: Frozen, in evaluation mode.
        vae: Of the clips.
        stream: Chunks, memory and timesteps of the student.
        unprompted: The empty prompt's embedding.
        settings: Of the distillation.
        weights: Of the latents' channels, see `channel_weights`.
    """

    teacher: Networks
    vae: VideoVAE
    stream: StreamConfig
    unprompted: Float[Tensor, "s d"]
    settings: SelfForcingSettings
    weights: Float[Tensor, "c"] | None = None

    @property
    def step(self) -> Step:
        """One step of the run: so many updates of the critic, then one of the student."""

        def step(run: Run, batches: Iterator[Any]) -> Numbers:
            student = run.model
            assert isinstance(student, Networks)
            numbers: dict[str, Tensor | float] = {}
            for _ in range(self.settings.critic_updates):
                numbers.update(run.update(batches, self.critic_loss(student), CRITIC))
            critic = run.beside[CRITIC].module
            assert isinstance(critic, Networks)
            numbers.update(run.update(batches, self.student_loss(critic)))
            return numbers

        return step

    def critic_loss(self, student: Networks) -> Loss:
        """Returns the flow-matching error on clips that the student streams."""

        def loss(critic: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
            assert isinstance(critic, Networks)
            with torch.no_grad():
                clean = self.streamed(student, batch, generator)
            times = shifted_times(len(clean), self.settings.shift, generator)
            noise = torch.randn(clean.shape, generator=generator).to(clean.device)
            told = EncodedMotion.of(batch, batch.tracks, critic.track_head.config, self.vae)
            made = _predicted(critic, add_noise(clean, noise, times), times, told, batch)
            return velocity_error(made, clean, times, self.settings.least_time, self.weights), {}

        return loss

    def student_loss(self, critic: Networks) -> Loss:
        """Returns a loss whose gradient at the streamed clips is that of the distribution matching."""

        def loss(student: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
            assert isinstance(student, Networks)
            made = self.streamed(student, batch, generator)
            direction = self.direction(critic, made.detach(), batch, generator)
            # half the square has the direction as its gradient, up to the mean
            matching = 0.5 * latent_error(made, (made - direction).detach(), self.weights).mean()
            truth = latent_error(made, batch.latents, self.weights).mean()
            parts = {"direction": direction.abs().mean(), "truth": truth.detach()}
            return matching + self.settings.truth_weight * truth, parts

        return loss

    def streamed(self, student: Networks, batch: ClipBatch, generator: torch.Generator) -> Float[Tensor, "b c f h w"]:
        """Rolls the student out; the given first latent frame among what it made."""
        stream = self._memory(generator)
        return torch.cat([c.latents for c in unroll(student, batch, stream, self.vae, generator)], dim=2)

    @torch.no_grad()
    def direction(
        self, critic: Networks, made: Float[Tensor, "b c f h w"], batch: ClipBatch, generator: torch.Generator
    ) -> Float[Tensor, "b c f h w"]:
        """Returns the critic's clean clip minus the teacher's, in units of the change that the teacher asks for."""
        low, high = self.settings.times
        times = shifted_times(len(made), self.settings.shift, generator).clamp(low, high)
        noisy = add_noise(made, torch.randn(made.shape, generator=generator).to(made.device), times)
        head = self.teacher.track_head
        told = EncodedMotion.of(batch, batch.tracks, head.config, self.vae)
        condition = clip_condition(head, told, batch, self.vae, self.unprompted)
        real = guided_clean(self.teacher.transformer, noisy, times, condition, self.settings.guidance)
        fake = _predicted(critic, noisy, times, told, batch)
        scale = (made - real).abs()[:, :, 1:].mean((1, 2, 3, 4), keepdim=True)
        return torch.nan_to_num((fake - real) / scale)

    def _memory(self, generator: torch.Generator) -> StreamConfig:
        if not self.settings.random_memory:
            return self.stream
        most = torch.tensor([self.stream.sink_frames, self.stream.window_frames])
        drawn = distributed.agreed((torch.rand(2, generator=generator) * (most + 1)).long())
        sink, window = drawn.tolist()
        return replace(self.stream, sink_frames=sink, window_frames=window)


def _predicted(critic: Networks, noisy: Tensor, times: Tensor, told: EncodedMotion, batch: ClipBatch) -> Tensor:
    """The critic's clean clip, told the prompt and the tracks."""
    return predict_clean(critic.transformer, noisy, times, told.channels(critic.track_head), batch.prompt_embeds)
