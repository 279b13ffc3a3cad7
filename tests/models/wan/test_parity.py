import pytest
import torch
from diffusers import WanTransformer3DModel

from motionstream.models.wan import PRESETS, WanConfig, WanTransformer

T2V = WanConfig(
    num_attention_heads=2, attention_head_dim=28, in_channels=4, out_channels=4, text_dim=10, freq_dim=16, ffn_dim=40,
    num_layers=3,
)  # fmt: skip
I2V = WanConfig(
    num_attention_heads=2, attention_head_dim=20, in_channels=9, out_channels=4, text_dim=10, freq_dim=16, ffn_dim=40,
    num_layers=2, image_dim=12, added_kv_proj_dim=40, cross_attn_norm=False,
)  # fmt: skip
TEXT_TOKENS = 512  # diffusers takes as image tokens what exceeds 512
PUBLISHED = {
    "wan2.1-t2v-1.3b": 1_418_996_800,
    "wan2.1-t2v-14b": 14_288_491_584,
    "wan2.1-i2v-14b": 16_394_878_784,
    "wan2.2-ti2v-5b": 4_999_787_712,
}


def reference(config: WanConfig) -> WanTransformer3DModel:
    ours = ("condition_channels", "track_channels", "prediction", "gated_condition")
    values = {k: v for k, v in config.to_json().items() if not k.startswith("_") and k not in ours}
    return WanTransformer3DModel(**values)


def pair(config: WanConfig) -> tuple[WanTransformer3DModel, WanTransformer]:
    torch.manual_seed(0)
    theirs, ours = reference(config), WanTransformer(config)
    for parameter in theirs.parameters():  # leave nothing at 0 or 1
        torch.nn.init.normal_(parameter, std=0.15)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs.eval(), ours.eval()


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(("height", "width", "frames"), [(4, 6, 3), (8, 2, 1)])
@torch.no_grad()
def test_text_to_video_equals_diffusers(height: int, width: int, frames: int) -> None:
    theirs, ours = pair(T2V)
    latents, text, timesteps = torch.randn(2, 4, frames, height, width), torch.randn(2, 7, 10), torch.tensor([999, 3])
    want = theirs(latents, timesteps, text).sample
    assert relative_error(ours(latents, timesteps, text), want) < 1e-5


@torch.no_grad()
def test_image_to_video_equals_diffusers() -> None:
    theirs, ours = pair(I2V)
    latents, text, image = torch.randn(2, 9, 3, 4, 6), torch.randn(2, TEXT_TOKENS, 10), torch.randn(2, 5, 12)
    timesteps = torch.tensor([999.0, 3.5])
    want = theirs(latents, timesteps, text, image).sample
    assert relative_error(ours(latents, timesteps, text, image), want) < 1e-5


@torch.no_grad()
def test_first_and_last_frame_tokens_with_learned_positions_equal_diffusers() -> None:
    theirs, ours = pair(WanConfig(**{**vars(I2V), "pos_embed_seq_len": 10}))
    latents, text, image = torch.randn(2, 9, 1, 4, 6), torch.randn(2, TEXT_TOKENS, 10), torch.randn(4, 5, 12)
    timesteps = torch.tensor([999, 3])
    want = theirs(latents, timesteps, text, image).sample
    assert relative_error(ours(latents, timesteps, text, image), want) < 1e-5


@torch.no_grad()
def test_timesteps_per_token_equal_diffusers_and_timesteps_per_latent_frame_are_their_shorthand() -> None:
    theirs, ours = pair(T2V)
    latents, text = torch.randn(2, 4, 3, 4, 6), torch.randn(2, 7, 10)
    frames = torch.tensor([[0.0, 500.0, 1000.0], [7.0, 7.0, 800.0]])
    tokens = frames.repeat_interleave(6, dim=1)
    want = theirs(latents, tokens, text).sample
    assert relative_error(ours(latents, tokens, text), want) < 1e-5
    assert relative_error(ours(latents, frames, text), want) < 1e-5


@torch.no_grad()
def test_bfloat16_is_as_near_to_float32_as_diffusers_is() -> None:
    theirs, ours = pair(T2V)
    latents, text, timesteps = torch.randn(2, 4, 3, 4, 6), torch.randn(2, 7, 10), torch.tensor([999, 3])
    want = ours(latents, timesteps, text)
    theirs.to(torch.bfloat16)
    ours.to(torch.bfloat16)
    got = ours(latents.bfloat16(), timesteps, text.bfloat16())
    reference_error = relative_error(theirs(latents.bfloat16(), timesteps, text.bfloat16()).sample, want)
    assert got.dtype == torch.bfloat16
    assert 1e-4 < relative_error(got, want) < 1.5 * reference_error


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_published_shapes_have_the_published_parameters(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = WanTransformer(PRESETS[name]), reference(PRESETS[name])
    assert sum(parameter.numel() for parameter in ours.parameters()) == PUBLISHED[name]
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    assert shapes == {key: value.shape for key, value in theirs.state_dict().items()}


@torch.no_grad()
def test_channels_of_ours_widen_only_the_patch_embedding_and_change_nothing_while_its_new_slots_are_zero() -> None:
    _, base = pair(T2V)
    wide = WanTransformer(WanConfig(**{**vars(T2V), "condition_channels": 5, "track_channels": 3}))
    state = base.state_dict()
    weight = torch.zeros_like(wide.patch_embedding.weight)
    weight[:, :4] = state["patch_embedding.weight"]
    wide.load_state_dict({**state, "patch_embedding.weight": weight}, strict=True)
    latents, text, timesteps = torch.randn(2, 12, 3, 4, 6), torch.randn(2, 7, 10), torch.tensor([999, 3])
    assert torch.equal(wide(latents, timesteps, text), base(latents[:, :4], timesteps, text))
