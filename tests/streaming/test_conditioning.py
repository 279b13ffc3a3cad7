"""What the network is told of a chunk's tracks while streaming."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motionstream.models.checkpoint import Checkpoint, load_checkpoint
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_memory import TrackMemory
from motionstream.streaming.conditioning import Conditioner
from motionstream.tracks import Tracks

FRAMES = [torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
LATENT = torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(9))


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(tiny_checkpoint)


def moving(ids: list[int], num_frames: int) -> Tracks:
    xy = np.stack([np.linspace(0.2, 0.6, num_frames), np.full(num_frames, 0.4)], axis=-1)[:, None]
    xy = xy + 0.07 * np.arange(len(ids))[:, None]
    return Tracks(ids=np.array(ids), xy=xy, visible=np.ones(xy.shape[:2], bool))


@torch.no_grad()
def test_a_chunk_is_told_the_image_condition_and_the_encoded_tracks(checkpoint: Checkpoint) -> None:
    head = checkpoint.track_head
    assert head is not None
    conditioner, memory, wanted_memory = Conditioner(checkpoint), TrackMemory.empty(), TrackMemory.empty()
    for chunk, (ids, frame) in enumerate(zip(([3, 5], [3, 5, 8]), FRAMES, strict=True)):
        tracks, first, newest = moving(ids, 9 if chunk == 0 else 12), chunk == 0, Newest(frame, LATENT)
        made, memory = conditioner.encode(tracks, memory, newest, first=first)
        encode = checkpoint.vae.encode_chunk
        wanted, wanted_memory = condition_chunk(tracks, wanted_memory, newest, head.config, encode, first=first)
        torch.testing.assert_close(made, torch.cat([wanted.image, head(wanted.motion[None])[0]])[None])
        assert made.shape[1] == conditioner.num_channels
    assert [torch.equal(anchor, frame) for anchor, frame in zip(memory.anchors, FRAMES, strict=True)] == [True, True]


@torch.no_grad()
def test_pictures_are_moved_in_float32_whatever_the_networks_compute_in(tiny_checkpoint: Path) -> None:
    half = load_checkpoint(tiny_checkpoint, "cpu", torch.bfloat16)
    made, memory = Conditioner(half).encode(moving([3], 9), TrackMemory.empty(), Newest(FRAMES[0], LATENT), first=True)
    assert made.dtype == torch.bfloat16
    assert memory.anchors[0].dtype == torch.float32
