"""transformers' UMT5 encoder and its tokenizer: from two folders, to two folders, or small and random.

transformers takes seconds to import, so it is imported where it is used.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from motionstream.errors import CheckpointError
from motionstream.models.json_file import read_json, write_json
from motionstream.models.weight_files import TRANSFORMERS_STEM, find_weights, read_headers
from motionstream.models.weights import load_weights, save_weights

WAN_MAX_TOKENS = 512
"""Prompt length that Wan was trained with; published tokenizers name none, or one without a limit."""
TINY_MAX_TOKENS = 96
TINY_SIZES = {"vocab_size": 384, "d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}

SHARED_NAME, TIED_NAME = "shared.weight", "encoder.embed_tokens.weight"


@dataclass(frozen=True, kw_only=True)
class EncoderParts:
    """What is in memory between the first prompt and `offload`: transformers' model and tokenizer."""

    model: Any
    tokenizer: Any


def read_width(encoder: Path) -> int:
    """Width of the embeddings that the encoder in this folder makes.

    Raises:
        CheckpointError: config.json is missing, or is none of a UMT5 encoder.
    """
    width = _read_config(encoder).get("d_model")
    if not isinstance(width, int):
        raise CheckpointError(f"{encoder / 'config.json'}: wanted 'd_model', the encoder's width, got {width!r}.")
    return width


def read_max_length(tokenizer: Path) -> int:
    """Tokens that a prompt may have: what the tokenizer says, at most Wan's 512.

    Raises:
        CheckpointError: tokenizer_config.json is missing, or says no positive number.
    """
    length = read_json(tokenizer / "tokenizer_config.json").get("model_max_length", WAN_MAX_TOKENS)
    if isinstance(length, bool) or not isinstance(length, int | float) or length < 1:
        raise CheckpointError(
            f"{tokenizer / 'tokenizer_config.json'}: wanted a positive model_max_length, got {length!r}."
        )
    return int(min(length, WAN_MAX_TOKENS))


def load_parts(
    encoder: Path, tokenizer: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> EncoderParts:
    """Loads model and tokenizer.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights do not fit config.json.
    """
    return EncoderParts(model=_load_model(encoder, device, dtype), tokenizer=_load_tokenizer(tokenizer))


def save_parts(parts: EncoderParts, encoder: Path, tokenizer: Path, storage_dtype: torch.dtype) -> None:
    """Writes two folders that `load_parts` and transformers read.

    Raises:
        OutputError: the weights cannot be written.
    """
    state = {name: tensor for name, tensor in parts.model.state_dict().items() if name != TIED_NAME}
    save_weights(state, encoder, storage_dtype=storage_dtype, stem=TRANSFORMERS_STEM)
    dtype_name = str(storage_dtype).removeprefix("torch.")
    write_json(encoder / "config.json", {**parts.model.config.to_dict(), "dtype": dtype_name})
    parts.tokenizer.save_pretrained(tokenizer)


def tiny_parts(seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> EncoderParts:
    """Makes a small encoder of bytes with random weights; the same seed gives the same weights."""
    from transformers import ByT5Tokenizer, UMT5Config, UMT5EncoderModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = UMT5EncoderModel(UMT5Config(**TINY_SIZES, dropout_rate=0.0))
    # The byte tokenizer's reserve of special words is for other tasks, and would only lengthen its files.
    tokenizer = ByT5Tokenizer(extra_ids=0, model_max_length=TINY_MAX_TOKENS)
    return EncoderParts(model=model.eval().to(device, _compute_dtype(dtype)), tokenizer=tokenizer)


def _compute_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype == torch.float16 else dtype


def _read_config(folder: Path) -> dict[str, Any]:
    values = read_json(folder / "config.json")
    if values.get("model_type") != "umt5":
        raise CheckpointError(
            f"{folder / 'config.json'}: wanted a UMT5 encoder (model_type 'umt5'), as Wan uses, "
            f"got {values.get('model_type')!r}. Give the text encoder that the transformer was trained with."
        )
    return values


def _load_model(folder: Path, device: torch.device | str, dtype: torch.dtype) -> Any:
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config.from_dict(_read_config(folder))
    with torch.device("meta"):
        model = UMT5EncoderModel(config).eval()
    model.encoder.embed_tokens = model.shared
    stored = read_headers(find_weights(folder, TRANSFORMERS_STEM))
    if SHARED_NAME not in stored and TIED_NAME in stored:
        stored[SHARED_NAME] = stored[TIED_NAME]
    load_weights(model, stored, where=folder, device=device, dtype=_compute_dtype(dtype), tied=frozenset({TIED_NAME}))
    return model


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{folder}: wanted a tokenizer, could not load it: {reason}") from error
    # transformers makes a tokenizer that knows no word where the vocabulary's file is missing, and says nothing.
    if tokenizer.unk_token_id in tokenizer("a photo of a cat").input_ids:
        raise CheckpointError(
            f"{folder}: the tokenizer knows no English letters, its vocabulary (tokenizer.json or spiece.model) is "
            "missing or another. Copy the whole folder again."
        )
    return tokenizer
