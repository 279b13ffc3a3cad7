import copy

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from motionstream.models.kv_cache import KVCache
from motionstream.models.wan import WanConfig, WanTransformer, causal_mask, teacher_forcing_mask

CONFIG = WanConfig(
    num_attention_heads=2, attention_head_dim=28, in_channels=4, out_channels=4, text_dim=10, freq_dim=16, ffn_dim=40,
    num_layers=2, track_channels=2,
)  # fmt: skip
I2V = WanConfig(**{**vars(CONFIG), "image_dim": 12, "added_kv_proj_dim": 56})
TIMESTEP = 300.0


@pytest.fixture(scope="module")
def model() -> WanTransformer:
    return make(CONFIG)


def make(config: WanConfig) -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def stream(
    model: WanTransformer, latents: torch.Tensor, text: torch.Tensor, sink: int, window: int, chunk: int
) -> torch.Tensor:
    step, context = model.modulation(torch.tensor([TIMESTEP]))[0], model.prompt_context(text)
    cache = new_cache(model, latents, sink, window, chunk)
    outputs = []
    for part in latents.split(chunk, dim=2):
        outputs.append(model.forward_chunk(part, step, context, cache))
        cache.commit()
    return torch.cat(outputs, dim=2)


def new_cache(model: WanTransformer, latents: torch.Tensor, sink: int, window: int, chunk: int) -> KVCache:
    height, width = latents.shape[-2:]
    return model.new_cache(
        height, width, sink_frames=sink, window_frames=window, chunk_frames=chunk, batch=len(latents)
    )


SETTINGS = [(3, 3, 3), (0, 9, 3), (1, 4, 2), (2, 7, 1), (4, 5, 3), (9, 0, 3)]


