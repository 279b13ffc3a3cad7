"""Stage `student`: a causal few-step student learnt directly from clips, by flow matching on clean context.

The simplest honest route to a streaming model: every chunk is denoised given the clean chunks that the rolling cache
would still hold (sink and window), all chunks of a clip in one forward. Rectified flow (method: Teacher):
`z_t = (1-t) z_0 + t noise`, the network predicts `v = noise - z_0`. Times are drawn mostly from the few-step list the
student will run on, the rest from the shifted uniform distribution. The context gets a little noise, so that the
student's own imperfect chunks do not surprise it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motionstream.config import StreamConfig
from motionstream.models.track_condition import TrackMemory, condition_chunk
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.wan import WanConfig, WanTransformer, teacher_forcing_mask
from motionstream.training.latent_cache import LatentCache, LatentClip
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.track_sampling import TrackSampling


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """The shape of a batch and where the times of the noise come from."""

    batch: int = 8
    shift: float = 6.0
    listed_share: float = 0.75
    context_noise: float = 0.15
    text_dropout: float = 0.1
    tracks: TrackSampling = TrackSampling()


@dataclass(frozen=True)
class StudentBatch:
    """Latents `b c f h w` with their conditioning: motion maps `b k f h w`, image condition `b m f h w`, prompts."""

    latents: Tensor
    motion: Tensor
    image: Tensor
    prompt_embeds: Tensor


class Student(nn.Module):
    """The transformer and its track head: what a training stage optimises and a checkpoint holds."""

    def __init__(self, transformer: WanTransformer, track_head: TrackHead) -> None:
        super().__init__()
        self.transformer = transformer
        self.track_head = track_head


def tiny_student(latent_channels: int = 16, text_dim: int = 64) -> Student:
    """Returns the embedded default's networks with fresh weights."""
    head = TrackHeadConfig(identity="origin", hidden_channel=True, copy_frames=4, copy_density=4, width=128, out_channels=32)
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
    )
    return Student(WanTransformer(config), TrackHead(head))


def condition_clip(
    clip: LatentClip, tracks: Any, head: TrackHeadConfig, stream: StreamConfig
) -> tuple[Tensor, Tensor]:
    """Encodes a clip's tracks chunk by chunk, by the code that streams them.

    Returns:
        Packed motion maps `k f h w` and image condition `m f h w` of the whole clip.
    """
    memory, newest, parts = TrackMemory.empty(), clip.latents[:, 0], []
    num_frames, start, chunk = clip.latents.shape[1], 0, 0
    while chunk * stream.chunk_frames < num_frames:
        stop = start + stream.video_frames_in_chunk(chunk)
        condition, memory = condition_chunk(
            tracks.slice(start, stop), memory, newest, head, first=chunk == 0, anchor=clip.anchors[chunk]
        )
        parts.append(condition)
        chunk, start = chunk + 1, stop
        newest = clip.latents[:, min(chunk * stream.chunk_frames, num_frames) - 1]
    return torch.cat([p.motion for p in parts], dim=1), torch.cat([p.image for p in parts], dim=1)


def make_batch(
    clips: list[LatentClip],
    settings: StudentSettings,
    head: TrackHeadConfig,
    stream: StreamConfig,
    rng: np.random.Generator,
) -> StudentBatch:
    """Draws which tracks and prompts each clip of a batch is told and encodes them."""
    conditions = [condition_clip(c, settings.tracks.sample(c.tracks, c.layer, rng), head, stream) for c in clips]
    told = torch.from_numpy((rng.random(len(clips)) >= settings.text_dropout).astype(np.float32))
    return StudentBatch(
        torch.stack([c.latents for c in clips]),
        torch.stack([motion for motion, _ in conditions]),
        torch.stack([image for _, image in conditions]),
        torch.stack([c.prompt_embeds for c in clips]) * told[:, None, None],
    )


def batches(
    cache: LatentCache, settings: StudentSettings, head: TrackHeadConfig, stream: StreamConfig, seed: int, start: int
) -> Iterator[StudentBatch]:
    """Yields batches for ever, from step `start` on; a step's batch depends on nothing but the seed and the step."""
    for step, positions in enumerate(cache.order(seed, start, settings.batch), start):
        rng = np.random.default_rng((seed, step))
        yield make_batch([cache[i] for i in positions], settings, head, stream, rng)


def draw_times(
    shape: tuple[int, int], settings: StudentSettings, stream: StreamConfig, generator: torch.Generator
) -> Tensor:
    """Draws a time in (0, 1] for every sample and chunk."""
    listed = torch.tensor(stream.timesteps) / 1000
    picked = listed[torch.randint(len(listed), shape, generator=generator)]
    uniform = torch.rand(shape, generator=generator).clamp(min=1e-3)
    shifted = settings.shift * uniform / (1 + (settings.shift - 1) * uniform)
    return torch.where(torch.rand(shape, generator=generator) < settings.listed_share, picked, shifted)


def student_loss(settings: StudentSettings, stream: StreamConfig) -> Any:
    """Returns the flow-matching loss of a batch, over every latent frame but the given first one."""

    def loss(model: nn.Module, batch: StudentBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Student)
        clean = batch.latents
        b, _, f = clean.shape[:3]
        num_chunks = f // stream.chunk_frames
        num_past = f - stream.chunk_frames
        times = draw_times((b, num_chunks), settings, stream, generator).repeat_interleave(stream.chunk_frames, 1)
        noise = torch.randn(clean.shape, generator=generator)
        mix = times[:, None, :, None, None]
        noisy = (1 - mix) * clean + mix * noise
        jitter = torch.rand(b, 1, 1, 1, 1, generator=generator) * settings.context_noise
        past = clean[:, :, :num_past] + jitter * torch.randn(clean[:, :, :num_past].shape, generator=generator)
        condition = torch.cat([batch.image, model.track_head(batch.motion)], dim=1)
        sequence = torch.cat(
            [torch.cat([past, noisy], dim=2), torch.cat([condition[:, :, :num_past], condition], dim=2)], dim=1
        )
        positions = torch.cat([torch.arange(num_past), torch.arange(f)])
        velocity = model.transformer(
            sequence,
            torch.cat([torch.zeros(b, num_past), times], dim=1) * 1000,
            batch.prompt_embeds,
            positions=positions,
            attention_mask=teacher_forcing_mask(f, stream.chunk_frames, stream.sink_frames, stream.window_frames),
        )[:, :, num_past:].float()
        error = (velocity - (noise - clean)).square()[:, :, 1:]
        by_chunk = (error.mean((1, 3, 4)) * times[:, 1:] ** 2).mean(0).detach()
        return error.mean(), {"latent_error": float(by_chunk.mean())}

    return loss


def train_student(
    folder: Path, cache: LatentCache, student: Student, stream: StreamConfig, settings: StudentSettings,
    loop: LoopSettings, seed: int = 0, *, compile_model: bool = False,
) -> Run:
    """Trains a student in `folder` on encoded clips, resuming what lies there."""
    run = Run(student, loop, folder, seed)
    run.resume()
    if compile_model:
        student.transformer.compile(dynamic=False)
    head = student.track_head.config
    run.fit(batches(cache, settings, head, stream, seed, run.step), student_loss(settings, stream))
    return run
