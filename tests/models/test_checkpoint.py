import json
import logging
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from motionstream.config import PRESETS, StreamConfig
from motionstream.errors import CheckpointError
from motionstream.models.checkpoint import Checkpoint, load_checkpoint
from motionstream.models.checkpoint_writer import save_checkpoint
from motionstream.models.components import load_transformer, load_vae
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.wan.config import WanConfig
from motionstream.models.wan.state_dict import to_wan
from motionstream.models.wan.transformer import WanTransformer
from motionstream.models.weights import save_weights

HEAD = TrackHeadConfig(id_channels=4, width=8, out_channels=6)
WAN = WanConfig(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=4,
    out_channels=4,
    text_dim=64,
    freq_dim=16,
    ffn_dim=32,
    num_layers=2,
    condition_channels=HEAD.condition_channels(4),
    track_channels=HEAD.out_channels,
)
VAE = TinyVAEConfig(
    latent_channels=4,
    encoder_channels=8,
    decoder_channels=(8, 8, 8, 8),
    blocks_per_stage=1,
    latents_mean=(0.1, 0.2, 0.3, 0.4),
    latents_std=(1.0, 2.0, 1.0, 0.5),
)
STREAM = StreamConfig(height=32, width=48, fps=12.0, timesteps=(1000.0, 800.0))
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    return {
        "transformer": WanTransformer(WAN).eval(),
        "vae": TinyVAE(VAE).eval(),
        "track_head": TrackHead(HEAD).eval(),
        "text_encoder": TextEncoder.create_tiny(seed=1),
        "stream": STREAM,
        "shift": 6.0,
    }


@pytest.fixture(scope="module")
def saved(parts, tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("saved") / "tiny", storage_dtype=torch.float32, **parts)


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "tiny"))


@torch.no_grad()
def velocity(transformer: WanTransformer, channels: int | None = None) -> torch.Tensor:
    """The output for fixed inputs; the channels past `channels` are zero where it is given."""
    generator = torch.Generator().manual_seed(5)
    config = transformer.config
    latents = torch.randn(1, WAN.total_in_channels, 2, 4, 6, generator=generator)[:, : config.total_in_channels]
    if channels is not None:
        latents = latents[:, :channels]
    embeds = torch.randn(1, 7, config.text_dim, generator=generator)
    dtype = transformer.patch_embedding.weight.dtype
    return transformer(latents.to(dtype), torch.tensor([500.0]), embeds.to(dtype)).float()


def edit_json(path: Path, **changes) -> None:
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value != "delete"}))


def edit_weights(path: Path, change) -> None:
    state = load_file(path)
    change(state)
    save_file(state, path)


# ---- what is saved comes back


def test_a_saved_checkpoint_loads_back_with_the_same_outputs(parts, saved):
    loaded = load_checkpoint(saved)
    assert torch.equal(velocity(loaded.transformer), velocity(parts["transformer"]))
    latents, maps = torch.randn(1, 4, 2, 3, 5), torch.randn(1, 16, 2, 3, 5)
    with torch.no_grad():
        assert torch.equal(loaded.vae.decode(latents), parts["vae"].decode(latents))
        assert torch.equal(loaded.track_head(maps), parts["track_head"](maps))
    assert torch.equal(loaded.text_encoder.encode("a cat"), parts["text_encoder"].encode("a cat"))
    assert (loaded.stream, loaded.shift, loaded.path, loaded.notes) == (STREAM, 6.0, saved, ())


def test_a_loaded_checkpoint_is_frozen_in_evaluation_mode_and_wholly_in_memory(saved):
    loaded = load_checkpoint(str(saved))
    for network in (loaded.transformer, loaded.vae, loaded.track_head):
        assert not network.training
        tensors = [*network.parameters(), *network.buffers()]
        assert all(not tensor.is_meta and tensor.device.type == "cpu" for tensor in tensors)
    assert not loaded.text_encoder.is_loaded
    with pytest.raises(FrozenInstanceError):
        loaded.shift = 3.0


