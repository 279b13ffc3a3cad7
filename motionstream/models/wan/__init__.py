"""The Wan video transformer, with its configuration, rotary positions and attention masks."""

from motionstream.models.wan.config import PRESETS, WanConfig
from motionstream.models.wan.mask import bidirectional_mask, causal_mask, teacher_forcing_mask
from motionstream.models.wan.transformer import PromptContext, WanTransformer

__all__ = [
    "PRESETS",
    "PromptContext",
    "WanConfig",
    "WanTransformer",
    "bidirectional_mask",
    "causal_mask",
    "teacher_forcing_mask",
]
