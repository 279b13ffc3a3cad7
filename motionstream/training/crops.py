"""Crops of clips: the batches of the autoencoders' training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from motionstream.errors import InputError
from motionstream.training import distributed
from motionstream.training.clip_source import ClipSource, ProceduralClips


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """The shape of a batch.

    Attributes:
        batch: Crops of a batch, over all processes.
        crops_per_clip: Of them from one clip.
        crop: Pixels along one side of a crop.
        num_frames: Video frames of a crop, 1 + 4k.
        side: Pixels along one side of a procedural clip.
    """

    batch: int = 8
    crops_per_clip: int = 2
    crop: int = 64
    num_frames: int = 9
    side: int = 128

    def __post_init__(self) -> None:
        if self.batch < 1 or self.batch % self.crops_per_clip:
            raise InputError(f"--batch: wanted a multiple of {self.crops_per_clip} crops, got {self.batch}.")

    @property
    def procedural(self) -> ProceduralClips:
        """Clips of the procedural world that the crops fit into."""
        return ProceduralClips(num_frames=self.num_frames, side=self.side)


class CropDataset(Dataset[Tensor]):
    """Crops of clips, one item a batch, addressed by the training step: resuming needs only the step."""

    def __init__(self, settings: CropSettings, first_seed: int, steps: range, source: ClipSource | None = None) -> None:
        self.settings = settings
        self.first_seed = first_seed
        self.steps = steps
        self.source = source or settings.procedural

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> UInt8[Tensor, "b t 3 h w"]:
        """Returns a step's crops."""
        step, s = self.steps[index], self.settings
        clips = s.batch // s.crops_per_clip
        rng = np.random.default_rng((self.first_seed, step))
        crops = []
        for i in range(clips):
            frames = self.source(self.first_seed + step * clips + i)
            for _ in range(s.crops_per_clip):
                y, x = (int(rng.integers(0, n - s.crop + 1)) for n in frames.shape[1:3])
                crops.append(frames[:, y : y + s.crop, x : x + s.crop])
        return torch.from_numpy(np.stack(crops)).permute(0, 1, 4, 2, 3).contiguous()


def batches(
    settings: CropSettings, first_seed: int, steps: range, source: ClipSource | None = None, workers: int = 1
) -> Iterator[Tensor]:
    """Streams this process's part of the given steps' batches, made by `workers` processes beside the training."""
    dataset = CropDataset(settings, first_seed, steps, source)
    own = list(distributed.part(range(settings.batch)))
    for crops in DataLoader(dataset, batch_size=None, num_workers=workers, prefetch_factor=4):
        yield crops[own] if len(own) < settings.batch else crops
