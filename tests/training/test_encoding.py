from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training import encoding
from motionstream.training.encoding import EncodingSettings, encode_shards, missing_shards, picture_frames
from motionstream.training.frozen_vae import save_frozen
from motionstream.training.latent_cache import LatentCache

SETTINGS = EncodingSettings(num_shards=3, shard_clips=2, first_seed=70, num_frames=21)


@pytest.fixture
def vae_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen autoencoder; threads stand for the processes, whose start takes seconds."""
    monkeypatch.setattr(encoding, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    torch.manual_seed(0)
    save_frozen(TinyVAE(TinyVAEConfig.linear(4)), tmp_path / "tiny_vae")
    return tmp_path / "tiny_vae"


def encode(vae_folder: Path, stream: StreamConfig, settings: EncodingSettings = SETTINGS, **more: Any) -> list[int]:
    return list(encode_shards(vae_folder, vae_folder.parent / "latents", stream, settings, workers=2))


def test_every_shard_holds_its_own_clips(vae_folder: Path, stream: StreamConfig) -> None:
    assert sorted(encode(vae_folder, stream)) == [0, 1, 2]
    cache = LatentCache(vae_folder.parent / "latents")
    assert len(cache) == 6
    assert cache[0].latents.shape == (4, 6, 4, 6)
    assert cache[0].pictures.shape == (2, 3, 32, 48)
    assert len({cache[i].latents.numpy().tobytes() for i in range(6)}) == 6


def test_only_missing_shards_are_made(vae_folder: Path, stream: StreamConfig) -> None:
    encode(vae_folder, stream, EncodingSettings(**{**vars(SETTINGS), "num_shards": 2}))
    latents = vae_folder.parent / "latents"
    before = [path.read_bytes() for path in sorted(latents.iterdir())]
    assert missing_shards(latents, SETTINGS) == [2]
    assert encode(vae_folder, stream) == [2]
    assert missing_shards(latents, SETTINGS) == []
    assert [path.read_bytes() for path in sorted(latents.iterdir())][:2] == before


def test_pictures_are_the_newest_frames_before_each_chunk(stream: StreamConfig) -> None:
    assert picture_frames(stream, 33) == (0, 8, 20)
    assert picture_frames(StreamConfig(height=8, width=8, chunk_frames=1), 9) == (0, 0, 4)


def test_without_an_autoencoder_nothing_is_started(tmp_path: Path, stream: StreamConfig) -> None:
    with pytest.raises(InputError, match="motionstream train tiny-vae"):
        encode(tmp_path / "nothing", stream)
    assert not (tmp_path / "latents").exists()
