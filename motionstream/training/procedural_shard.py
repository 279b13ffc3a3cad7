"""Shards of procedural clips."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from motionstream.models.vae.protocol import VideoVAE
from motionstream.training.shard import encode_clips
from motionstream.training.world import Clip, make_clip


def write_shard(
    path: Path,
    seeds: range,
    picture_frames: tuple[int, ...],
    num_frames: int,
    vae: VideoVAE,
    embed: Callable[[str], Tensor],
    batch: int = 8,
    *,
    height: int = 128,
    width: int = 128,
    newcomer_every: int = 0,
) -> None:
    """Makes, encodes and stores the clips of `seeds`; a shard that exists is left alone.

    Args:
        path: file to write, whole or not at all.
        seeds: one procedural clip each.
        picture_frames: video frames that are kept as pictures.
        num_frames: video frames of a clip, 1 + 4k.
        vae: encodes them.
        embed: prompt -> embedding `1 s d`.
        batch: clips encoded at once.
        height: pixels.
        width: pixels.
        newcomer_every: one clip of so many brings something into view that its first frame does not show; 0 for none.
    """

    def clip(seed: int) -> Clip:
        newcomer = newcomer_every > 0 and seed % newcomer_every == 0
        return make_clip(seed, num_frames, height, width, newcomer=newcomer)

    if path.exists():
        return
    shard = encode_clips(map(clip, seeds), picture_frames, vae, embed, batch)
    if shard is not None:
        shard.write(path, first_seed=str(seeds[0]))
