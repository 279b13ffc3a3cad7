import pytest
import torch
from diffusers import WanTransformer3DModel

from motionstream.models.wan import PRESETS, WanConfig, WanTransformer

T2V = WanConfig(num_attention_heads=2, attention_head_dim=28, in_channels=4, out_channels=4, text_dim=10,
                freq_dim=16, ffn_dim=40, num_layers=3)  # fmt: skip
I2V = WanConfig(num_attention_heads=2, attention_head_dim=20, in_channels=9, out_channels=4, text_dim=10,
                freq_dim=16, ffn_dim=40, num_layers=2, image_dim=12, added_kv_proj_dim=40)  # fmt: skip
TEXT_TOKENS = 512  # diffusers counts image tokens as what exceeds 512


def pair(config: WanConfig) -> tuple[WanTransformer3DModel, WanTransformer]:
    torch.manual_seed(0)
    values = {k: v for k, v in config.to_json().items() if not k.startswith("_") and not k.endswith("k_channels")}
    values.pop("condition_channels")
    theirs = WanTransformer3DModel(**values)
    for parameter in theirs.parameters():  # no zero or one left at its initial value
        torch.nn.init.normal_(parameter, std=0.15)
    ours = WanTransformer(config)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs.eval(), ours.eval()


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(("height", "width", "frames"), [(4, 6, 3), (8, 2, 1)])
@torch.no_grad()
def test_text_to_video_equals_diffusers(height: int, width: int, frames: int) -> None:
    theirs, ours = pair(T2V)
    latents, text = torch.randn(2, 4, frames, height, width), torch.randn(2, 7, 10)
    timesteps = torch.tensor([999.0, 3.5])
    want = theirs(latents, timesteps, text).sample
    assert relative_error(ours(latents, timesteps, text), want) < 1e-5


@torch.no_grad()
def test_image_to_video_equals_diffusers() -> None:
    theirs, ours = pair(I2V)
    latents, text, image = torch.randn(2, 9, 3, 4, 6), torch.randn(2, TEXT_TOKENS, 10), torch.randn(2, 5, 12)
    timesteps = torch.tensor([999, 3])
    want = theirs(latents, timesteps, text, image).sample
    assert relative_error(ours(latents, timesteps, text, image), want) < 1e-5


@torch.no_grad()
def test_a_timestep_per_token_equals_diffusers_and_a_timestep_per_frame_is_its_shorthand() -> None:
    theirs, ours = pair(T2V)
    latents, text = torch.randn(2, 4, 3, 4, 6), torch.randn(2, 7, 10)
    frames = torch.tensor([[0.0, 500.0, 1000.0], [7.0, 7.0, 800.0]])
    tokens = frames.repeat_interleave(6, dim=1)
    want = theirs(latents, tokens, text).sample
    assert relative_error(ours(latents, tokens, text), want) < 1e-5
    assert relative_error(ours(latents, frames, text), want) < 1e-5


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_published_shapes_have_diffusers_parameters(name: str) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        ours = WanTransformer(config)
    published = {
        "wan2.1-t2v-1.3b": 1_418_996_800,
        "wan2.1-t2v-14b": 14_288_491_584,
        "wan2.2-ti2v-5b": 4_999_787_712,
    }
    print(name, sum(p.numel() for p in ours.parameters()), published)
