"""Stage `encode`: shards of encoded clips, made by several processes."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch

from motionstream.training.base import BaseSource
from motionstream.training.procedural_shard import write_shard
from motionstream.training.shard import picture_frames


@dataclass(frozen=True, kw_only=True)
class EncodingSettings:
    """What is encoded.

    Attributes:
        num_shards: Files to end up with.
        shard_clips: Clips in each.
        first_seed: Of the first clip; far from the seeds that other stages and the evaluation use.
        num_frames: Video frames of a clip, a whole number of chunks.
        newcomer_every: One clip of so many shows something that its first frame does not, and its caption names it.
    """

    num_shards: int = 64
    shard_clips: int = 256
    first_seed: int = 100_000_000
    num_frames: int = 33
    newcomer_every: int = 3


def shard_file(folder: Path, shard: int) -> Path:
    """Returns a shard's file."""
    return folder / f"{shard:05d}.safetensors"


def missing_shards(folder: Path, settings: EncodingSettings) -> list[int]:
    """Returns the numbers of the shards that are still to make."""
    return [shard for shard in range(settings.num_shards) if not shard_file(folder, shard).exists()]


def encode_shard(source: BaseSource, folder: Path, shard: int, settings: EncodingSettings, device: str) -> int:
    """Makes one shard and returns its number; one that exists is left alone."""
    if device == "cpu":
        torch.set_num_threads(1)  # one process a core
    base, first = source.load(device), settings.first_seed + shard * settings.shard_clips
    stream = base.preset.stream
    write_shard(
        shard_file(folder, shard),
        range(first, first + settings.shard_clips),
        picture_frames(stream, settings.num_frames),
        settings.num_frames,
        base.vae,
        base.text_encoder.encode,
        height=stream.height,
        width=stream.width,
        newcomer_every=settings.newcomer_every,
    )
    return shard


def encode_shards(
    source: BaseSource, folder: Path, settings: EncodingSettings, workers: int, device: str = "cpu"
) -> Iterator[int]:
    """Makes the shards that are missing and yields the number of each that is done.

    Raises:
        InputError: There is no trained autoencoder, or no trained text encoder.
    """
    source.load()  # says what is wrong before any process starts
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")  # a forked torch may hang in its thread pool
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        tasks = [
            pool.submit(encode_shard, source, folder, shard, settings, device)
            for shard in missing_shards(folder, settings)
        ]
        try:
            yield from (task.result() for task in as_completed(tasks))
        finally:
            for task in tasks:
                task.cancel()
