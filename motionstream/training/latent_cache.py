"""Clips encoded once and trained on many times: shards of latents, pictures, tracks and prompt embeddings."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from motionstream.errors import InputError
from motionstream.models.vae.protocol import VideoVAE
from motionstream.tracks import Tracks
from motionstream.training.world import Clip, make_clip


@dataclass(frozen=True)
class LatentClip:
    """One cached clip.

    Attributes:
        latents: `c f h w`.
        pictures: `k 3 y x`, values in [0, 1]: the newest video frame before each chunk (frame 0 for chunk 0).
        tracks: all points that are known.
        layer: the object each point lies on.
        prompt_embeds: `s d`.
        caption: the prompt in words.
    """

    latents: Tensor
    pictures: Tensor
    tracks: Tracks
    layer: np.ndarray
    prompt_embeds: Tensor
    caption: str


@torch.inference_mode()
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
    """
    if path.exists():
        return
    parts, captions = [], []
    for start in range(0, len(seeds), batch):
        clips = [make_clip(seed, num_frames, height, width) for seed in seeds[start : start + batch]]
        parts.append(_encoded(clips, picture_frames, vae, embed))
        captions += [clip.caption for clip in clips]
    tensors = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
    fresh = path.with_suffix(".part")
    save_file(tensors, fresh, metadata={"captions": json.dumps(captions), "first_seed": str(seeds[0])})
    os.replace(fresh, path)


def _encoded(
    clips: list[Clip],
    picture_frames: tuple[int, ...],
    vae: VideoVAE,
    embed: Callable[[str], Tensor],
) -> dict[str, Tensor]:
    video = torch.from_numpy(np.stack([clip.frames for clip in clips])).permute(0, 1, 4, 2, 3)
    visible = np.packbits(np.stack([clip.tracks.visible for clip in clips]), axis=-1)
    return {
        "latents": vae.encode(video.float() / 255).to(torch.bfloat16),
        "pictures": video[:, list(picture_frames)],
        "xy": torch.from_numpy(np.stack([clip.tracks.xy for clip in clips])).half(),
        "visible": torch.from_numpy(visible),
        "layer": torch.from_numpy(np.stack([clip.layer for clip in clips]).astype(np.uint8)),
        "prompt_embeds": torch.cat([embed(clip.caption) for clip in clips]).to(torch.bfloat16),
    }


class LatentCache:
    """The shards of a folder, read as one sequence of clips; new shards are found when it is opened again."""

    def __init__(self, folder: Path) -> None:
        self.tensors: list[dict[str, Tensor]] = []
        self.captions: list[list[str]] = []
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                self.tensors.append({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
                self.captions.append(json.loads(file.metadata()["captions"]))
        if not self.tensors:
            raise InputError(f"Wanted encoded clips in {folder}, found none; run `motionstream train encode`.")
        self.index = [(shard, i) for shard, names in enumerate(self.captions) for i in range(len(names))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, position: int) -> LatentClip:
        """Returns a clip, its numbers in float32."""
        shard, i = self.index[position]
        part = self.tensors[shard]
        xy = part["xy"][i].float().numpy()
        visible = np.unpackbits(part["visible"][i].numpy(), axis=-1, count=xy.shape[1]).astype(bool)
        tracks = Tracks(ids=np.arange(xy.shape[1]), xy=xy, visible=visible)
        embeds = part["prompt_embeds"][i].float()
        return LatentClip(
            part["latents"][i].float(),
            part["pictures"][i].float() / 255,
            tracks,
            part["layer"][i].numpy(),
            embeds,
            self.captions[shard][i],
        )

    def order(self, seed: int, start: int, batch: int) -> Iterator[list[int]]:
        """Yields batches of positions for ever, shuffled anew each epoch; `start` batches are passed over.

        Raises:
            InputError: There are fewer clips than a batch holds.
        """
        if not (per_epoch := len(self) // batch):
            raise InputError(f"Wanted at least {batch} encoded clips for a batch, got {len(self)}. Encode more.")
        epoch, skip = divmod(start, per_epoch)
        while True:
            shuffled = np.random.default_rng((seed, epoch)).permutation(len(self))
            for i in range(skip, per_epoch):
                yield shuffled[i * batch : (i + 1) * batch].tolist()
            epoch, skip = epoch + 1, 0
