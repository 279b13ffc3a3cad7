from pathlib import Path
from typing import Any

import pytest
import torch

from motionstream.errors import InputError
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.umt5 import TINY_MAX_TOKENS, tiny_parts
from motionstream.training.loop import LoopSettings, Run, Watch
from motionstream.training.text import (
    NO_TARGET,
    TextSettings,
    WordReader,
    accuracies,
    batches,
    jumbled,
    text_loss,
    train_text_encoder,
    trained_text_encoder,
    vocabulary_of,
)

CAPTIONS = ("a red box moves left", "a grey cat moves up, still camera", "a red cat stays still; a box falls")
SETTINGS = TextSettings(batch=2)
SILENT = Watch(say=lambda line: None)


class PowerCutError(Exception):
    pass


def loop(**settings: Any) -> LoopSettings:
    return LoopSettings(**{"steps": 4, "warmup_steps": 1, "autocast": False, "save_every": 2, **settings})


def train(folder: Path, captions: tuple[str, ...] = CAPTIONS, watch: Watch = SILENT, **settings: Any) -> Run:
    return train_text_encoder(folder, captions, SETTINGS, loop(**settings), seed=3, watch=watch)


def words_at(reader: WordReader, caption: str) -> list[tuple[str, ...]]:
    """The words asked for at every token, `?` where none is."""
    names = {number: word for word, number in reader.numbers.items()} | {NO_TARGET: "?"}
    batch = reader.batch([caption])
    return [tuple(names[int(number)] for number in row[:3]) for row in batch.words[0, : int(batch.used.sum())]]


@pytest.fixture(scope="module")
def reader() -> WordReader:
    return WordReader(tiny_parts(seed=0), vocabulary_of(CAPTIONS))


def test_every_byte_asks_for_its_word_and_the_two_beside_it(reader: WordReader) -> None:
    a, cat, up = ("a", "", "cat"), ("cat", "a", "up"), ("up", "cat", "")
    assert words_at(reader, "a cat up") == [a] * 2 + [cat] * 4 + [up] * 2 + [("", "up", "")]


def test_every_byte_of_a_caption_asks_for_the_colour_of_what_comes_into_view() -> None:
    told = {CAPTIONS[0]: "red", CAPTIONS[1]: ""}
    reader = WordReader(tiny_parts(seed=0), vocabulary_of(CAPTIONS), told)
    batch = reader.batch(CAPTIONS)
    asked = batch.words[..., 3]
    assert (asked[0][batch.used[0]] == reader.numbers["red"]).all()
    assert (asked[1][batch.used[1]] == reader.numbers[""]).all()
    assert (asked[2] == NO_TARGET).all()


def test_it_learns_what_comes_into_view(tmp_path: Path) -> None:
    told = {"a box moves and a red cat comes": "red", "a box moves and a grey cat comes": "grey", "a red box falls": ""}
    settings = loop(steps=150, learning_rate=3e-3, save_every=150, ema_decay=0.9)
    run = train_text_encoder(tmp_path, list(told), TextSettings(batch=6), settings, arrivals=told, watch=SILENT)
    reader = run.model
    assert isinstance(reader, WordReader)
    batch = reader.batch(list(told))
    with torch.no_grad():
        assert accuracies(reader(batch), batch)["arrival"] > 0.95


def test_marks_and_capitals_are_no_part_of_a_word(reader: WordReader) -> None:
    assert words_at(reader, "Cat, up;") == [("cat", "", "up")] * 5 + [("up", "cat", "")] * 3 + [("", "up", "")]


def test_words_that_no_caption_has_are_not_asked_for(reader: WordReader) -> None:
    assert set(words_at(reader, "a ünïcörn")) == {("a", "", "?"), ("?", "a", ""), ("", "?", "")}


def test_an_empty_caption_is_the_end_token_alone(reader: WordReader) -> None:
    assert words_at(reader, " ") == [("", "", "")]


def test_a_caption_that_is_too_long_is_cut_as_a_prompt_is(reader: WordReader) -> None:
    batch = reader.batch(["cat " * 40])
    assert batch.used.all()
    assert batch.tokens.shape == (1, TINY_MAX_TOKENS)
    assert batch.tokens[0, -1] == reader.tokenizer.eos_token_id


def test_the_encoder_reads_the_tokens_that_a_prompt_has(reader: WordReader) -> None:
    batch = reader.batch(CAPTIONS)
    with torch.no_grad():
        hidden = reader.text(input_ids=batch.tokens, attention_mask=batch.used.long()).last_hidden_state
    prompts = torch.cat([TextEncoder.create_tiny(seed=0).encode(caption) for caption in CAPTIONS])
    torch.testing.assert_close(hidden * batch.used[..., None], prompts, rtol=1e-4, atol=1e-5)


def test_padding_that_no_caption_of_a_batch_needs_changes_no_loss(reader: WordReader) -> None:
    whole = reader.batch(CAPTIONS[:1])
    short = next(batches(whole, TextSettings(batch=1), seed=0, start=0))
    assert short.tokens.shape == (1, len(CAPTIONS[0]) + 1)
    values = [text_loss(reader, batch, torch.Generator())[0] for batch in (whole, short)]
    torch.testing.assert_close(*values)


