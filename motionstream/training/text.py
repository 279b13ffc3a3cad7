"""The embedded text encoder, trained on the captions' own words: at every byte its output tells three words apart.

Linear heads name the word that the byte belongs to, the one before and the one after, and at every byte of the caption
the colour of what it says comes into view; then they are thrown away. What a linear head reads, the transformer's
cross-attention can read too: a colour is next to its noun, and what no track tells of is said everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motionstream.errors import InputError
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.umt5 import TIED_NAME, TINY_MAX_TOKENS, TINY_SIZES, EncoderParts, tiny_parts
from motionstream.training.loop import PRINTING, STATE_FILE, LoopSettings, Run, Watch
from motionstream.training.presets import StageSettings

OFFSETS = {"word": 0, "previous": -1, "next": 1}
"""What the first heads name, in words from the byte's own; the last one names the colour of what comes into view."""
HEADS = (*OFFSETS, "arrival")
NO_WORD, NO_TARGET = "", -100

FIRST_SEED = 300_000_000
"""Of the clips whose captions are read."""
SETTINGS = StageSettings(
    loop=LoopSettings(steps=1800, learning_rate=3e-3, ema_decay=0.99, cooldown_share=0.5, autocast=False), batch=32
)
"""Of the embedded text encoder's training."""


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """What training the text encoder needs besides the loop.

    Attributes:
        batch: Captions of a step.
    """

    batch: int = 32


@dataclass(frozen=True)
class WordBatch:
    """Captions as the encoder and its heads see them, ready to index by caption.

    Attributes:
        tokens: Bytes, the end token, then padding.
        used: False on the padding.
        words: By head, the vocabulary's number; NO_TARGET on the padding and for what it lacks.
    """

    tokens: Int[Tensor, "b s"]
    used: Bool[Tensor, "b s"]
    words: Int[Tensor, "b s heads"]

    def __getitem__(self, captions: np.ndarray) -> "WordBatch":
        """Returns some of the captions, without padding that none of them needs."""
        rows = torch.from_numpy(captions)
        longest = int(self.used[rows].sum(1).max())
        return WordBatch(*(part[rows, :longest] for part in (self.tokens, self.used, self.words)))

    def __len__(self) -> int:
        return len(self.tokens)


class WordReader(nn.Module):
    """The encoder with linear heads that name words from its output.

    Args:
        parts: The encoder, which keeps its scale: the last norm is not trained, so a token's mean square stays 1.
        vocabulary: The words that can be named.
        arrivals: By caption, the colour of what it says comes into view, or no word; others are not asked for it.
    """

    def __init__(
        self, parts: EncoderParts, vocabulary: Sequence[str], arrivals: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__()
        self.text = parts.model
        self.text.encoder.final_layer_norm.requires_grad_(False)
        self.tokenizer = parts.tokenizer
        self.numbers = {word: i for i, word in enumerate(vocabulary)}
        self.arrivals = {caption: self.numbers.get(colour, NO_TARGET) for caption, colour in arrivals.items()}
        self.heads = nn.Linear(TINY_SIZES["d_model"], len(HEADS) * len(vocabulary))

    def forward(self, batch: WordBatch) -> Float[Tensor, "b s heads w"]:
        """Returns a score for each word of the vocabulary, at each byte and offset."""
        hidden = self.text(input_ids=batch.tokens, attention_mask=batch.used.long()).last_hidden_state
        scores: Tensor = self.heads(hidden)
        return scores.view(*batch.tokens.shape, len(HEADS), -1)

    def batch(self, captions: Sequence[str]) -> WordBatch:
        """Makes the captions' tokens and the words at each of them; a caption that is too long is cut."""
        tokens = torch.zeros(len(captions), TINY_MAX_TOKENS, dtype=torch.long)
        words = torch.full((*tokens.shape, len(HEADS)), NO_TARGET)
        for row, caption in enumerate(captions):
            caption = " ".join(caption.split())
            ids = self.tokenizer(caption, verbose=False).input_ids
            if len(ids) > TINY_MAX_TOKENS:
                ids = [*ids[: TINY_MAX_TOKENS - 1], ids[-1]]
            tokens[row, : len(ids)] = torch.tensor(ids)
            words[row, : len(ids), : len(OFFSETS)] = self._words(caption)[: len(ids)]
            words[row, : len(ids), len(OFFSETS)] = self.arrivals.get(caption, NO_TARGET)
        return WordBatch(tokens, tokens != self.tokenizer.pad_token_id, words)

    def _words(self, caption: str) -> Int[Tensor, "s 3"]:
        """A space and a mark belong to the word before them; the end token to no word."""
        pieces = caption.split()
        named = [self.numbers.get(word, NO_TARGET) for word in (NO_WORD, *map(_bare, pieces), NO_WORD, NO_WORD)]
        rows = [[named[place + 1 + offset] for offset in OFFSETS.values()] for place in range(len(pieces) + 1)]
        lengths = [len(piece.encode()) + 1 for piece in pieces]
        if lengths:
            lengths[-1] -= 1
        return torch.tensor(rows).repeat_interleave(torch.tensor([*lengths, 1]), dim=0)


def vocabulary_of(captions: Sequence[str]) -> tuple[str, ...]:
    """Returns the words of the captions in order of the alphabet; the first stands for no word."""
    return tuple(sorted({NO_WORD, *(_bare(piece) for piece in chain.from_iterable(map(str.split, captions)))}))


def jumbled(captions: Sequence[str], seed: int) -> list[str]:
    """Returns as many strings of a caption's words in random order, any number of them left out."""
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(caption.split())[: rng.integers(len(caption.split()) + 1)] for caption in captions)
    return [" ".join(order) for order in orders]


