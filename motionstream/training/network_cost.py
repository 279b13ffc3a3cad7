"""What one evaluation of a Wan transformer computes, and what it keeps for the backward pass.

The formulas count what the network does, operation by operation; the tests compare them with torch's own counter and
with the tensors that autograd really saves. Norms, activations and the track head are less than 1% and left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from jaxtyping import Bool
from torch import Tensor

from motionstream.models.kv_cache import kept_frames
from motionstream.models.wan import WanConfig
from motionstream.models.wan.mask import attention_plan

_WIDTHS_SAVED = 62
"""Bytes a token and unit of width that a block saves under autocast (float32: 4, bfloat16: 2): three norms 6 each,
three norms of queries and keys 8 each, query, key, value and result of the self-attention 8, query and result of the
cross-attention 4, two gated sums 4 each; its feed-forward saves two bfloat16 tensors more."""

_WIDTHS_APART = 8
"""More of them where samples have timesteps of their own: two norms save their result before scale and shift, too."""

_WIDTHS_BACKWARD = 13
"""Bytes a token and unit of width of the gradients that are alive at once while a block goes backward."""

_WIDTHS_WORKING = 10
"""Bytes a token and unit of width that a block without gradient holds under autocast, beside the feed-forward's."""

_PROMPT_WIDTHS = 12
"""Bytes a token of the prompt, layer and unit of width that the keys and values of the prompt save."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What goes through the network for one clip.

    Attributes:
        tokens: Video tokens.
        pairs: Of a query and a key in self-attention.
        copied: Tokens whose keys or values are copied for the attention, counted once for each of the two.
        times: Timesteps of a clip; 0 where the whole batch shares one.
        prompt: Whether the keys and values of the prompt are worked out, too.
    """

    tokens: int
    pairs: float
    copied: float = 0
    times: int = 1
    prompt: bool = True

    @classmethod
    def of_clip(cls, num_frames: int, frame_tokens: int) -> Self:
        """A whole clip, every token attending every other (teacher and critic)."""
        tokens = num_frames * frame_tokens
        return cls(tokens=tokens, pairs=tokens**2)

    @classmethod
    def masked(cls, mask: Bool[Tensor, "f f"], frame_tokens: int) -> Self:
        """A sequence under a mask over latent frames (causal initialisation)."""
        groups = attention_plan(mask)
        pairs = sum((group.stop - group.start) * group.num_attended() for group in groups)
        joined = sum(group.num_attended() for group in groups if len(group.runs) > 1)
        copied = sum(group.num_attended() for group in groups) + joined
        return cls(
            tokens=len(mask) * frame_tokens,
            pairs=pairs * frame_tokens**2,
            copied=copied * frame_tokens,
            times=len(mask),
        )

    @classmethod
    def of_chunks(
        cls, num_frames: int, chunk_frames: int, sink_frames: int, window_frames: int, frame_tokens: int
    ) -> tuple[Self, ...]:
        """The chunks of a clip that is streamed, each with the sink and the window before it; the prompt once."""
        own, made = chunk_frames * frame_tokens, []
        for start in range(0, num_frames, chunk_frames):
            past = len(kept_frames(start, sink_frames, window_frames)) * frame_tokens
            made.append(cls(tokens=own, pairs=own * (own + past), copied=2 * past, times=0, prompt=start == 0))
        return tuple(made)


def mixed(evaluations: Sequence[Evaluation], shares: Sequence[float]) -> Evaluation:
    """Returns evaluations of one length, of which each run draws one, as one: pairs at their mean, copies at most."""
    pairs = sum(share * e.pairs for share, e in zip(shares, evaluations, strict=True)) / sum(shares)
    return replace(evaluations[0], pairs=pairs, copied=max(e.copied for e in evaluations))


def forward_flops(config: WanConfig, evaluation: Evaluation, prompt_tokens: int) -> float:
    """Returns the floating-point operations of one evaluation forward, two for a multiplication and an addition."""
    d, patch = config.dim, config.patch_size[1] * config.patch_size[2]
    token = 12 * d**2 + 4 * d * config.ffn_dim + 4 * prompt_tokens * d
    layers = config.num_layers * (evaluation.tokens * token + 4 * evaluation.pairs * d)
    outputs = config.out_channels + int(config.gated_condition)
    ends = 2 * d * patch * (config.total_in_channels + outputs) * evaluation.tokens
    return (
        layers + ends + _time_flops(config, evaluation.times) + evaluation.prompt * _prompt_flops(config, prompt_tokens)
    )


def _time_flops(config: WanConfig, times: int) -> float:
    return times * 2 * (config.freq_dim * config.dim + 7 * config.dim**2)


def _prompt_flops(config: WanConfig, prompt_tokens: int) -> float:
    embedding = 2 * (config.text_dim * config.dim + config.dim**2)
    return prompt_tokens * (embedding + config.num_layers * 4 * config.dim**2)


def block_bytes(config: WanConfig, evaluation: Evaluation, clips: int) -> float:
    """Returns what one block saves for the backward pass, of so many clips at once, under autocast."""
    widths = _WIDTHS_SAVED + _WIDTHS_APART * _times_differ(evaluation, clips)
    token = widths * config.dim + 4 * config.ffn_dim
    return clips * (evaluation.tokens * token + 2 * config.dim * evaluation.copied)


def saved_bytes(
    config: WanConfig, evaluation: Evaluation, clips: int, prompt_tokens: int, *, checkpointing: bool
) -> float:
    """Returns what the whole network saves for the backward pass, of so many clips at once, under autocast.

    With gradient checkpointing this is each block's input; the one block that is recomputed comes on top.
    """
    tokens = clips * evaluation.tokens
    layer = _input_bytes(config, evaluation, clips) if checkpointing else block_bytes(config, evaluation, clips)
    prompt = clips * prompt_tokens * _PROMPT_WIDTHS * config.dim if evaluation.prompt else 0
    patch = config.patch_size[1] * config.patch_size[2]
    norm = (6 + 4 * _times_differ(evaluation, clips)) * config.dim
    ends = tokens * (norm + 2 * patch * config.total_in_channels)
    return config.num_layers * (layer + prompt) + ends


def _input_bytes(config: WanConfig, evaluation: Evaluation, clips: int) -> float:
    """What one block needs to be recomputed; the cache that a streamed chunk has read is overwritten by then."""
    past = evaluation.copied if evaluation.times == 0 else 0
    return 2 * config.dim * clips * (evaluation.tokens + past)


def backward_bytes(config: WanConfig, evaluation: Evaluation, clips: int, *, checkpointing: bool) -> float:
    """Returns what the backward pass holds beside what was saved: gradients, and the block that is recomputed."""
    gradients = clips * evaluation.tokens * _WIDTHS_BACKWARD * config.dim
    return gradients + (block_bytes(config, evaluation, clips) if checkpointing else 0)


def working_bytes(config: WanConfig, evaluation: Evaluation, clips: int) -> float:
    """Returns what an evaluation without gradient holds at most, of so many clips at once, under autocast."""
    token = _WIDTHS_WORKING * config.dim + 4 * config.ffn_dim
    return clips * (evaluation.tokens * token + 2 * config.dim * evaluation.copied)


def _times_differ(evaluation: Evaluation, clips: int) -> bool:
    return evaluation.times * clips > 1
