"""Stage `student`: a causal few-step student learnt directly from clips, by flow matching on clean context.

The simplest honest route to a streaming model: every chunk is denoised given the clean chunks that the rolling cache
would still hold (sink and window), all chunks of a clip in one forward. Rectified flow (method: Teacher):
`z_t = (1-t) z_0 + t noise`; the loss is the error of the clean latents `z_0`. Times are drawn mostly from the few-step
list the student will run on, the rest from the shifted uniform distribution. The context gets a little noise, so that
the student's own imperfect chunks do not surprise it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.protocol import VideoVAE
from motionstream.models.wan import WanConfig, WanTransformer, teacher_forcing_mask
from motionstream.tracks import Tracks
from motionstream.training.conditioning import condition_on_truth
from motionstream.training.latent_cache import LatentCache, LatentClip
from motionstream.training.loop import PRINTING, LoopSettings, Loss, Run, Watch
from motionstream.training.track_sampling import TrackSampling


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """The shape of a batch and where the times of the noise come from.

    Attributes:
        batch: Clips of a batch.
        shift: Timestep shift of the times that are not from the list.
        listed_share: Of the times, drawn from the few-step list.
        context_noise: Largest spread of the noise on the clean past.
        text_dropout: Share of clips whose prompt is not told.
        tracks: Which tracks are told.
    """

    batch: int = 8
    shift: float = 6.0
    listed_share: float = 0.75
    context_noise: float = 0.15
    text_dropout: float = 0.1
    tracks: TrackSampling = field(default_factory=TrackSampling)


@dataclass(frozen=True)
class StudentBatch:
    """Clips with what the student is told of them.

    Attributes:
        latents: `b c f h w`.
        pictures: `b k 3 y x`, the newest video frame before each chunk.
        tracks: those that are told, by clip.
        prompt_embeds: `b s d`, those of the empty prompt where it is not told.
    """

    latents: Tensor
    pictures: Tensor
    tracks: tuple[Tracks, ...]
    prompt_embeds: Tensor

    def to(self, device: torch.device | str) -> "StudentBatch":
        """Returns the batch on a device."""
        latents, pictures, embeds = (part.to(device) for part in (self.latents, self.pictures, self.prompt_embeds))
        return StudentBatch(latents, pictures, self.tracks, embeds)


class Student(nn.Module):
    """The transformer and its track head: what a training stage optimises and a checkpoint holds."""

    def __init__(self, transformer: WanTransformer, track_head: TrackHead) -> None:
        super().__init__()
        self.transformer = transformer
        self.track_head = track_head


def tiny_student(latent_channels: int = 96, text_dim: int = 64) -> Student:
    """Returns the embedded default's networks with fresh weights; it starts as the picture moved along the tracks."""
    head = TrackHeadConfig(identity="origin", hidden_channel=True, copy="picture", width=128, out_channels=32)
    config = WanConfig(
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=latent_channels,
        out_channels=latent_channels,
        text_dim=text_dim,
        freq_dim=256,
        ffn_dim=1024,
        num_layers=6,
        condition_channels=head.condition_channels(latent_channels),
        track_channels=head.out_channels,
        prediction="sample",
        gated_condition=True,
    )
    student = Student(WanTransformer(config), TrackHead(head))
    nn.init.zeros_(student.transformer.proj_out.weight)
    nn.init.zeros_(student.transformer.proj_out.bias)
    return student


def make_batch(
    clips: list[LatentClip], settings: StudentSettings, unprompted: Tensor, rng: np.random.Generator
) -> StudentBatch:
    """Draws which tracks and prompts each clip of a batch is told; `unprompted` (`s d`) is the empty prompt."""
    tracks = tuple(settings.tracks.sample(clip.tracks, clip.layer, rng) for clip in clips)
    told = rng.random(len(clips)) >= settings.text_dropout
    return StudentBatch(
        torch.stack([c.latents for c in clips]),
        torch.stack([c.pictures for c in clips]),
        tracks,
        torch.stack([c.prompt_embeds if tell else unprompted for c, tell in zip(clips, told, strict=True)]),
    )


def batches(
    cache: LatentCache, settings: StudentSettings, unprompted: Tensor, seed: int, start: int
) -> Iterator[StudentBatch]:
    """Yields batches for ever, from step `start` on; a step's batch depends on nothing but the seed and the step."""
    for step, positions in enumerate(cache.order(seed, start, settings.batch), start):
        rng = np.random.default_rng((seed, step))
        yield make_batch([cache[i] for i in positions], settings, unprompted, rng)