def test_accuracies_count_the_bytes_whose_word_is_known(reader: WordReader) -> None:
    batch = reader.batch(["a dog"])  # "dog" is in no caption
    scores = torch.nn.functional.one_hot(batch.words.clamp(min=0), len(reader.numbers)).float()
    assert accuracies(scores, batch) == {"word": 1.0, "previous": 1.0, "next": 1.0}
    scores[:, 0, 0] = 0  # one of the three tokens that are no part of "dog"
    scores[:, 0, 0, -1] = 1
    assert accuracies(scores, batch)["word"] == pytest.approx(2 / 3)


def test_a_jumbled_caption_has_some_of_its_words_in_another_order() -> None:
    caption = "a red box moves left"
    texts = jumbled([caption] * 200, seed=1)
    assert texts == jumbled([caption] * 200, seed=1) != jumbled([caption] * 200, seed=2)
    assert {len(text.split()) for text in texts} == set(range(6))
    for text in texts:
        assert len(set(text.split())) == len(text.split())
        assert set(text.split()) <= set(caption.split())
    assert any(caption.find(text) < 0 for text in texts)


def test_an_empty_caption_can_be_trained_on(tmp_path: Path) -> None:
    run = train(tmp_path, captions=("", "a box"))
    assert run.step == 4


def test_training_teaches_to_read_the_words_and_their_neighbours(tmp_path: Path) -> None:
    run = train(tmp_path, steps=400, warmup_steps=10, learning_rate=3e-3, log_every=400, save_every=0)
    assert isinstance(run.model, WordReader)
    batch = run.model.batch(CAPTIONS)
    # heads on an encoder that is not trained get to 0.65
    assert min(accuracies(run.model(batch), batch).values()) > 0.9


def test_a_run_that_was_cut_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    def cut(done: int) -> None:
        if done == 3:
            raise PowerCutError

    whole = train(tmp_path / "whole")
    with pytest.raises(PowerCutError):
        train(tmp_path / "cut", watch=Watch(say=lambda line: None, stepped=cut))
    resumed = train(tmp_path / "cut")
    for name, part in whole.averaged_state().items():
        assert torch.equal(part, resumed.averaged_state()[name]), name


def test_training_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    train(tmp_path, steps=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_trained_encoder_has_the_averaged_weights(tmp_path: Path) -> None:
    run = train(tmp_path, ema_decay=0.5, learning_rate=1e-2)
    live, encoder = run.model, trained_text_encoder(tmp_path)
    assert isinstance(live, WordReader)
    batch = live.batch(CAPTIONS[:1])

    def hidden() -> torch.Tensor:
        with torch.no_grad():
            states = live.text(input_ids=batch.tokens, attention_mask=batch.used.long()).last_hidden_state
        return torch.as_tensor(states * batch.used[..., None])

    ours = encoder.encode(CAPTIONS[0])
    assert not torch.allclose(hidden(), ours, atol=1e-3)
    for name, parameter in live.named_parameters():
        parameter.data.copy_(run.averaged_state()[name])
    torch.testing.assert_close(hidden(), ours, rtol=1e-4, atol=1e-5)


def test_what_the_trained_encoder_gives_keeps_its_scale_and_its_zeros(tmp_path: Path) -> None:
    train(tmp_path, learning_rate=1e-2)
    encoder = trained_text_encoder(tmp_path)
    for prompt in ("", "a red cat"):
        embeds, used = encoder.encode(prompt)[0], len(prompt) + 1
        assert embeds.shape == (TINY_MAX_TOKENS, 64)
        torch.testing.assert_close(embeds[:used].square().mean(-1), torch.ones(used), rtol=1e-3, atol=0)
        assert (embeds[used:] == 0).all()


def test_a_checkpoint_keeps_the_trained_encoder(tmp_path: Path) -> None:
    train(tmp_path / "run")
    encoder = trained_text_encoder(tmp_path / "run")
    encoder.save(tmp_path / "checkpoint")
    loaded = TextEncoder.load(tmp_path / "checkpoint").encode("a red cat")
    torch.testing.assert_close(loaded, encoder.encode("a red cat"))
    assert not torch.allclose(loaded, TextEncoder.create_tiny(seed=3).encode("a red cat"))


def test_the_trained_encoder_loads_again_after_it_was_offloaded(tmp_path: Path) -> None:
    train(tmp_path)
    encoder, fresh = trained_text_encoder(tmp_path), trained_text_encoder(tmp_path)
    encoder.encode("a box")
    encoder.offload()
    assert torch.equal(encoder.encode("a cat"), fresh.encode("a cat"))


def test_a_folder_without_a_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train text"):
        trained_text_encoder(tmp_path)


def test_a_run_on_other_words_is_not_continued(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(InputError, match="Choose another folder"):
        train(tmp_path, captions=("a dog",))


def test_no_captions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got none"):
        train(tmp_path, captions=())
