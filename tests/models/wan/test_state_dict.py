import pytest
import torch

from motionstream.errors import CheckpointError
from motionstream.models.wan.config import WanConfig
from motionstream.models.wan.state_dict import detect_dialect, diffusers_name, strip_wrappers, to_diffusers, to_wan
from motionstream.models.wan.transformer import WanTransformer

IMAGE_TO_VIDEO = WanConfig(
    num_attention_heads=2,
    attention_head_dim=8,
    in_channels=8,
    out_channels=4,
    text_dim=8,
    freq_dim=8,
    ffn_dim=16,
    num_layers=12,
    image_dim=8,
    added_kv_proj_dim=16,
    pos_embed_seq_len=6,
)


@pytest.fixture(scope="module")
def ours() -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return WanTransformer(IMAGE_TO_VIDEO).state_dict()


def test_every_name_changes_into_wans_and_back(ours):
    wan = to_wan(ours)
    assert len(wan) == len(ours)
    assert set(wan) & set(ours) == {"patch_embedding.weight", "patch_embedding.bias"}
    assert detect_dialect(wan) == "wan"
    back = to_diffusers(wan)
    assert back.keys() == ours.keys()
    assert all(back[name] is ours[name] for name in ours)


def test_wans_names_are_those_of_the_published_files(ours):
    wan = to_wan(ours)
    for name in (
        "text_embedding.2.weight",
        "time_embedding.0.bias",
        "time_projection.1.weight",
        "blocks.0.modulation",
        "blocks.11.self_attn.o.weight",
        "blocks.3.self_attn.norm_q.weight",
        "blocks.3.cross_attn.k_img.bias",
        "blocks.3.cross_attn.norm_k_img.weight",
        "blocks.3.norm3.bias",
        "blocks.3.ffn.2.weight",
        "head.head.weight",
        "head.modulation",
        "img_emb.proj.4.weight",
        "img_emb.emb_pos",
    ):
        assert name in wan


def test_the_mapping_is_that_of_diffusers_own_converter(ours):
    utils = pytest.importorskip("diffusers.loaders.single_file_utils")
    wan = {name: torch.full((1,), index) for index, name in enumerate(to_wan(ours)) if "emb_pos" not in name}
    reference = utils.convert_wan_transformer_to_diffusers(dict(wan))
    assert {name: int(value) for name, value in to_diffusers(wan).items()} == {
        name: int(value) for name, value in reference.items()
    }


def test_diffusers_names_stay_as_they_are(ours):
    assert list(to_diffusers(ours)) == list(ours)


def test_wrappers_of_trainers_are_stripped_however_many(ours):
    wrapped = {f"generator.model._fsdp_wrapped_module.{name}": tensor for name, tensor in to_wan(ours).items()}
    assert to_diffusers(wrapped).keys() == ours.keys()
    assert strip_wrappers("module._orig_mod.blocks.0.norm3.weight") == "blocks.0.norm3.weight"


def test_a_name_outside_the_table_is_kept_to_be_named_later():
    assert diffusers_name("blocks.0.self_attn.prope_o.weight") == "blocks.0.self_attn.prope_o.weight"
    assert diffusers_name("head.modulation_of_another_kind") == "head.modulation_of_another_kind"
    assert diffusers_name("control_adapter.conv.weight") == "control_adapter.conv.weight"


def test_a_parameter_that_is_there_twice_is_refused(ours):
    twice = {**to_wan(ours), "model.head.modulation": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"scale_shift_table is there twice, once as model\.head\.modulation"):
        to_diffusers(twice)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("blocks.0.to_q.weight", "FastVideo"),
        ("blocks.0.self_attn.qkv.weight", "fused-qkv"),
        ("encoder.conv1.weight", "unknown"),
    ],
)
def test_a_dialect_that_is_not_read_is_named(name, dialect):
    with pytest.raises(CheckpointError, match=f"got {dialect} names .*{name}"):
        detect_dialect([name])
    with pytest.raises(CheckpointError, match="no tensor at all"):
        detect_dialect([])
