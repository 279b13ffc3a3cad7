"""What comes out of the transformer: a velocity or the clean sample, and the gate of what is known already."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from motionstream.errors import CheckpointError
from motionstream.models.track_head import TrackHeadConfig
from motionstream.models.wan import PRESETS, WanConfig, WanTransformer, causal_mask

VELOCITY = WanConfig(
    num_attention_heads=2, attention_head_dim=28, in_channels=4, out_channels=4, text_dim=10, freq_dim=16, ffn_dim=40,
    num_layers=2, condition_channels=TrackHeadConfig().condition_channels(4), track_channels=2,
)  # fmt: skip
SAMPLE = replace(VELOCITY, prediction="sample")
GATED = replace(SAMPLE, gated_condition=True)
TOTAL = 4 + 4 + 4 + 2
KNOWN = slice(8, 12)
"""Where the image condition's latents are: behind the noisy latents and the mask."""
TIMESTEP = 300.0


def make(config: WanConfig) -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def inputs(frames: int = 3, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents with everything behind them, and a prompt."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(batch, TOTAL, frames, 4, 6, generator=generator)
    return latents, torch.randn(batch, 5, 10, generator=generator)


def whole(model: WanTransformer, latents: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return model(latents, torch.full((len(latents),), TIMESTEP), text)


def stream(model: WanTransformer, latents: torch.Tensor, text: torch.Tensor, chunk: int) -> torch.Tensor:
    step, context = model.modulation(torch.tensor([TIMESTEP]))[0], model.prompt_context(text)
    cache = model.new_cache(4, 6, sink_frames=3, window_frames=3, chunk_frames=chunk, batch=len(latents))
    outputs = []
    for part in latents.split(chunk, dim=2):
        outputs.append(model.forward_chunk(part, step, context, cache))
        cache.commit()
    return torch.cat(outputs, dim=2)


@pytest.mark.parametrize("time", [0.0, 0.3, 1.0, torch.tensor([0.9, 0.1]).view(2, 1, 1, 1, 1)])
def test_a_true_velocity_means_the_clean_latents_at_any_time(time: float | torch.Tensor) -> None:
    model = make(VELOCITY)
    clean, noise = torch.randn(2, 2, 4, 3, 4, 6)
    noisy = (1 - time) * clean + time * noise
    torch.testing.assert_close(model.clean(noise - clean, noisy, time), clean, atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [SAMPLE, GATED], ids=["sample", "gated"])
def test_a_predicted_sample_is_the_clean_latents_whatever_the_noisy_ones(config: WanConfig) -> None:
    model = make(config)
    made, noisy = torch.randn(2, 1, 4, 3, 4, 6)
    assert torch.equal(model.clean(made, noisy, 0.7), made)


@torch.no_grad()
def test_what_a_prediction_means_does_not_change_what_comes_out() -> None:
    assert torch.equal(whole(make(SAMPLE), *inputs()), whole(make(VELOCITY), *inputs()))


def open_by(raw: torch.Tensor) -> torch.Tensor:
    """The gate: nearly open at 0, quite open from a small positive value on."""
    return (1.05 * torch.sigmoid(raw + 2.9)).clamp(max=1)


@torch.no_grad()
def test_a_gate_without_a_prediction_lets_the_known_latents_through() -> None:
    model, (latents, text) = make(GATED), inputs()
    torch.nn.init.zeros_(model.proj_out.weight)
    torch.nn.init.zeros_(model.proj_out.bias)
    wanted = open_by(torch.tensor(0.0)) * latents[:, KNOWN]
    for made in (whole(model, latents, text), stream(model, latents, text, 3)):
        torch.testing.assert_close(made, wanted, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_first_channel_of_output_gates_the_known_latents_and_the_others_are_added() -> None:
    latents, text = inputs()
    raw = whole(make(replace(VELOCITY, out_channels=5)), latents, text)  # the same weights, without a gate
    wanted = open_by(raw[:, :1]) * latents[:, KNOWN] + raw[:, 1:]
    assert raw[:, 0].std() > 0.1
    torch.testing.assert_close(whole(make(GATED), latents, text), wanted, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_first_chunk_equals_the_whole_forward() -> None:
    model, (latents, text) = make(GATED), inputs()
    torch.testing.assert_close(stream(model, latents, text, 3), whole(model, latents, text), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_gated_stream_equals_one_masked_forward() -> None:
    model, (latents, text) = make(GATED), inputs(frames=6)
    want = model(latents, torch.full((2,), TIMESTEP), text, attention_mask=causal_mask(6, 2, 3, 3))
    torch.testing.assert_close(stream(model, latents, text, 2), want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_input_channels_that_contain_the_image_condition_are_read_alike() -> None:
    latents, text = inputs()
    apart, together = make(GATED), make(replace(GATED, in_channels=12, condition_channels=0))  # as Wan's 36 = 16 + 20
    assert torch.equal(whole(together, latents, text), whole(apart, latents, text))
    assert torch.equal(stream(together, latents, text, 3), stream(apart, latents, text, 3))


@torch.no_grad()
def test_a_gate_adds_one_channel_to_the_last_layer_and_none_to_what_comes_out() -> None:
    shapes = [{name: p.shape for name, p in make(config).named_parameters()} for config in (SAMPLE, GATED)]
    changed = {name: (a, shapes[1][name]) for name, a in shapes[0].items() if a != shapes[1][name]}
    assert shapes[0].keys() == shapes[1].keys()
    assert changed == {"proj_out.weight": ((16, 56), (20, 56)), "proj_out.bias": ((16,), (20,))}
    assert whole(make(GATED), *inputs()).shape == whole(make(SAMPLE), *inputs()).shape == (2, 4, 3, 4, 6)


def test_the_gate_learns_although_nothing_is_predicted_yet() -> None:
    model = make(GATED)
    torch.nn.init.zeros_(model.proj_out.weight)
    torch.nn.init.zeros_(model.proj_out.bias)
    whole(model, *inputs()).square().sum().backward()
    slopes = model.proj_out.bias.grad
    assert slopes is not None
    assert slopes.view(4, 5)[:, 0].abs().min() > 0  # by pixel of a patch, the gate first


@torch.no_grad()
def test_a_gated_model_stays_in_its_number_type() -> None:
    model, (latents, text) = make(GATED).to(torch.bfloat16), inputs()
    made = whole(model, latents.bfloat16(), text.bfloat16())
    assert made.dtype == torch.bfloat16
    want = whole(make(GATED), latents, text)
    assert (made - want).norm() / want.norm() < 0.05


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prediction": "noise"}, "prediction must be velocity or sample, got 'noise'"),
        ({"prediction": "velocity"}, "gated_condition needs prediction sample .* got velocity"),
        ({"condition_channels": 7}, "at least 12 channels of latents and image condition, got sample and 11"),
        ({"condition_channels": 0}, "at least 12 channels of latents and image condition, got sample and 4"),
    ],
)
def test_a_wrong_output_is_named_with_what_was_wanted(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(CheckpointError, match=named):
        WanConfig.from_json({**GATED.to_json(), **wrong})


@pytest.mark.parametrize("config", [VELOCITY, SAMPLE, GATED], ids=["velocity", "sample", "gated"])
def test_what_comes_out_survives_the_round_trip_through_json(config: WanConfig, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_json()))
    assert WanConfig.from_json(path) == config


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_published_models_predict_a_velocity_without_a_gate(name: str) -> None:
    published = {k: v for k, v in PRESETS[name].to_json().items() if k not in ("prediction", "gated_condition")}
    config = WanConfig.from_json(published)
    assert (config.prediction, config.gated_condition) == ("velocity", False)
