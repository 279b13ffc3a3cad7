from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.errors import InputError
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.latent_cache import LatentCache
from motionstream.training.procedural_shard import write_shard
from motionstream.training.shard import encode_clips
from motionstream.training.world import make_clip

small_clip = partial(make_clip, height=32, width=48)
write_small_shard = partial(write_shard, height=32, width=48)


def embed(caption: str) -> Tensor:
    """A prompt's length and its first letters, as an embedding `1 s d`."""
    codes = torch.tensor([ord(letter) for letter in caption[:6].ljust(6)])
    return torch.stack([torch.full((6,), len(caption)), codes]).bfloat16()[None]


@pytest.fixture
def folder(tmp_path: Path, small_vae: TinyVAE) -> Path:
    """Two shards, of three and of two clips."""
    write_small_shard(tmp_path / "00000.safetensors", range(100, 103), (0, 4), 9, small_vae, embed, batch=2)
    write_small_shard(tmp_path / "00001.safetensors", range(103, 105), (0, 4), 9, small_vae, embed, batch=2)
    return tmp_path


def test_a_cached_clip_is_the_world_s_clip_encoded(folder: Path, small_vae: TinyVAE) -> None:
    cache = LatentCache(folder)
    assert len(cache) == 5
    for position in range(5):
        kept, clip = cache[position], small_clip(100 + position, num_frames=9)
        video = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)[None].float() / 255
        with torch.inference_mode():
            wanted = small_vae.encode(video)[0]
        assert kept.latents.shape == (4, 3, 4, 6)
        torch.testing.assert_close(kept.latents, wanted, rtol=0, atol=0.03 * float(wanted.abs().max()))
        assert torch.equal(kept.pictures, video[0, [0, 4]])
        assert kept.caption == clip.caption
        assert torch.equal(kept.prompt_embeds, embed(clip.caption)[0].float())
        assert np.array_equal(kept.layer, clip.layer)


def test_tracks_come_back_within_a_sixteenth_of_a_pixel(folder: Path) -> None:
    cache = LatentCache(folder)
    for position in range(5):
        kept, clip = cache[position].tracks, small_clip(100 + position, num_frames=9)
        inside = ((clip.tracks.xy > -1) & (clip.tracks.xy < 2)).all(-1)
        error = np.abs(kept.xy - clip.tracks.xy)[inside] * 128
        assert error.max() <= 1 / 16
        # What rounding puts onto the border at 1 leaves the picture, and nothing else changes.
        changed = kept.visible != clip.tracks.visible
        assert (kept.xy[changed] == 1).any(-1).all()


def test_clips_keep_their_own_number_of_points(tmp_path: Path, small_vae: TinyVAE) -> None:
    clips = []
    for seed, num_points in ((100, 1024), (101, 70)):
        clip = small_clip(seed, num_frames=9)
        kept = np.arange(1024) < num_points
        clips.append(replace(clip, tracks=clip.tracks.select(kept), layer=clip.layer[kept]))
    shard = encode_clips(clips, (0, 4), small_vae, embed)
    assert shard is not None
    shard.write(tmp_path / "00000.safetensors")
    cache = LatentCache(tmp_path)
    for position, clip in enumerate(clips):
        kept_clip = cache[position]
        assert kept_clip.tracks.num_points == clip.tracks.num_points
        assert np.array_equal(kept_clip.layer, clip.layer)
        assert np.abs(kept_clip.tracks.xy - clip.tracks.xy).max() < 1 / 500


def test_a_shard_that_exists_is_left_alone(folder: Path, small_vae: TinyVAE) -> None:
    path = folder / "00000.safetensors"
    before = path.read_bytes()
    write_small_shard(path, range(900, 903), (0, 4), 9, small_vae, embed)
    assert path.read_bytes() == before


def test_a_shard_is_written_whole_or_not_at_all(tmp_path: Path, small_vae: TinyVAE) -> None:

    def failing(caption: str) -> Tensor:
        raise RuntimeError("no text encoder")

    with pytest.raises(RuntimeError, match="no text encoder"):
        write_small_shard(tmp_path / "00000.safetensors", range(2), (0,), 9, small_vae, failing)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_real_text_encoder_s_embeddings_are_kept(tmp_path: Path, small_vae: TinyVAE) -> None:
    encoder = TextEncoder.create_tiny(seed=0)
    write_small_shard(tmp_path / "00000.safetensors", range(2), (0,), 5, small_vae, encoder.encode)
    clip = LatentCache(tmp_path)[1]
    torch.testing.assert_close(clip.prompt_embeds, encoder.encode(clip.caption)[0], atol=0.02, rtol=0.01)


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="motionstream train encode"):
        LatentCache(tmp_path)


def test_a_batch_larger_than_the_cache_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="at least 6 encoded clips for a batch, got 5"):
        next(LatentCache(folder).order(seed=1, start=0, batch=6))


def test_an_epoch_visits_every_clip_once_and_the_next_in_another_order(folder: Path) -> None:
    cache = LatentCache(folder)
    steps = list(islice(cache.order(seed=1, start=0, batch=1), 10))
    assert sorted(steps[:5]) == sorted(steps[5:]) == [[position] for position in range(5)]
    assert steps[:5] != steps[5:]
    assert list(islice(cache.order(seed=2, start=0, batch=1), 5)) != steps[:5]


@pytest.mark.parametrize("start", [0, 1, 2, 3, 7])
def test_an_order_that_starts_later_goes_on_as_if_it_had_started_at_once(folder: Path, start: int) -> None:
    cache = LatentCache(folder)
    assert list(islice(cache.order(1, start, 2), 9)) == list(islice(cache.order(1, 0, 2), start, start + 9))


def test_folders_are_mixed_and_one_that_is_named_twice_counts_twice(
    folder: Path, tmp_path: Path, small_vae: TinyVAE
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_small_shard(other / "00000.safetensors", range(200, 202), (0, 4), 9, small_vae, embed, batch=2)
    cache = LatentCache(folder, other, other)
    seen = [cache[position].caption for position in range(len(cache))]
    assert seen[:5] == [LatentCache(folder)[position].caption for position in range(5)]
    assert seen[5:7] == seen[7:9] == [small_clip(seed, num_frames=9).caption for seed in (200, 201)]


def test_a_folder_without_clips_is_named_also_beside_another(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"encoded clips in .*nowhere, found none"):
        LatentCache(folder, tmp_path / "nowhere")