def _bare(piece: str) -> str:
    return piece.strip(",;.").lower()


@torch.no_grad()
def accuracies(scores: Float[Tensor, "b s heads w"], batch: WordBatch) -> dict[str, float]:
    """Returns for each head the share of bytes whose word it names, where it is asked and the vocabulary has it."""
    right, asked = scores.argmax(-1) == batch.words, batch.words != NO_TARGET
    shares = {name: right[..., i][asked[..., i]].float() for i, name in enumerate(HEADS)}
    return {name: float(share.mean()) for name, share in shares.items() if len(share)}


def text_loss(reader: nn.Module, batch: WordBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the words, the mean over the heads that are asked for anything."""
    scores: Tensor = reader(batch)
    asked = [i for i in range(len(HEADS)) if bool((batch.words[..., i] != NO_TARGET).any())]
    losses = [F.cross_entropy(scores[..., i, :].flatten(0, 1), batch.words[..., i].flatten()) for i in asked]
    return torch.stack(losses).mean(), accuracies(scores, batch)


def batches(captions: WordBatch, settings: TextSettings, seed: int, start: int) -> Iterator[WordBatch]:
    """Yields the batch number `start` and those after it, each drawn anew from all captions."""
    for number in count(start):
        yield captions[np.random.default_rng((seed, number)).integers(len(captions), size=settings.batch)]


def train_text_encoder(
    folder: Path,
    captions: Sequence[str],
    settings: TextSettings,
    loop: LoopSettings,
    seed: int = 0,
    *,
    arrivals: Mapping[str, str] = MappingProxyType({}),
    watch: Watch = PRINTING,
) -> Run:
    """Trains the embedded text encoder in `folder`, resuming what lies there.

    Args:
        folder: Of the run.
        captions: To read.
        settings: Of the batches.
        loop: Of the steps.
        seed: Decides weights and batches.
        arrivals: By caption, the colour of what it says comes into view, or no word (`NO_WORD`).
        watch: Told of the progress.

    Raises:
        InputError: There are no captions, or the folder's run read other ones.
    """
    if not captions:
        raise InputError("Wanted captions to train the text encoder on, got none.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = WordReader(tiny_parts(seed), vocabulary_of(captions), arrivals)
    run = Run(reader, loop, folder, seed)
    try:
        run.resume()
    except RuntimeError as error:
        raise InputError(
            f"{run.state_file}: wanted a run on {len(reader.numbers)} words, found another. Choose another folder."
        ) from error
    # Captions are alike: half of what is read is in no order, so that words are read and not guessed.
    texts = reader.batch([*captions, *jumbled(captions, seed)])
    run.fit(batches(texts, settings, seed, run.num_batches), text_loss, watch)
    return run


def trained_text_encoder(run_folder: Path) -> TextEncoder:
    """Returns the encoder of a run with its averaged weights, frozen, in float32 on the CPU.

    Raises:
        InputError: There is no run.
    """
    path = run_folder / STATE_FILE
    if not path.exists():
        raise InputError(f"Wanted a trained text encoder in {path}, found none; run `motionstream train text`.")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    weights = {**state["model"], **state["average"]}
    own = {name.removeprefix("text."): part for name, part in weights.items() if name.startswith("text.")}
    # The average knows a tied tensor by its first name only; under the second lies the live one.
    del own[TIED_NAME]

    def build() -> EncoderParts:
        parts = tiny_parts(seed=0)
        parts.model.load_state_dict(own, strict=False)
        parts.model.requires_grad_(False)
        return parts

    return TextEncoder(build, width=TINY_SIZES["d_model"], max_length=TINY_MAX_TOKENS)
