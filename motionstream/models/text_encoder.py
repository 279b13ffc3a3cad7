"""Prompt -> prompt embeddings: transformers' UMT5 encoder with its tokenizer, loaded at the first prompt.

As in Wan's pipeline, embeddings past the prompt's end are zero up to a fixed length. The padding itself is not run
through the network: masked tokens change nothing before them.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from motionstream.models.umt5 import (
    TINY_MAX_TOKENS,
    TINY_SIZES,
    EncoderParts,
    load_parts,
    read_max_length,
    read_width,
    save_parts,
    tiny_parts,
)
from motionstream.models.weight_files import TRANSFORMERS_STEM, find_weights

logger = logging.getLogger(__name__)

_IMPORTING = threading.Lock()
"""Held while weights are loaded: transformers' lazy modules cannot be imported by two threads at once."""

ENCODER_FOLDER, TOKENIZER_FOLDER = "text_encoder", "tokenizer"
CACHED_PROMPTS = 32


class TextEncoder:
    """Encodes prompts and remembers the latest ones; one lock, so that sessions of several threads can share it.

    Attributes:
        width: channels of an embedding (the transformer's `text_dim`).
        max_length: tokens of an embedding, zeros past the prompt's end.
        device: where embeddings lie.
        dtype: type of the embeddings. A float16 encoder computes in bfloat16, because UMT5 overflows in float16.
    """

    def __init__(
        self,
        build: Callable[[], EncoderParts],
        *,
        width: int,
        max_length: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.width, self.max_length = width, max_length
        self.device, self.dtype = torch.device(device), dtype
        self._build = build
        self._parts: EncoderParts | None = None
        self._cache: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Self:
        """Prepares the encoder of a checkpoint folder: `text_encoder/`, `tokenizer/`; weights load at the first prompt.

        Raises:
            CheckpointError: a file is missing or unreadable.
        """
        encoder, tokenizer = Path(folder) / ENCODER_FOLDER, Path(folder) / TOKENIZER_FOLDER
        width, max_length = read_width(encoder), read_max_length(tokenizer)
        find_weights(encoder, TRANSFORMERS_STEM)
        return cls(
            lambda: load_parts(encoder, tokenizer, device, dtype),
            width=width,
            max_length=max_length,
            device=device,
            dtype=dtype,
        )

    @classmethod
    def create_tiny(cls, seed: int = 0, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Self:
        """Makes a small encoder of bytes with random weights drawn from `seed`; it needs no file."""
        return cls(
            lambda: tiny_parts(seed, device, dtype),
            width=TINY_SIZES["d_model"],
            max_length=TINY_MAX_TOKENS,
            device=device,
            dtype=dtype,
        )

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._parts is not None

    def encode(self, prompt: str) -> Float[Tensor, "1 s d"]:
        """Embeds a prompt; s is `max_length`, rows past the prompt's last token are zero.

        Runs of white space count as one space. A prompt that is too long is cut, and this is logged. The returned
        tensor is remembered for the same prompt: do not change it in place.

        Raises:
            CheckpointError: at the first prompt, the weights or the tokenizer cannot be loaded.
        """
        prompt = " ".join(prompt.split())
        with self._lock:
            if prompt not in self._cache:
                self._cache[prompt] = self._embed(prompt, self._loaded())
                if len(self._cache) > CACHED_PROMPTS:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(prompt)
            return self._cache[prompt]

    def offload(self) -> None:
        """Frees the weights' memory; remembered prompts stay, and the next new prompt loads the weights again."""
        with self._lock:
            self._parts = None

    def save(self, folder: Path | str, storage_dtype: torch.dtype = torch.float32) -> None:
        """Writes `text_encoder/` and `tokenizer/`, readable by `load` and by transformers.

        Raises:
            OutputError: the weights cannot be written.
        """
        with self._lock:
            parts = self._loaded()
        save_parts(parts, Path(folder) / ENCODER_FOLDER, Path(folder) / TOKENIZER_FOLDER, storage_dtype)

    def _loaded(self) -> EncoderParts:
        if self._parts is None:
            with _IMPORTING:
                self._parts = self._build()
        return self._parts

    @torch.no_grad()
    def _embed(self, prompt: str, parts: EncoderParts) -> Float[Tensor, "1 s d"]:
        tokens = self._tokens(prompt, parts.tokenizer)
        ids = torch.tensor([tokens], device=self.device)
        embeds = parts.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return F.pad(embeds.to(self.dtype), (0, 0, 0, self.max_length - len(tokens)))

    def _tokens(self, prompt: str, tokenizer: Any) -> list[int]:
        tokens: list[int] = tokenizer(prompt, verbose=False).input_ids
        if len(tokens) > self.max_length:
            logger.warning(
                "The prompt has %d tokens, this model reads %d: the end was cut. Shorten it: %.60s...",
                len(tokens),
                self.max_length,
                prompt,
            )
            tokens = [*tokens[: self.max_length - 1], tokenizer.eos_token_id]
        return tokens
