import json
import logging
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from motionstream.errors import CheckpointError
from motionstream.models import text_encoder as text_encoder_module
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.umt5 import tiny_parts


@pytest.fixture(scope="module")
def tiny() -> TextEncoder:
    return TextEncoder.create_tiny(seed=3)


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save(tmp_path)
    return tmp_path


def test_embeddings_have_the_fixed_length_and_are_zero_past_the_prompts_end(tiny):
    embeds = tiny.encode("a red ball")
    assert embeds.shape == (1, 96, 64)
    used = len("a red ball") + 1  # bytes, and the end token
    assert (embeds[0, :used].abs().sum(-1) > 0).all()
    assert (embeds[0, used:] == 0).all()


def test_leaving_the_padding_out_changes_nothing_against_transformers_masked_batch(tiny):
    parts = tiny_parts(seed=3)
    batch = parts.tokenizer("a red ball", padding="max_length", max_length=96, return_tensors="pt")
    with torch.no_grad():
        reference = parts.model(batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    reference = reference * batch.attention_mask[..., None]
    torch.testing.assert_close(tiny.encode("a red ball"), reference, rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_encoder_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    same, other = TextEncoder.create_tiny(seed=3), TextEncoder.create_tiny(seed=4)
    embeds = same.encode("a cat")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(embeds, TextEncoder.create_tiny(seed=3).encode("a cat"))
    assert not torch.allclose(embeds, other.encode("a cat"))


def test_different_prompts_have_different_embeddings_and_white_space_does_not_count(tiny):
    assert not torch.allclose(tiny.encode("a cat runs"), tiny.encode("a dog runs"))
    assert tiny.encode("  a \n cat\truns ") is tiny.encode("a cat runs")


def test_an_empty_prompt_is_the_end_token_alone(tiny):
    embeds = tiny.encode("")
    assert embeds[0, 0].abs().sum() > 0
    assert (embeds[0, 1:] == 0).all()


def test_a_saved_encoder_loads_back_with_the_same_embeddings(tiny, folder):
    loaded = TextEncoder.load(folder)
    assert (loaded.width, loaded.max_length) == (64, 96)
    assert torch.equal(loaded.encode("a blue box"), tiny.encode("a blue box"))


def test_transformers_reads_the_saved_folders_too(tiny, folder):
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    model = transformers.UMT5EncoderModel.from_pretrained(folder / "text_encoder", use_safetensors=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "tokenizer")
    with torch.no_grad():
        reference = model(**tokenizer("a blue box", return_tensors="pt")).last_hidden_state
    torch.testing.assert_close(tiny.encode("a blue box")[:, : reference.shape[1]], reference, rtol=1e-4, atol=1e-5)


def test_a_file_with_both_names_of_the_shared_table_or_only_the_other_loads(tiny, folder):
    path = folder / "text_encoder" / "model.safetensors"
    state = load_file(path)
    table = state.pop("shared.weight")
    save_file({**state, "encoder.embed_tokens.weight": table}, path)
    assert torch.equal(TextEncoder.load(folder).encode("a"), tiny.encode("a"))
    save_file({**state, "encoder.embed_tokens.weight": table.clone(), "shared.weight": table}, path)
    assert torch.equal(TextEncoder.load(folder).encode("a"), tiny.encode("a"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_embeddings_are_close_to_full_ones(tiny, folder, dtype):
    embeds = TextEncoder.load(folder, dtype=dtype).encode("a blue box")
    assert embeds.dtype == dtype
    difference = (embeds.float() - tiny.encode("a blue box")).norm() / tiny.encode("a blue box").norm()
    assert difference < 0.05


def test_weights_wait_for_the_first_prompt_and_can_be_freed(folder):
    encoder = TextEncoder.load(folder)
    assert not encoder.is_loaded
    first = encoder.encode("a cat")
    assert encoder.is_loaded
    encoder.offload()
    assert not encoder.is_loaded
    assert encoder.encode("a cat") is first
    assert not encoder.is_loaded, "a remembered prompt needs no weights"
    assert encoder.encode("a dog").shape == first.shape
    assert encoder.is_loaded


def test_embeddings_are_remembered_and_the_oldest_forgotten_first(monkeypatch):
    monkeypatch.setattr(text_encoder_module, "CACHED_PROMPTS", 2)
    encoder = TextEncoder.create_tiny()
    one, two = encoder.encode("one"), encoder.encode("two")
    assert encoder.encode("one") is one
    encoder.encode("three")  # "two" was asked for longest ago
    assert encoder.encode("one") is one
    again = encoder.encode("two")
    assert again is not two
    assert torch.equal(again, two)


def test_a_prompt_that_is_too_long_is_cut_and_this_is_said_once(caplog):
    encoder = TextEncoder.create_tiny()
    with caplog.at_level(logging.WARNING):
        embeds = encoder.encode("x" * 200)
        encoder.encode("x" * 200)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "201 tokens, this model reads 96" in caplog.text
    assert (embeds[0, -1] != 0).any()
    assert torch.equal(embeds, encoder.encode("x" * 95))


def test_embeddings_can_enter_a_loss(tiny):
    weight = torch.ones(64, requires_grad=True)
    (tiny.encode("a cat") * weight).sum().backward()
    assert weight.grad is not None


def test_threads_that_ask_for_the_same_prompt_get_one_tensor():
    encoder, results = TextEncoder.create_tiny(), []
    threads = [threading.Thread(target=lambda: results.append(encoder.encode("a cat"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result is results[0] for result in results)


def test_a_published_tokenizer_without_a_limit_gets_wans(folder):
    path = folder / "tokenizer" / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": 10**30}))
    assert TextEncoder.load(folder).max_length == 512


@pytest.mark.parametrize(
    "missing", ["text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/tokenizer_config.json"]
)
def test_a_missing_file_is_named_before_the_first_prompt(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(CheckpointError, match=f"{missing} is missing"):
        TextEncoder.load(folder)


def test_pickled_weights_are_refused_with_the_way_to_convert_them(folder):
    weights = folder / "text_encoder" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(
        CheckpointError, match=r"pytorch_model\.bin is a pickle.*save_file\(state, 'model\.safetensors'\)"
    ):
        TextEncoder.load(folder)


def test_another_kind_of_encoder_is_refused(folder):
    path = folder / "text_encoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "t5"}))
    with pytest.raises(CheckpointError, match=r"wanted a UMT5 encoder .* got 't5'"):
        TextEncoder.load(folder)


def test_weights_that_do_not_fit_are_named_at_the_first_prompt(folder):
    path = folder / "text_encoder" / "model.safetensors"
    state = load_file(path)
    del state["encoder.final_layer_norm.weight"]
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"1 missing: encoder\.final_layer_norm\.weight"):
        TextEncoder.load(folder).encode("a")


def test_a_tokenizer_that_transformers_cannot_load_is_an_error_of_the_checkpoint(folder):
    path = folder / "tokenizer" / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "Nonsense"}))
    with pytest.raises(CheckpointError, match="wanted a tokenizer, could not load it"):
        TextEncoder.load(folder).encode("a")


def test_a_tokenizer_without_its_vocabulary_is_refused_although_transformers_makes_an_empty_one(folder):
    path = folder / "tokenizer" / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "T5Tokenizer"}))
    with pytest.raises(CheckpointError, match=r"vocabulary \(tokenizer\.json or spiece\.model\) is missing"):
        TextEncoder.load(folder).encode("a")
