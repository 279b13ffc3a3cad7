"""Two dialects of the same network: Wan's own parameter names and diffusers' (ours), mapped both ways.

Wan's names are those of every fork of its training code; files saved by a trainer carry its wrappers as prefixes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from motionstream.errors import CheckpointError

Dialect = Literal["diffusers", "wan"]
Value = TypeVar("Value")

WRAPPERS = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.", "diffusion_model.", "generator.")
"""Prefixes left by DDP, torch.compile, FSDP and trainers; they may be stacked."""

SENTINELS = {
    "blocks.0.self_attn.q.weight": "wan",
    "blocks.0.attn1.to_q.weight": "diffusers",
    "blocks.0.to_q.weight": "FastVideo",
    "blocks.0.self_attn.qkv.weight": "fused-qkv",
}

OUTER = {
    "text_embedding.0.": "condition_embedder.text_embedder.linear_1.",
    "text_embedding.2.": "condition_embedder.text_embedder.linear_2.",
    "time_embedding.0.": "condition_embedder.time_embedder.linear_1.",
    "time_embedding.2.": "condition_embedder.time_embedder.linear_2.",
    "time_projection.1.": "condition_embedder.time_proj.",
    "img_emb.proj.0.": "condition_embedder.image_embedder.norm1.",
    "img_emb.proj.1.": "condition_embedder.image_embedder.ff.net.0.proj.",
    "img_emb.proj.3.": "condition_embedder.image_embedder.ff.net.2.",
    "img_emb.proj.4.": "condition_embedder.image_embedder.norm2.",
    "img_emb.emb_pos": "condition_embedder.image_embedder.pos_embed",
    "head.head.": "proj_out.",
    "head.modulation": "scale_shift_table",
}

IN_BLOCK = {
    "modulation": "scale_shift_table",
    "ffn.0.": "ffn.net.0.proj.",
    "ffn.2.": "ffn.net.2.",
    # Wan counts its norms in another order: its third stands before cross-attention, diffusers calls that the second.
    "norm3.": "norm2.",
    **{
        f"{wan}.{part}.": f"{ours}.{name}."
        for wan, ours in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for part, name in (
            ("q", "to_q"),
            ("k", "to_k"),
            ("v", "to_v"),
            ("o", "to_out.0"),
            ("norm_q", "norm_q"),
            ("norm_k", "norm_k"),
        )
    },
    "cross_attn.k_img.": "attn2.add_k_proj.",
    "cross_attn.v_img.": "attn2.add_v_proj.",
    "cross_attn.norm_k_img.": "attn2.norm_added_k.",
}

OUTER_BACK = {ours: wan for wan, ours in OUTER.items()}
IN_BLOCK_BACK = {ours: wan for wan, ours in IN_BLOCK.items()}
BLOCK = re.compile(r"(blocks\.\d+\.)(.+)")


def strip_wrappers(name: str) -> str:
    """Removes the prefixes that trainers and compilers leave, however many."""
    while prefix := next((wrapper for wrapper in WRAPPERS if name.startswith(wrapper)), None):
        name = name.removeprefix(prefix)
    return name


def detect_dialect(names: Iterable[str]) -> Dialect:
    """Tells whose names these are, by one parameter that each dialect must have.

    Raises:
        CheckpointError: the names are of a known dialect that is not read, or of none.
    """
    found = set(names)
    dialect = next((dialect for sentinel, dialect in SENTINELS.items() if sentinel in found), None)
    if dialect == "wan":
        return "wan"
    if dialect == "diffusers":
        return "diffusers"
    some = ", ".join(sorted(found)[:3]) or "no tensor at all"
    raise CheckpointError(
        f"Transformer weights: wanted diffusers' names or Wan's own, got {dialect or 'unknown'} names ({some}, ...). "
        "Convert them to diffusers' names."
    )


def diffusers_name(name: str) -> str:
    """Wan's name -> diffusers' name; a name outside the table comes back as it is."""
    return _renamed(name, OUTER, IN_BLOCK)


def wan_name(name: str) -> str:
    """Diffusers' name -> Wan's name; a name outside the table comes back as it is."""
    return _renamed(name, OUTER_BACK, IN_BLOCK_BACK)


def to_diffusers(state: Mapping[str, Value]) -> dict[str, Value]:
    """Strips wrappers and renames either dialect to diffusers'; values (tensors or descriptions) are not touched.

    Raises:
        CheckpointError: the dialect is not read, or two names become one.
    """
    bare = [strip_wrappers(name) for name in state]
    names = [diffusers_name(name) for name in bare] if detect_dialect(bare) == "wan" else bare
    renamed: dict[str, Value] = {}
    for name, (original, value) in zip(names, state.items(), strict=True):
        if name in renamed:
            raise CheckpointError(f"Transformer weights: {name} is there twice, once as {original}. Keep one copy.")
        renamed[name] = value
    return renamed


def to_wan(state: Mapping[str, Value]) -> dict[str, Value]:
    """Renames diffusers' names to Wan's own, for tools that read those."""
    return {wan_name(name): value for name, value in state.items()}


def _renamed(name: str, outer: Mapping[str, str], in_block: Mapping[str, str]) -> str:
    block = BLOCK.fullmatch(name)
    prefix, rest, table = (block[1], block[2], in_block) if block else ("", name, outer)
    for old, new in table.items():
        if rest.startswith(old) if old.endswith(".") else rest == old:
            return prefix + new + rest.removeprefix(old)
    return name
