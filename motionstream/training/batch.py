"""Batches of encoded clips, with what a network is told of each: some tracks, and at times no prompt or no motion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.errors import InputError
from motionstream.tracks import Tracks
from motionstream.training import distributed
from motionstream.training.latent_cache import LatentCache, LatentClip
from motionstream.training.track_augmentation import TrackAugmentation
from motionstream.training.track_sampling import TrackSampling


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """How many clips, and what of them is told.

    Attributes:
        size: Clips of a batch.
        text_dropout: Share of clips whose prompt is not told.
        motion_dropout: Share of clips of whose motion nothing is told.
        tracks: Which tracks are told of the others.
        augmentation: What is done to them; nothing by default.
        crop: Latent cells along each side of a part of the picture that is cut out; all of it by default.
    """

    size: int = 8
    text_dropout: float = 0.1
    motion_dropout: float = 0.0
    tracks: TrackSampling = field(default_factory=TrackSampling)
    augmentation: TrackAugmentation | None = None
    crop: int | None = None


@dataclass(frozen=True)
class ClipBatch:
    """Clips with what a network is told of them.

    Attributes:
        latents: the clips.
        pictures: the newest video frame before each of the k chunks, values in [0, 1].
        tracks: those that are told, by clip.
        prompt_embeds: those of the empty prompt where it is not told.
    """

    latents: Float[Tensor, "b c f h w"]
    pictures: Float[Tensor, "b k 3 y x"]
    tracks: tuple[Tracks, ...]
    prompt_embeds: Float[Tensor, "b s d"]

    def to(self, device: torch.device | str) -> "ClipBatch":
        """Returns the batch on a device."""
        latents, pictures, embeds = (part.to(device) for part in (self.latents, self.pictures, self.prompt_embeds))
        return ClipBatch(latents, pictures, self.tracks, embeds)


def make_batch(
    clips: Sequence[LatentClip], settings: BatchSettings, unprompted: Float[Tensor, "s d"], rng: np.random.Generator
) -> ClipBatch:
    """Draws which tracks and prompts each clip of a batch is told; `unprompted` is the empty prompt's embedding.

    Raises:
        InputError: The clips are smaller than the crop.
    """
    if settings.crop is not None:
        clips = [cropped(clip, settings.crop, rng) for clip in clips]
    tracks = tuple(settings.tracks.sample(clip.tracks, clip.layer, rng) for clip in clips)
    prompted = rng.random(len(clips)) >= settings.text_dropout
    if settings.motion_dropout:  # no draw without it: batches stay what they were
        moved = rng.random(len(clips)) >= settings.motion_dropout
        tracks = tuple(
            told if keep else Tracks.empty(told.num_frames) for told, keep in zip(tracks, moved, strict=True)
        )
    if settings.augmentation is not None:
        tracks = tuple(settings.augmentation.apply(told, rng) for told in tracks)
    return ClipBatch(
        torch.stack([c.latents for c in clips]),
        torch.stack([c.pictures for c in clips]),
        tracks,
        torch.stack([c.prompt_embeds if tell else unprompted for c, tell in zip(clips, prompted, strict=True)]),
    )


def cropped(clip: LatentClip, cells: int, rng: np.random.Generator) -> LatentClip:
    """Cuts a square of latent cells out of a clip; of the points remain those that are in it in the first frame.

    Small parts of pictures teach what is local several times as fast as whole ones.

    Raises:
        InputError: The clip is smaller.
    """
    height, width = clip.latents.shape[-2:]
    if not 1 <= cells <= min(height, width):
        raise InputError(f"--crop: wanted 1 to {min(height, width)} latent cells, got {cells}.")
    size = np.array([width, height])
    left, top = (rng.integers(0, size - cells + 1)).tolist()
    pixels = clip.pictures.shape[-1] // width
    rows, columns = (slice(start * pixels, (start + cells) * pixels) for start in (top, left))
    xy = (clip.tracks.xy * size - (left, top)) / cells
    inside = ((xy >= 0) & (xy < 1)).all(-1)
    kept = inside[0]
    tracks = Tracks(
        ids=clip.tracks.ids[kept], xy=xy[:, kept].astype(np.float32), visible=(clip.tracks.visible & inside)[:, kept]
    )
    return replace(
        clip,
        latents=clip.latents[..., top : top + cells, left : left + cells],
        pictures=clip.pictures[..., rows, columns],
        tracks=tracks,
        layer=clip.layer[kept],
    )


def batches(cache: LatentCache, settings: BatchSettings, seed: int, start: int) -> Iterator[ClipBatch]:
    """Yields this process's parts of batches for ever, from batch number `start` on; only the seed decides them."""
    own = (distributed.rank(),) if distributed.world_size() > 1 else ()
    for step, positions in enumerate(cache.order(seed, start, settings.size), start):
        rng = np.random.default_rng((seed, step, *own))
        yield make_batch([cache[i] for i in distributed.part(positions)], settings, cache.unprompted, rng)
