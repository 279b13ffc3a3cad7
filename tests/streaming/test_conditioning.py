"""What the network is told of a chunk's tracks while streaming."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motionstream.models.checkpoint import Checkpoint, load_checkpoint
from motionstream.models.dense_latents import dense_latents
from motionstream.models.track_condition import TrackMemory, condition_chunk
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
def test_points_are_copied_from_the_frame_they_were_born_on(checkpoint: Checkpoint) -> None:
    head = checkpoint.track_head
    assert head is not None
    conditioner, memory, wanted_memory = Conditioner(checkpoint), TrackMemory.empty(), TrackMemory.empty()
    for chunk, (ids, frame) in enumerate(zip(([3, 5], [3, 5, 8]), FRAMES, strict=True)):
        tracks, first = moving(ids, 9 if chunk == 0 else 12), chunk == 0
        made, memory = conditioner.encode(tracks, memory, LATENT, frame, first=first)
        anchor = dense_latents(checkpoint.vae, frame[None], head.config.copy_density)[0]
        wanted, wanted_memory = condition_chunk(tracks, wanted_memory, LATENT, head.config, first=first, anchor=anchor)
        torch.testing.assert_close(made, torch.cat([wanted.image, head(wanted.motion[None])[0]])[None])
        assert made.shape[1] == conditioner.num_channels
    assert len(memory.anchors) == 2


@torch.no_grad()
def test_a_frame_is_encoded_only_where_a_new_point_is_seen(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_encoded, encode = [0], checkpoint.vae.encode

    def counted(video: torch.Tensor) -> torch.Tensor:
        num_encoded[0] += 1
        return encode(video)

    monkeypatch.setattr(checkpoint.vae, "encode", counted)
    conditioner, memory, counts = Conditioner(checkpoint), TrackMemory.empty(), []
    hidden = Tracks(ids=np.array([3, 7]), xy=moving([3, 7], 12).xy, visible=np.repeat([[True, False]], 12, axis=0))
    for tracks in (Tracks.empty(9), moving([3], 12), moving([3], 12), hidden, moving([3, 7], 12)):
        _, memory = conditioner.encode(tracks, memory, LATENT, FRAMES[0], first=len(tracks) == 9)
        counts.append(num_encoded[0])
    assert counts == [0, 1, 1, 1, 2]
