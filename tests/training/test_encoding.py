from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training import encoding
from motionstream.training.base import BaseSource
from motionstream.training.encoding import EncodingSettings, encode_shards, missing_shards
from motionstream.training.frozen_vae import save_frozen
from motionstream.training.latent_cache import LatentCache
from motionstream.training.loop import LoopSettings
from motionstream.training.presets import Preset
from motionstream.training.shard import picture_frames
from motionstream.training.text import TextSettings, train_text_encoder, trained_text_encoder
from motionstream.training.world import caption_of

SETTINGS = EncodingSettings(num_shards=3, shard_clips=2, first_seed=70, num_frames=21)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen autoencoder and a text encoder; threads stand for the processes, whose start takes seconds."""
    monkeypatch.setattr(encoding, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    torch.manual_seed(0)
    save_frozen(TinyVAE(TinyVAEConfig.linear(4)), tmp_path / "tiny_vae")
    loop = LoopSettings(steps=1, warmup_steps=1, autocast=False)
    train_text_encoder(tmp_path / "text", ["a red star"], TextSettings(batch=1), loop)
    return tmp_path


def encode(runs: Path, preset: Preset, settings: EncodingSettings = SETTINGS) -> list[int]:
    source = BaseSource(preset=preset, vae_run=runs / "tiny_vae", text_run=runs / "text")
    return list(encode_shards(source, runs / "latents", settings, workers=2))


def test_every_shard_holds_its_own_clips(runs: Path, preset: Preset) -> None:
    assert sorted(encode(runs, preset)) == [0, 1, 2]
    cache = LatentCache(runs / "latents")
    assert len(cache) == 6
    assert cache[0].latents.shape == (4, 6, 4, 6)
    assert cache[0].pictures.shape == (2, 3, 32, 48)
    assert len({cache[i].latents.numpy().tobytes() for i in range(6)}) == 6
    assert torch.equal(cache.unprompted, trained_text_encoder(runs / "text").encode("")[0].bfloat16().float())


def test_one_clip_of_three_names_something_that_comes_into_view(runs: Path, preset: Preset) -> None:
    encode(runs, preset)
    captions = [cache.caption for cache in map(LatentCache(runs / "latents").__getitem__, range(6))]
    wanted = [caption_of(seed, 21, 32, 48, newcomer=seed % 3 == 0) for seed in range(70, 76)]
    assert captions == wanted
    assert captions[2] != caption_of(72, 21, 32, 48)


def test_only_missing_shards_are_made(runs: Path, preset: Preset) -> None:
    encode(runs, preset, EncodingSettings(**{**vars(SETTINGS), "num_shards": 2}))
    latents = runs / "latents"
    before = [path.read_bytes() for path in sorted(latents.iterdir())]
    assert missing_shards(latents, SETTINGS) == [2]
    assert encode(runs, preset) == [2]
    assert missing_shards(latents, SETTINGS) == []
    assert [path.read_bytes() for path in sorted(latents.iterdir())][:2] == before


def test_pictures_are_the_newest_frames_before_each_chunk(stream: StreamConfig) -> None:
    assert picture_frames(stream, 33) == (0, 8, 20)
    assert picture_frames(StreamConfig(height=8, width=8, chunk_frames=1), 9) == (0, 0, 4)


def test_without_the_stages_before_it_nothing_is_started(tmp_path: Path, preset: Preset) -> None:
    with pytest.raises(InputError, match="motionstream train tiny-vae"):
        encode(tmp_path, preset)
    save_frozen(TinyVAE(TinyVAEConfig.linear(4)), tmp_path / "tiny_vae")
    with pytest.raises(InputError, match="motionstream train text"):
        encode(tmp_path, preset)
    assert not (tmp_path / "latents").exists()