def draw_times(
    shape: tuple[int, int], settings: StudentSettings, stream: StreamConfig, generator: torch.Generator
) -> Tensor:
    """Draws a time in (0, 1] for every sample and chunk."""
    listed = torch.tensor(stream.timesteps) / 1000
    picked = listed[torch.randint(len(listed), shape, generator=generator)]
    uniform = torch.rand(shape, generator=generator).clamp(min=1e-3)
    shifted = settings.shift * uniform / (1 + (settings.shift - 1) * uniform)
    return torch.where(torch.rand(shape, generator=generator) < settings.listed_share, picked, shifted)


def student_loss(settings: StudentSettings, stream: StreamConfig, vae: VideoVAE) -> Loss:
    """Returns the error of the clean latents of a batch, over every latent frame but the given first one."""

    def loss(model: nn.Module, batch: StudentBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Student)
        clean = batch.latents
        motion, image = condition_on_truth(clean, batch.pictures, batch.tracks, model.track_head.config, vae, stream)
        condition = torch.cat([image, model.track_head(motion)], dim=1)
        num_chunks = clean.shape[2] // stream.chunk_frames
        times = draw_times((len(clean), num_chunks), settings, stream, generator)
        times = times.repeat_interleave(stream.chunk_frames, 1).to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        past = _imperfect(clean[:, :, : -stream.chunk_frames], settings.context_noise, generator)
        mix = times[:, None, :, None, None]
        noisy = (1 - mix) * clean + mix * noise
        prediction = _predict(model.transformer, past, noisy, condition, times, batch.prompt_embeds, stream)
        error = (model.transformer.clean(prediction, noisy, mix) - clean).square()[:, :, 1:]
        return error.mean(), {}

    return loss


def _imperfect(past: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Adds noise of a spread up to `most`, one draw a sample."""
    spread = torch.rand(len(past), 1, 1, 1, 1, generator=generator) * most
    return past + (spread * torch.randn(past.shape, generator=generator)).to(past.device)


def _predict(
    transformer: WanTransformer,
    past: Tensor,
    noisy: Tensor,
    condition: Tensor,
    times: Tensor,
    prompt_embeds: Tensor,
    stream: StreamConfig,
) -> Tensor:
    """Predicts all noisy chunks `b c f h w` at once, each with its clean past, in float32."""
    num_past, f = past.shape[2], noisy.shape[2]
    latents = torch.cat([past, noisy], dim=2)
    conditions = torch.cat([condition[:, :, :num_past], condition], dim=2)
    made: Tensor = transformer(
        torch.cat([latents, conditions], dim=1),
        torch.cat([times.new_zeros(len(times), num_past), times], dim=1) * 1000,
        prompt_embeds,
        positions=torch.cat([torch.arange(num_past), torch.arange(f)]),
        attention_mask=teacher_forcing_mask(f, stream.chunk_frames, stream.sink_frames, stream.window_frames),
    )
    return made[:, :, num_past:].float()


def train_student(
    folder: Path,
    cache: LatentCache,
    student: Student,
    vae: VideoVAE,
    unprompted: Tensor,
    stream: StreamConfig,
    settings: StudentSettings,
    loop: LoopSettings,
    seed: int = 0,
    *,
    loss: Loss | None = None,
    compile_model: bool = False,
    watch: Watch = PRINTING,
) -> Run:
    """Trains a student in `folder` on encoded clips, on the device it lies on, resuming what lies there.

    Args:
        folder: Of the run.
        cache: The clips.
        student: Its first weights; those of a run that is resumed take their place.
        vae: The autoencoder of the clips, on the student's device.
        unprompted: The empty prompt's embedding, `s d`, of clips whose prompt is not told.
        stream: Chunks, memory and timesteps.
        settings: Of the batches.
        loop: Of the steps.
        seed: Decides the batches and the noise.
        loss: Default `student_loss`.
        compile_model: Whether to compile the transformer for the training's one shape.
        watch: Told of the progress.
    """
    run = Run(student, loop, folder, seed)
    run.resume()
    if compile_model:
        student.transformer.compile(dynamic=False)
    made = batches(cache, settings, unprompted, seed, run.step)
    device = student.transformer.proj_out.weight.device
    run.fit((batch.to(device) for batch in made), loss or student_loss(settings, stream, vae), watch)
    return run
