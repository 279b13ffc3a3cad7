"""Stage `causal_init`: the few-step causal student, regressed onto the guided teacher's ODE (paper, section 3.2).

The student is given the teacher's noisy latents at one of its own timesteps, chunk by chunk, and the teacher's clean
latents before the chunk as its past; it learns where the ODE ends. All chunks of a clip go through the network at
once, under a mask that shows each what a rolling cache would still hold. Sizes of the sink and of the window are drawn
anew for every batch, so that one student bears many caches. The past gets a little noise, so that the student's own
imperfect chunks do not surprise it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.vae.protocol import VideoVAE
from motionstream.models.wan import WanTransformer, teacher_forcing_mask
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_on_truth
from motionstream.training.flow import latent_error
from motionstream.training.journal import Numbers
from motionstream.training.loop import Loss
from motionstream.training.networks import Networks


@dataclass(frozen=True, kw_only=True)
class CausalInitSettings:
    """Which masks are mixed, and how imperfect the past is.

    Attributes:
        full_share: Of the batches, that see all of their past.
        window_share: Of the batches, that see a window and no sink.
        stream_share: Of the batches, that see the sink and window of the stream. The rest draws both sizes.
        most_frames: Largest drawn sink and window, in latent frames.
        context_noise: Largest spread of the noise on the past.
    """

    full_share: float = 0.2
    window_share: float = 0.1
    stream_share: float = 0.4
    most_frames: int = 6
    context_noise: float = 0.1


@dataclass(frozen=True)
class TrajectoryBatch:
    """Solved ODEs of a teacher.

    Attributes:
        clip: what it was told, and where they end.
        states: the noisy latents at the student's timesteps.
    """

    clip: ClipBatch
    states: Float[Tensor, "s b c f h w"]

    def to(self, device: torch.device | str) -> "TrajectoryBatch":
        """Returns the batch on a device."""
        return TrajectoryBatch(self.clip.to(device), self.states.to(device))


def causal_init_loss(
    settings: CausalInitSettings, stream: StreamConfig, vae: VideoVAE, weights: Float[Tensor, "c"] | None = None
) -> Loss:
    """Returns the squared error of the clean latents of a batch, over every latent frame but the given first one.

    Args:
        settings: Of the masks and the past.
        stream: Chunks, memory and timesteps of the student.
        vae: Of the clips.
        weights: Of the latents' channels, see `channel_weights`.
    """

    def loss(model: nn.Module, batch: TrajectoryBatch, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        assert isinstance(model, Networks)
        clip, head = batch.clip, model.track_head
        motion, image = condition_on_truth(clip.latents, clip.pictures, clip.tracks, head.config, vae, stream)
        condition = torch.cat([image, head(motion)], dim=1)
        noisy, times = draw_states(batch.states, stream, generator)
        past = _imperfect(clip.latents[:, :, : -stream.chunk_frames], settings.context_noise, generator)
        sink, window = draw_memory(settings, stream, generator)
        mask = teacher_forcing_mask(noisy.shape[2], stream.chunk_frames, sink, window)
        made = _predict(model.transformer, past, noisy, condition, times, clip.prompt_embeds, mask)
        clean = model.transformer.clean(made, noisy, times[:, None, :, None, None])
        return latent_error(clean, clip.latents, weights).mean(), {}

    return loss


def draw_states(
    states: Float[Tensor, "s b c f h w"], stream: StreamConfig, generator: torch.Generator
) -> tuple[Float[Tensor, "b c f h w"], Float[Tensor, "b f"]]:
    """Draws one of the student's timesteps for every chunk of every clip; returns the states there, and the times."""
    _, b, _, f, _, _ = states.shape
    drawn = torch.randint(len(stream.timesteps), (b, f // stream.chunk_frames), generator=generator)
    index = drawn.repeat_interleave(stream.chunk_frames, 1).to(states.device)
    noisy = torch.gather(states, 0, index[None, :, None, :, None, None].expand(1, *states.shape[1:]))[0]
    return noisy, (torch.tensor(stream.timesteps, device=states.device) / 1000)[index]


def draw_memory(
    settings: CausalInitSettings, stream: StreamConfig, generator: torch.Generator
) -> tuple[int, int | None]:
    """Draws the latent frames of a sink and of a window; None is an endless window."""
    kind = float(torch.rand((), generator=generator))
    sink, window = torch.randint(settings.most_frames + 1, (2,), generator=generator).tolist()
    edges = np.cumsum([settings.full_share, settings.window_share, settings.stream_share])
    if kind < edges[0]:
        return 0, None
    if kind < edges[1]:
        return 0, max(1, window)
    return (stream.sink_frames, stream.window_frames) if kind < edges[2] else (sink, window)


def _imperfect(past: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Adds noise of a spread up to `most`, one draw a sample."""
    spread = torch.rand(len(past), 1, 1, 1, 1, generator=generator) * most
    return past + (spread * torch.randn(past.shape, generator=generator)).to(past.device)


def _predict(
    transformer: WanTransformer,
    past: Float[Tensor, "b c p h w"],
    noisy: Float[Tensor, "b c f h w"],
    condition: Float[Tensor, "b m f h w"],
    times: Float[Tensor, "b f"],
    prompt_embeds: Float[Tensor, "b s d"],
    mask: Tensor,
) -> Float[Tensor, "b c f h w"]:
    """Predicts all noisy chunks at once, each with its clean past, in float32."""
    num_past = past.shape[2]
    latents = torch.cat([past, noisy], dim=2)
    conditions = torch.cat([condition[:, :, :num_past], condition], dim=2)
    made: Tensor = transformer(
        torch.cat([latents, conditions], dim=1),
        torch.cat([times.new_zeros(len(times), num_past), times], dim=1) * 1000,
        prompt_embeds,
        positions="rank",
        attention_mask=mask,
    )
    return made[:, :, num_past:].float()