@pytest.mark.parametrize("storage", [torch.bfloat16, torch.float16])
def test_half_precision_storage_holds_rounded_values_and_loads_as_the_type_asked_for(parts, tmp_path, storage):
    path = save_checkpoint(tmp_path / "half", storage_dtype=storage, **parts)
    assert {tensor.dtype for tensor in load_file(path / "vae" / WEIGHTS).values()} == {storage}
    loaded = load_checkpoint(path, dtype=torch.float32)
    for name, tensor in parts["transformer"].state_dict().items():
        assert torch.equal(loaded.transformer.state_dict()[name], tensor.to(storage).float())


def test_half_precision_loading_keeps_what_diffusers_keeps_in_float32(parts, saved):
    loaded = load_checkpoint(saved, dtype=torch.bfloat16)
    kept = {name for name, tensor in loaded.transformer.state_dict().items() if tensor.dtype == torch.float32}
    assert "scale_shift_table" in kept
    assert "blocks.1.scale_shift_table" in kept
    assert "blocks.0.norm2.weight" in kept
    assert "condition_embedder.time_embedder.linear_1.weight" in kept
    assert "blocks.0.attn1.norm_q.weight" not in kept
    assert "patch_embedding.weight" not in kept
    assert loaded.text_encoder.encode("a").dtype == torch.bfloat16
    difference = velocity(loaded.transformer) - velocity(parts["transformer"])
    assert difference.norm() / velocity(parts["transformer"]).norm() < 0.05


def test_a_model_without_a_track_head_saves_and_loads(parts, tmp_path):
    plain = WanTransformer(replace(WAN, condition_channels=0, track_channels=0))
    path = save_checkpoint(tmp_path / "plain", **{**parts, "transformer": plain, "track_head": None})
    assert load_checkpoint(path).track_head is None


