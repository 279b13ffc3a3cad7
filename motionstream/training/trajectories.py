"""The guided teacher's trajectories, solved once and kept in shards: what the causal initialisation learns from."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from motionstream.models.scheduler import shifted_timesteps
from motionstream.models.vae.protocol import VideoVAE
from motionstream.streaming.clip_sampler import Trajectory, sample_clip
from motionstream.training import distributed
from motionstream.training.batch import BatchSettings, ClipBatch, make_batch
from motionstream.training.causal_init import TrajectoryBatch
from motionstream.training.clip_condition import EncodedMotion, clip_condition
from motionstream.training.latent_cache import LatentCache
from motionstream.training.networks import Networks
from motionstream.training.presets import Preset
from motionstream.training.shard import Shard, picture_frames, stack_points
from motionstream.training.shard_index import ShardEntry, ShardIndex, checksum

SHARD_CLIPS = 32


@dataclass(frozen=True, kw_only=True)
class Solver:
    """What makes trajectories.

    Attributes:
        teacher: In evaluation mode.
        cache: Clips whose first pictures, prompts and tracks it is told.
        vae: Of the clips, on the teacher's device.
        preset: Steps, guidance, and the student's timesteps.
        seed: Decides which clips, which tracks, and the noise.
        batch: Trajectories solved at once.
        autocast: Whether the teacher computes in bfloat16; the ODE's states are float32 all the same.
    """

    teacher: Networks
    cache: LatentCache
    vae: VideoVAE
    preset: Preset
    seed: int = 0
    batch: int = 8
    autocast: bool = True

    def shard(self, number: int, num_clips: int) -> Shard:
        """Solves the trajectories of one shard; they depend on the seed and their numbers alone."""
        drawn = islice(self.cache.order(self.seed, number * SHARD_CLIPS, 1), num_clips)
        rng = np.random.default_rng((self.seed, number))
        clips = [self.cache[i] for (i,) in drawn]
        told = make_batch(clips, BatchSettings(text_dropout=0.0), self.cache.unprompted, rng)
        noise = torch.randn(told.latents.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**62))))
        parts = [self._solved(_rows(told, some), noise[some]) for some in self._batches(num_clips)]
        tensors = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
        points = [(tracks, np.zeros(tracks.num_points, np.int64)) for tracks in told.tracks]
        unprompted = self.cache.unprompted.to(torch.bfloat16)
        return Shard(
            {**tensors, **stack_points(points), "unprompted": unprompted}, tuple(clip.caption for clip in clips)
        )

    def _batches(self, num_clips: int) -> Iterator[slice]:
        return (slice(start, min(start + self.batch, num_clips)) for start in range(0, num_clips, self.batch))

    @torch.inference_mode()
    def _solved(self, batch: ClipBatch, noise: Tensor) -> dict[str, Tensor]:
        device = self.teacher.device
        here = batch.to(device)
        made = self._trajectory(here, noise.to(device))
        frames = picture_frames(self.preset.stream, _video_frames(self.preset, here))
        pictures = self.vae.decode(made.clean)[:, list(frames)]
        pictures[:, 0] = here.pictures[:, 0]
        return {
            "latents": made.clean.to("cpu", torch.bfloat16),
            "states": made.states.transpose(0, 1).to("cpu", torch.bfloat16),
            "pictures": (pictures * 255 + 0.5).to("cpu", torch.uint8),
            "prompt_embeds": batch.prompt_embeds.to(torch.bfloat16),
        }

    def _trajectory(self, batch: ClipBatch, noise: Tensor) -> Trajectory:
        distillation = self.preset.distillation
        head = self.teacher.track_head
        motion = EncodedMotion.of(batch, batch.tracks, head.config, self.vae)
        told = clip_condition(head, motion, batch, self.vae, self.cache.unprompted)
        with torch.autocast(noise.device.type, torch.bfloat16, enabled=self.autocast):
            return sample_clip(
                self.teacher.transformer,
                told,
                shifted_timesteps(distillation.teacher_steps, self.preset.shift),
                distillation.guidance,
                noise,
                keep=self.preset.stream.timesteps,
            )


def own_shards(num_trajectories: int) -> dict[int, int]:
    """Returns the numbers of the shards that this process solves, with how many trajectories each of them has."""
    starts = range(0, num_trajectories, SHARD_CLIPS)
    own = range(distributed.rank(), len(starts), distributed.world_size())
    return {number: min(SHARD_CLIPS, num_trajectories - starts[number]) for number in own}


def solve_trajectories(solver: Solver, folder: Path, num_trajectories: int) -> Iterator[int]:
    """Solves those of this process's shards that are missing, and yields how many trajectories each of them has.

    Their checksums are kept in `index.json`; `shard_index.damaged_shards` compares them. The processes do not wait for
    one another: a shard takes longer than they would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = ShardIndex.load(folder)
    for number, size in own_shards(num_trajectories).items():
        name = f"{number:05d}.safetensors"
        if not index.is_done(name):
            fresh = solver.shard(number, size).save(folder / name)
            entry = ShardEntry(size, checksum(fresh))
            os.replace(fresh, folder / name)
            index = index.with_shard(name, entry)
        yield size


class TrajectoryCache(LatentCache):
    """The shards of a folder of trajectories, read as one sequence."""

    def batch(self, positions: list[int]) -> TrajectoryBatch:
        """Reads trajectories with everything that was told."""
        clips = [self[i] for i in positions]
        clip = ClipBatch(
            torch.stack([c.latents for c in clips]),
            torch.stack([c.pictures for c in clips]),
            tuple(c.tracks for c in clips),
            torch.stack([c.prompt_embeds for c in clips]),
        )
        states = [self.tensors[shard]["states"][i].float() for shard, i in (self.index[p] for p in positions)]
        return TrajectoryBatch(clip, torch.stack(states, dim=1))


def trajectory_batches(cache: TrajectoryCache, size: int, seed: int, start: int) -> Iterator[TrajectoryBatch]:
    """Yields this process's parts of batches for ever, from batch number `start` on."""
    return (cache.batch(list(distributed.part(positions))) for positions in cache.order(seed, start, size))


def _rows(batch: ClipBatch, some: slice) -> ClipBatch:
    return ClipBatch(batch.latents[some], batch.pictures[some], batch.tracks[some], batch.prompt_embeds[some])


def _video_frames(preset: Preset, batch: ClipBatch) -> int:
    return preset.stream.first_video_frame(batch.latents.shape[2] // preset.stream.chunk_frames)