@pytest.mark.parametrize(("sink", "window", "chunk"), SETTINGS)
@torch.no_grad()
def test_a_stream_equals_one_masked_forward_before_eviction(
    model: WanTransformer, sink: int, window: int, chunk: int
) -> None:
    frames = min(9, (sink + window) // chunk * chunk + chunk)
    latents, text = torch.randn(2, 6, frames, 4, 6), torch.randn(2, 5, 10)
    mask = causal_mask(frames, chunk, sink, window)
    want = model(latents, torch.full((2,), TIMESTEP), text, attention_mask=mask)
    torch.testing.assert_close(stream(model, latents, text, sink, window, chunk), want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("sink", "window", "chunk"), [*SETTINGS, (0, 0, 2), (1, 0, 3), (0, 2, 4)])
@pytest.mark.parametrize(("height", "width"), [(4, 2), (2, 10)])
@torch.no_grad()
def test_a_stream_equals_one_masked_forward_with_ranked_positions_after_any_eviction(
    model: WanTransformer, sink: int, window: int, chunk: int, height: int, width: int
) -> None:
    latents, text = torch.randn(1, 6, 6 * chunk, height, width), torch.randn(1, 5, 10)
    mask = causal_mask(6 * chunk, chunk, sink, window)
    want = model(latents, torch.full((1,), TIMESTEP), text, positions="rank", attention_mask=mask)
    torch.testing.assert_close(stream(model, latents, text, sink, window, chunk), want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_teacher_forcing_shows_each_noisy_chunk_what_its_stream_would(model: WanTransformer) -> None:
    sink, window, chunk, frames = 2, 3, 2, 10
    clean, noisy, text = torch.randn(1, 6, frames, 4, 4), torch.randn(1, 6, frames, 4, 4), torch.randn(1, 5, 10)
    past = frames - chunk
    timesteps = torch.tensor([[0.0] * past + [TIMESTEP] * frames])
    got = model(
        torch.cat((clean[:, :, :past], noisy), dim=2), timesteps, text, positions="rank",
        attention_mask=teacher_forcing_mask(frames, chunk, sink, window),
    )[:, :, past:]  # fmt: skip
    done, step = model.modulation(torch.tensor([0.0, TIMESTEP]))
    context, cache = model.prompt_context(text), new_cache(model, clean, sink, window, chunk)
    for start in range(0, frames, chunk):
        want = model.forward_chunk(noisy[:, :, start : start + chunk], step, context, cache)
        torch.testing.assert_close(got[:, :, start : start + chunk], want, atol=1e-5, rtol=1e-5)
        model.forward_chunk(clean[:, :, start : start + chunk], done, context, cache)
        cache.commit()


@torch.no_grad()
def test_a_mask_over_frames_equals_the_same_mask_over_tokens_and_positions_move_frames(model: WanTransformer) -> None:
    latents, text, mask = torch.randn(1, 6, 5, 4, 4), torch.randn(1, 5, 10), teacher_forcing_mask(3, 1, 1, 1)
    positions, timesteps = torch.tensor([0, 1, 0, 1, 2]), torch.tensor([[0.0, 0.0, 9.0, 9.0, 9.0]])
    by_frame = model(latents, timesteps, text, positions=positions, attention_mask=mask)
    tokens = mask.repeat_interleave(4, 0).repeat_interleave(4, 1)
    by_token = model(latents, timesteps, text, positions=positions, attention_mask=tokens)
    torch.testing.assert_close(by_frame, by_token, atol=1e-5, rtol=1e-5)
    shifted = model(latents, timesteps, text, positions=positions + 40, attention_mask=mask)
    torch.testing.assert_close(by_frame, shifted, atol=1e-5, rtol=1e-5)  # rotary positions are relative
    assert not torch.allclose(by_frame, model(latents, timesteps, text, attention_mask=mask), atol=1e-3)


@torch.no_grad()
def test_a_repeated_denoising_step_replaces_the_one_before(model: WanTransformer) -> None:
    latents, text = torch.randn(1, 6, 6, 4, 4), torch.randn(1, 5, 10)
    noisy, clean = model.modulation(torch.tensor([900.0, 0.0]))
    context = model.prompt_context(text)
    straight, tried = (new_cache(model, latents, 2, 2, 2) for _ in range(2))
    for start in (0, 2, 4):
        chunk = latents[:, :, start : start + 2]
        model.forward_chunk(torch.randn_like(chunk), noisy, context, tried)
        got = model.forward_chunk(chunk, clean, context, tried)
        assert torch.equal(got, model.forward_chunk(chunk, clean, context, straight))
        tried.commit()
        straight.commit()
    assert torch.equal(tried.keys, straight.keys)
    assert torch.equal(tried.values, straight.values)


@torch.no_grad()
def test_writing_a_chunk_leaves_the_very_keys_and_values_of_a_forward(model: WanTransformer) -> None:
    latents, text = torch.randn(1, 6, 12, 4, 4), torch.randn(1, 5, 10)
    clean, context = model.modulation(torch.tensor([0.0]))[0], model.prompt_context(text)
    predicted, written = (new_cache(model, latents, 2, 4, 2) for _ in range(2))
    for part in latents.split(2, dim=2):
        model.forward_chunk(part, clean, context, predicted)
        model.write_chunk(part, clean, context, written)
        predicted.commit()
        written.commit()
        assert torch.equal(predicted.keys, written.keys)
        assert torch.equal(predicted.values, written.values)
    follow = [model.forward_chunk(latents[:, :, :2], clean, context, cache) for cache in (predicted, written)]
    assert torch.equal(*follow)


@torch.no_grad()
def test_prompt_and_modulation_made_once_equal_the_direct_forward_with_image_tokens() -> None:
    model = make(I2V)
    latents, text, image = torch.randn(2, 6, 3, 4, 4), torch.randn(2, 5, 10), torch.randn(2, 7, 12)
    steps, context = model.modulation(torch.tensor([1000.0, 771.0])), model.prompt_context(text, image)
    cache = new_cache(model, latents, 3, 3, 3)
    for step, timestep in zip(steps, (1000.0, 771.0), strict=True):
        want = model(latents, torch.full((2,), timestep), text, image)
        torch.testing.assert_close(model.forward_chunk(latents, step, context, cache), want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_step_may_hold_a_timestep_per_latent_frame(model: WanTransformer) -> None:
    latents, text, timesteps = torch.randn(1, 6, 3, 4, 4), torch.randn(1, 5, 10), torch.tensor([[0.0, 900.0, 900.0]])
    got = model.forward_chunk(
        latents, model.modulation(timesteps)[0], model.prompt_context(text), new_cache(model, latents, 3, 3, 3)
    )
    torch.testing.assert_close(got, model(latents, timesteps, text), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other(model: WanTransformer) -> None:
    latents, text = torch.randn(3, 6, 8, 4, 4), torch.randn(3, 5, 10)
    together = stream(model, latents, text, 1, 2, 2)
    alone = stream(model, latents[1:2], text[1:2], 1, 2, 2)
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_gradients_flow_through_the_current_chunk_and_leave_the_cache_alone(model: WanTransformer) -> None:
    latents, text, timestep = torch.randn(1, 6, 8, 4, 4), torch.randn(1, 5, 10), torch.tensor([TIMESTEP])
    with torch.no_grad():
        cache, step = new_cache(model, latents, 2, 2, 2), model.modulation(timestep)[0]
        for start in (0, 2, 4):
            model.forward_chunk(latents[:, :, start : start + 2], step, model.prompt_context(text), cache)
            cache.commit()
        want = model.forward_chunk(latents[:, :, 6:], step, model.prompt_context(text), cache.clone())
    keys, last = cache.keys.clone(), latents[:, :, 6:].clone().requires_grad_()
    got = model.forward_chunk(last, model.modulation(timestep)[0], model.prompt_context(text), cache)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    assert torch.equal(cache.keys, keys)
    weight = model.blocks[0].attn1.to_k.weight
    (slope, of_weight) = torch.autograd.grad(got.square().sum(), (last, weight))
    assert of_weight.abs().sum() > 0
    nudge = torch.randn_like(last) * 1e-3
    with torch.no_grad():
        up, down = (
            model.forward_chunk(last + sign * nudge, step, model.prompt_context(text), cache.clone()).square().sum()
            for sign in (1, -1)
        )
    assert float((slope * nudge).sum()) == pytest.approx(float(up - down) / 2, rel=0.02)


@torch.no_grad()
def test_a_compiled_stream_equals_the_plain_one_and_needs_no_new_graph_as_it_goes_on(model: WanTransformer) -> None:
    latents, text = torch.randn(1, 6, 16, 4, 4), torch.randn(1, 5, 10)
    want, compiled, graphs = stream(model, latents, text, 2, 3, 2), make(CONFIG), CompileCounter()
    for block in compiled.blocks:
        block.compile(backend=graphs, dynamic=False, fullgraph=True)
    torch.testing.assert_close(stream(compiled, latents[:, :, :2], text, 2, 3, 2), want[:, :, :2])
    after_first_chunk = graphs.frame_count
    torch.testing.assert_close(stream(compiled, latents, text, 2, 3, 2), want)
    assert 0 < after_first_chunk == graphs.frame_count
    twin = copy.deepcopy(compiled)
    torch.nn.init.zeros_(twin.blocks[0].attn1.to_v.weight)
    assert not torch.allclose(stream(twin, latents, text, 2, 3, 2), want, atol=1e-3)
    torch.testing.assert_close(stream(compiled, latents, text, 2, 3, 2), want)


def test_recomputed_activations_give_the_same_gradients(model: WanTransformer) -> None:
    latents, text = torch.randn(1, 6, 3, 4, 4), torch.randn(1, 5, 10)
    gradients = []
    for model.gradient_checkpointing in (False, True):
        loss = model(latents, torch.tensor([5.0]), text, attention_mask=causal_mask(3, 1)).square().sum()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    model.gradient_checkpointing = False
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_every_parameter_learns() -> None:
    model = make(I2V)
    loss = model(torch.randn(1, 6, 2, 4, 4), torch.tensor([5.0]), torch.randn(1, 5, 10), torch.randn(1, 7, 12))
    loss.square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


@pytest.mark.parametrize(
    ("shape", "timesteps", "message"),
    [
        ((1, 5, 2, 4, 4), [1.0], "wanted latents of 6 channels"),
        ((1, 6, 2, 5, 4), [1.0], "multiples of 2 and 2"),
        ((1, 6, 2, 4, 4), [[1.0, 1.0, 1.0]], "wanted timesteps"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    model: WanTransformer, shape: tuple[int, ...], timesteps: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(shape), torch.tensor(timesteps), torch.zeros(1, 5, 10))


def test_a_mask_that_does_not_fit_is_refused(model: WanTransformer) -> None:
    latents, timestep, text = torch.zeros(1, 6, 2, 4, 4), torch.tensor([1.0]), torch.zeros(1, 5, 10)
    with pytest.raises(ValueError, match=r"wanted a mask over 2 latent frames or 8 tokens"):
        model(latents, timestep, text, attention_mask=torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"over latent frames"):
        model(latents, timestep, text, positions="rank")


def test_image_tokens_come_exactly_where_the_model_reads_them(model: WanTransformer) -> None:
    with pytest.raises(ValueError, match=r"reads no image_embeds"):
        model.prompt_context(torch.zeros(1, 5, 10), torch.zeros(1, 7, 12))
    with pytest.raises(ValueError, match=r"reads image_embeds"):
        make(I2V).prompt_context(torch.zeros(1, 5, 10))