def test_loading_touches_no_random_generator(saved):
    before = torch.get_rng_state()
    load_checkpoint(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_module_imports_without_transformers_diffusers_or_the_hub_client():
    code = (
        "import sys, motionstream.models.checkpoint, motionstream.models.checkpoint_writer;"
        "print([m for m in ('transformers', 'diffusers', 'huggingface_hub', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- others' weights


def test_weights_without_condition_and_track_channels_give_their_own_output_whatever_those_hold(parts, folder, caplog):
    base = WanTransformer(replace(WAN, condition_channels=0, track_channels=0)).eval()
    save_weights(base.state_dict(), folder / "transformer", storage_dtype=torch.float32)
    with caplog.at_level(logging.WARNING):
        loaded = load_checkpoint(folder)
    assert torch.equal(velocity(loaded.transformer), velocity(base))
    (note,) = loaded.notes
    assert note in caplog.text
    assert "read 4 input channels" in note
    assert f"config.json has {WAN.total_in_channels}" in note


def test_weights_with_a_condition_but_no_track_channels_are_widened_too(folder):
    base = WanTransformer(replace(WAN, track_channels=0)).eval()
    save_weights(base.state_dict(), folder / "transformer", storage_dtype=torch.float32)
    transformer, notes = load_transformer(folder / "transformer")
    torch.testing.assert_close(velocity(transformer), velocity(base))
    assert len(notes) == 1


@pytest.mark.parametrize("channels", [3, 7, 30])
def test_an_input_width_that_no_configuration_explains_is_a_wrong_shape(folder, channels):
    def change(state):
        state["patch_embedding.weight"] = torch.zeros(24, channels, 1, 2, 2)

    edit_weights(folder / "transformer" / WEIGHTS, change)
    with pytest.raises(CheckpointError, match=rf"patch_embedding\.weight wanted \[24, 18, .* got \[24, {channels},"):
        load_checkpoint(folder)


def test_weights_in_wans_own_names_load_with_a_trainers_prefix(parts, folder):
    state = {f"model.{name}": tensor for name, tensor in to_wan(parts["transformer"].state_dict()).items()}
    save_weights(state, folder / "transformer", storage_dtype=torch.float32)
    assert torch.equal(velocity(load_checkpoint(folder).transformer), velocity(parts["transformer"]))


def test_shards_and_their_index_load_as_one(parts, folder):
    split_in_shards(folder / "transformer")
    assert torch.equal(velocity(load_checkpoint(folder).transformer), velocity(parts["transformer"]))


def test_a_folder_of_diffusers_without_stream_json_streams_at_wans_size_and_says_so(folder, caplog):
    (folder / "stream.json").unlink()
    with caplog.at_level(logging.WARNING):
        loaded = load_checkpoint(folder)
    assert loaded.stream == PRESETS["wan2.1-1.3b"]
    assert "stream.json is missing" in loaded.notes[0]
    assert loaded.notes[0] in caplog.text
    assert load_checkpoint(folder, stream=STREAM).stream == STREAM


def test_diffusers_autoencoder_loads_by_its_class_name(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLWan(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * 4,
        latents_std=[2.0] * 4,
    )
    vae.eval().save_pretrained(tmp_path / "vae")
    loaded = load_vae(tmp_path / "vae")
    assert (loaded.latent_channels, loaded.spatial_stride, loaded.temporal_stride) == (4, 8, 4)
    latents = torch.randn(1, 4, 1, 2, 2)
    with torch.no_grad():
        reference = vae.decode(latents * 2.0).sample
        torch.testing.assert_close(loaded.decode(latents)[:, 0], (reference[:, :, 0] / 2 + 0.5).clamp(0, 1))
    edit_weights(tmp_path / "vae" / WEIGHTS, lambda state: state.pop("quant_conv.bias"))
    with pytest.raises(CheckpointError, match=r"1 missing: quant_conv\.bias"):
        load_vae(tmp_path / "vae")


# ---- where a checkpoint lies


def test_a_hub_id_is_fetched_without_pickles(folder, monkeypatch):
    asked = {}

    def snapshot_download(repo, **options):
        asked.update(options, repo=repo)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert isinstance(load_checkpoint("somebody/some-model"), Checkpoint)
    assert asked["repo"] == "somebody/some-model"
    assert "*.pth" in asked["ignore_patterns"]


def test_offline_both_the_path_and_the_hub_id_are_named(tmp_path, monkeypatch):
    def snapshot_download(repo, **options):
        raise ConnectionError("no route to host\nmore lines")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint("checkpoints/absent")
    message = str(caught.value)
    assert str(tmp_path / "checkpoints" / "absent") in message
    assert "hub id 'checkpoints/absent' could not be fetched: no route to host" in message
    assert "\n" not in message


def test_a_path_that_cannot_be_a_hub_id_is_not_asked_for(tmp_path):
    with pytest.raises(CheckpointError, match=r"No checkpoint at .*absent/deep/er.* is no hub id"):
        load_checkpoint(tmp_path / "absent" / "deep" / "er")


def test_a_pickle_is_refused_with_the_way_to_convert_it(tmp_path):
    path = tmp_path / "self_forcing_dmd.pt"
    path.write_bytes(b"\x80")
    with pytest.raises(CheckpointError, match=r"pickle.*torch\.load\('self_forcing_dmd\.pt', weights_only=True\)"):
        load_checkpoint(path)


def test_a_single_file_is_no_checkpoint(saved):
    with pytest.raises(CheckpointError, match=r"is a file; wanted the folder .* model_index\.json"):
        load_checkpoint(saved / "transformer" / WEIGHTS)


# ---- what is missing or wrong is named


@pytest.mark.parametrize(
    "missing",
    [
        "model_index.json",
        "transformer/config.json",
        f"transformer/{WEIGHTS}",
        "track_head/config.json",
        f"track_head/{WEIGHTS}",
        "vae/config.json",
        f"vae/{WEIGHTS}",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_missing_file_is_named(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(CheckpointError, match=f"{missing} is missing"):
        load_checkpoint(folder)


@pytest.mark.parametrize("missing", ["transformer", "track_head", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_part_is_named(folder, missing):
    shutil.rmtree(folder / missing)
    with pytest.raises(CheckpointError, match=rf"missing {missing}\. Copy"):
        load_checkpoint(folder)


@pytest.mark.parametrize("content", ["{", "[1]", "\udcff"])
def test_a_file_that_is_no_json_object_is_named(folder, content):
    (folder / "vae" / "config.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match=r"vae/config\.json: wanted a JSON object"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["transformer", "track_head", "vae"])
def test_an_unknown_or_impossible_setting_is_named_with_its_file(folder, name):
    config = folder / name / "config.json"
    edit_json(config, colour="red")
    with pytest.raises(CheckpointError, match=rf"{name}/config\.json: .*colour"):
        load_checkpoint(folder)
    edit_json(config, colour="delete")
    edit_json(
        config, **{"transformer": {"ffn_dim": -3}, "track_head": {"width": "wide"}, "vae": {"patch_size": "x"}}[name]
    )
    with pytest.raises(CheckpointError, match=rf"{name}/config\.json"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["transformer", "track_head", "vae"])
def test_missing_and_unexpected_names_are_listed_together(folder, name):
    removed = {}

    def change(state):
        first = sorted(state)[0] if name != "transformer" else "proj_out.bias"
        removed["name"] = first
        del state[first]
        state["blocks.0.self_attn.prope_o.weight"] = torch.zeros(1)

    edit_weights(folder / name / WEIGHTS, change)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    assert f"{folder / name}: " in str(caught.value)
    assert f"1 missing: {removed['name']}" in str(caught.value)
    assert "1 unexpected: blocks.0.self_attn.prope_o.weight" in str(caught.value)


def test_of_many_missing_names_the_first_few_and_the_count_are_said(folder):
    def change(state):
        for name in [name for name in state if name.startswith("blocks.1.")]:
            del state[name]

    edit_weights(folder / "transformer" / WEIGHTS, change)
    with pytest.raises(CheckpointError, match=r"27 missing: blocks\.1\.attn1\.norm_k\.weight, .* and 22 more"):
        load_checkpoint(folder)


def test_a_wrong_shape_is_named_with_both_shapes(folder):
    def change(state):
        state["proj_out.bias"] = torch.zeros(5)

    edit_weights(folder / "transformer" / WEIGHTS, change)
    with pytest.raises(CheckpointError, match=r"1 of wrong shape: proj_out\.bias wanted \[16\], got \[5\]"):
        load_checkpoint(folder)


@pytest.mark.parametrize(("dtype", "name"), [(torch.int8, "I8"), (torch.float8_e4m3fn, "F8_E4M3")])
def test_a_wrong_dtype_is_named(folder, dtype, name):
    def change(state):
        state["proj_out.bias"] = state["proj_out.bias"].to(dtype)

    edit_weights(folder / "transformer" / WEIGHTS, change)
    with pytest.raises(CheckpointError, match=f"1 of wrong dtype: proj_out.bias wanted F16 or BF16 .* got {name}"):
        load_checkpoint(folder)


def test_a_damaged_weight_file_is_named(folder):
    path = folder / "vae" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=rf"vae/{WEIGHTS}: wanted safetensors, could not read it"):
        load_checkpoint(folder)


def test_pickled_weights_in_a_part_are_refused(folder):
    path = folder / "vae" / WEIGHTS
    path.rename(path.with_suffix(".bin"))
    with pytest.raises(CheckpointError, match=r"diffusion_pytorch_model\.bin is a pickle"):
        load_checkpoint(folder)


def test_a_shard_that_is_missing_doubled_or_outside_is_named(folder, tmp_path):
    index, (first, second) = split_in_shards(folder / "transformer")
    original = index.read_text()
    index.write_text(original.replace(first.name, "../../outside.safetensors"))
    with pytest.raises(CheckpointError, match=r"wanted safetensors files beside it, got '../../outside\.safetensors'"):
        load_checkpoint(folder)
    index.write_text(original)
    kept = second.read_bytes()
    shutil.copy(first, second)
    with pytest.raises(CheckpointError, match=f"is also in {first.name}"):
        load_checkpoint(folder)
    second.write_bytes(kept)
    first.unlink()
    with pytest.raises(CheckpointError, match=rf"{first.name} is missing: .*index\.json names it"):
        load_checkpoint(folder)
    index.write_text("{}")
    with pytest.raises(CheckpointError, match="wanted a 'weight_map'"):
        load_checkpoint(folder)


def test_an_autoencoder_of_another_class_is_refused(folder):
    edit_json(folder / "vae" / "config.json", _class_name="AutoencoderKL")
    with pytest.raises(CheckpointError, match="wanted _class_name TinyVAE or AutoencoderKLWan, got 'AutoencoderKL'"):
        load_checkpoint(folder)


def test_a_model_of_two_transformers_is_refused_and_an_empty_entry_is_not(folder):
    edit_json(folder / "model_index.json", transformer_2=[None, None])
    load_checkpoint(folder)
    edit_json(folder / "model_index.json", transformer_2=["diffusers", "WanTransformer3DModel"])
    with pytest.raises(CheckpointError, match="two transformers"):
        load_checkpoint(folder)


def test_a_scheduler_without_a_shift_and_a_bad_stream_are_named_with_their_file(folder):
    edit_json(folder / "stream.json", sinks=3)
    with pytest.raises(CheckpointError, match=r"stream\.json: .*sinks"):
        load_checkpoint(folder)
    edit_json(folder / "scheduler" / "scheduler_config.json", shift="delete")
    with pytest.raises(CheckpointError, match=r"scheduler_config\.json: wanted a positive 'shift'"):
        load_checkpoint(folder)


def test_parts_of_different_models_are_refused_together(parts, folder):
    edit_json(folder / "text_encoder" / "config.json", d_model=128)
    other = TinyVAE(replace(VAE, latent_channels=6, latents_mean=(), latents_std=()))
    save_weights(other.state_dict(), folder / "vae", storage_dtype=torch.float32)
    edit_json(folder / "vae" / "config.json", latent_channels=6, latents_mean=[], latents_std=[])
    edit_json(folder / "stream.json", width=40)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    for problem in (
        "text_encoder's width is 128, transformer's text_dim is 64",
        "vae's latent channels is 6, transformer's out_channels is 4",
        "the stream's width 40 is no multiple of 16",
        "track_head's image condition is 10, transformer's condition_channels is 8",
    ):
        assert problem in str(caught.value)


def test_track_channels_without_a_track_head_are_refused(folder):
    shutil.rmtree(folder / "track_head")
    edit_json(folder / "model_index.json", track_head="delete")
    with pytest.raises(CheckpointError, match="absent track_head's channels is 0, transformer's track_channels is 6"):
        load_checkpoint(folder)


def split_in_shards(folder: Path) -> tuple[Path, tuple[Path, Path]]:
    """Replaces a folder's weights by two shards and their index."""
    whole = folder / WEIGHTS
    state = load_file(whole)
    whole.unlink()
    names = sorted(state)
    files = tuple(folder / f"diffusion_pytorch_model-0000{part}-of-00002.safetensors" for part in (1, 2))
    shards = (names[:10], names[10:])
    for file, shard in zip(files, shards, strict=True):
        save_file({name: state[name] for name in shard}, file)
    index = folder / f"{WEIGHTS}.index.json"
    mapping = {name: file.name for file, shard in zip(files, shards, strict=True) for name in shard}
    index.write_text(json.dumps({"metadata": {}, "weight_map": mapping}))
    return index, files
