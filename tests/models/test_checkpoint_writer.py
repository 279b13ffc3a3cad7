import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from motionstream.config import StreamConfig
from motionstream.errors import InputError, OutputError
from motionstream.models import checkpoint_writer
from motionstream.models.checkpoint_writer import save_checkpoint
from motionstream.models.components import load_transformer
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.wan.config import WanConfig
from motionstream.models.wan.transformer import WanTransformer

WAN = WanConfig(
    num_attention_heads=1,
    attention_head_dim=12,
    in_channels=4,
    out_channels=4,
    text_dim=64,
    freq_dim=8,
    ffn_dim=8,
    num_layers=1,
)


@pytest.fixture
def parts():
    return {
        "transformer": WanTransformer(WAN),
        "vae": TinyVAE(
            TinyVAEConfig(latent_channels=4, encoder_channels=4, decoder_channels=(4, 4, 4, 4), blocks_per_stage=1)
        ),
        "text_encoder": TextEncoder.create_tiny(),
        "stream": StreamConfig(height=32, width=32),
        "shift": 6.0,
    }


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_folder_holds_all_parts_and_nothing_stays_beside_it(parts, tmp_path):
    folder = save_checkpoint(tmp_path / "deep" / "tiny", **parts)
    assert entries(folder) == {
        *("model_index.json", "stream.json", "transformer", "vae", "text_encoder", "tokenizer", "scheduler")
    }
    assert entries(folder.parent) == {"tiny"}
    assert json.loads((folder / "vae" / "config.json").read_text())["_class_name"] == "TinyVAE"
    stored = load_file(folder / "text_encoder" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}


def test_diffusers_reads_the_transformer_of_a_checkpoint_without_our_channels(parts, tmp_path):
    diffusers = pytest.importorskip("diffusers")
    folder = save_checkpoint(tmp_path / "tiny", storage_dtype=torch.float32, **parts)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    values = {name: value for name, value in config.items() if name not in ("condition_channels", "track_channels")}
    theirs = diffusers.WanTransformer3DModel.from_config(values)
    theirs.load_state_dict(load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors"), strict=True)


def test_replacing_a_checkpoint_keeps_its_model_card_and_drops_what_the_new_one_lacks(parts, tmp_path):
    folder = tmp_path / "tiny"
    head = TrackHead(TrackHeadConfig(id_channels=4, width=4, out_channels=4))
    save_checkpoint(folder, **parts, track_head=head)
    (folder / "README.md").write_text("A model card.")
    (folder / "curves").mkdir()
    (folder / "curves" / "loss.csv").write_text("1,2")
    other = WanTransformer(WAN)
    save_checkpoint(folder, storage_dtype=torch.float32, **{**parts, "transformer": other})
    assert (folder / "README.md").read_text() == "A model card."
    assert (folder / "curves" / "loss.csv").read_text() == "1,2"
    assert not (folder / "track_head").exists()
    assert "track_head" not in json.loads((folder / "model_index.json").read_text())
    loaded, _ = load_transformer(folder / "transformer")
    assert torch.equal(loaded.proj_out.weight, other.proj_out.weight)
    assert entries(tmp_path) == {"tiny"}


@pytest.mark.parametrize("step", ["_write_settings", "_swap"])
def test_a_failure_half_way_leaves_the_old_checkpoint_and_no_rubbish(parts, tmp_path, monkeypatch, step):
    folder = save_checkpoint(tmp_path / "tiny", **parts)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_writer, step, fail)
    with pytest.raises(OutputError, match=r"tiny cannot be written: .*No space left on device"):
        save_checkpoint(folder, **{**parts, "shift": 3.0})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert entries(tmp_path) == {"tiny"}


def test_a_swap_that_fails_puts_the_old_checkpoint_back(parts, tmp_path, monkeypatch):
    folder = save_checkpoint(tmp_path / "tiny", **parts)
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if self.name.endswith(".new"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(OutputError, match="Input/output error"):
        save_checkpoint(folder, **parts)
    assert entries(tmp_path) == {"tiny"}
    assert (folder / "model_index.json").exists()


def test_a_folder_that_is_no_checkpoint_is_left_as_it_is(parts, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds files but no model_index\.json"):
        save_checkpoint(tmp_path, **parts)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(OutputError, match="is a file; wanted a folder"):
        save_checkpoint(tmp_path / "thesis.txt", **parts)


def test_a_path_that_cannot_be_made_is_an_error_of_the_output(parts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "tiny", **parts)


def test_a_storage_type_without_a_meaning_is_refused(parts, tmp_path):
    with pytest.raises(
        InputError, match=r"wanted one of torch\.bfloat16, torch\.float16, torch\.float32, got torch\.int8"
    ):
        save_checkpoint(tmp_path / "tiny", storage_dtype=torch.int8, **parts)
    assert entries(tmp_path) == set()
