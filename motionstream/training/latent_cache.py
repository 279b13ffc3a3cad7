"""Clips encoded once and trained on many times: shards of latents, pictures, tracks and prompt embeddings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor

from motionstream.errors import InputError
from motionstream.tracks import Tracks
from motionstream.training.shard import NO_POINT


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


class LatentCache:
    """The shards of folders, read as one sequence of clips; new shards are found when it is opened again.

    A folder that is named twice counts twice, so that what is rare can be seen more often.

    The tensors are views of the mapped files: opening reads none of them, and what is read of them can be dropped from
    memory again. Shards of procedural clips and of videos may lie beside one another where their shapes agree.
    """

    def __init__(self, *folders: Path) -> None:
        self.tensors: list[dict[str, Tensor]] = []
        self.captions: list[list[str]] = []
        for path in (path for folder in folders for path in _shards(folder)):
            with safe_open(path, "pt") as file:
                self.tensors.append({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
                self.captions.append(json.loads(file.metadata()["captions"]))
        _check_alike(folders, self.tensors)
        self.index = [(shard, i) for shard, names in enumerate(self.captions) for i in range(len(names))]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def unprompted(self) -> Float[Tensor, "s d"]:
        """The empty prompt's embedding.

        Raises:
            InputError: The shards are of an older kind.
        """
        if "unprompted" not in self.tensors[0]:
            raise InputError("Wanted shards with the empty prompt's embedding, got older ones. Encode the clips anew.")
        return self.tensors[0]["unprompted"].float()

    def __getitem__(self, position: int) -> LatentClip:
        """Returns a clip, its numbers in float32."""
        shard, i = self.index[position]
        part = self.tensors[shard]
        xy = part["xy"][i].float().numpy()
        visible = np.unpackbits(part["visible"][i].numpy(), axis=-1, count=xy.shape[1]).astype(bool)
        layer = part["layer"][i].numpy()
        known = layer != NO_POINT
        tracks = Tracks(ids=np.arange(known.sum()), xy=xy[:, known], visible=visible[:, known])
        embeds = part["prompt_embeds"][i].float()
        return LatentClip(
            part["latents"][i].float(),
            part["pictures"][i].float() / 255,
            tracks,
            layer[known],
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


def _shards(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(f"Wanted encoded clips in {folder}, found none; run `motionstream train encode`.")
    return paths


def _check_alike(folders: tuple[Path, ...], shards: list[dict[str, Tensor]]) -> None:
    for name in ("latents", "pictures", "prompt_embeds"):
        shapes = {tuple(shard[name].shape[1:]) for shard in shards}
        if len(shapes) > 1:
            raise InputError(
                f"{', '.join(map(str, folders))}: wanted clips of one shape, got {name} of "
                f"{' and '.join(map(str, sorted(shapes)))}. "
                "Keep clips of another size, length or autoencoder in a folder of their own."
            )
