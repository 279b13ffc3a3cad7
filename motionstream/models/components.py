"""One network from one folder of a checkpoint: its config.json, then its weights, checked and cast.

Networks are built on the meta device, so that no weight is drawn only to be overwritten.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from motionstream.errors import CheckpointError
from motionstream.models.json_file import read_json
from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.protocol import VideoVAE
from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.models.wan.config import WanConfig
from motionstream.models.wan.state_dict import to_diffusers
from motionstream.models.wan.transformer import WanTransformer
from motionstream.models.weight_files import DIFFUSERS_STEM, find_weights, read_headers
from motionstream.models.weights import load_weights

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
PATCH_WEIGHT = "patch_embedding.weight"
# As in diffusers: the time embedding and what it modulates lose too much in bfloat16, and they are small.
FLOAT32_PARTS = frozenset({"time_embedder", "scale_shift_table", "norm1", "norm2", "norm3"})

Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)


def load_transformer(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[WanTransformer, tuple[str, ...]]:
    """Loads a Wan transformer, in diffusers' or in Wan's own parameter names.

    Weights without the condition or track channels of the configuration get them as zeros: their output is unchanged.
    In half precision the time embedding, the modulation tables and the layer norms stay float32.

    Returns:
        The transformer, and notes on what is not as the weights' maker left it.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights do not fit config.json.
    """
    config = read_config(folder, WanConfig.from_json)
    network = _built(folder, lambda: WanTransformer(config))
    stored = to_diffusers(read_headers(find_weights(folder, DIFFUSERS_STEM)))
    widened = load_weights(
        network,
        stored,
        where=folder,
        device=device,
        dtype=dtype,
        float32_parts=FLOAT32_PARTS,
        narrower={PATCH_WEIGHT: (config.in_channels, config.in_channels + config.condition_channels)},
    )
    return network.eval(), _notes_on_slots(widened, config, folder)


def load_track_head(folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> TrackHead:
    """Loads a track head.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights do not fit config.json.
    """
    config = read_config(folder, TrackHeadConfig.from_json)
    return _filled(_built(folder, lambda: TrackHead(config)), folder, device, dtype)


def load_vae(folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> VideoVAE:
    """Loads the autoencoder that config.json names: our `TinyVAE`, or diffusers' `AutoencoderKLWan`.

    Raises:
        CheckpointError: the class is neither, a file is missing or damaged, or the weights do not fit config.json.
    """
    name = read_json(folder / CONFIG_FILE).get("_class_name")
    if name == "TinyVAE":
        config = read_config(folder, TinyVAEConfig.from_json)
        # Not on meta: it is small, and it holds constants of its configuration that are not among the weights.
        return _filled(_built(folder, lambda: TinyVAE(config), on="cpu"), folder, device, dtype)
    if name == "AutoencoderKLWan":
        return _load_wan_vae(folder, device, dtype)
    raise CheckpointError(
        f"{folder / CONFIG_FILE}: wanted _class_name TinyVAE or AutoencoderKLWan, got {name!r}. "
        "Give the autoencoder that the transformer was trained with."
    )


def read_config(folder: Path, build: Callable[[dict[str, Any]], Config]) -> Config:
    """Reads `folder/config.json` into a configuration; whatever is wrong with it, the message names the file."""
    path = folder / CONFIG_FILE
    values = read_json(path)
    try:
        return build(values)
    except (CheckpointError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _load_wan_vae(folder: Path, device: torch.device | str, dtype: torch.dtype) -> VideoVAE:
    from diffusers import AutoencoderKLWan

    from motionstream.models.vae.wan import WanVAE

    network = _built(folder, lambda: AutoencoderKLWan.from_config(read_json(folder / CONFIG_FILE)))
    return WanVAE(_filled(network, folder, device, dtype)).to(device=device, dtype=dtype)


def _built(folder: Path, build: Callable[[], Network], on: str = "meta") -> Network:
    try:
        with torch.random.fork_rng(devices=[]), torch.device(on):
            return build()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder / CONFIG_FILE}: no network can have these sizes: {error}") from error


def _filled(network: Network, folder: Path, device: torch.device | str, dtype: torch.dtype) -> Network:
    stored = read_headers(find_weights(folder, DIFFUSERS_STEM))
    load_weights(network, stored, where=folder, device=device, dtype=dtype)
    return network.to(device=device, dtype=dtype).eval()


def _notes_on_slots(widened: dict[str, int], config: WanConfig, folder: Path) -> tuple[str, ...]:
    if PATCH_WEIGHT not in widened:
        return ()
    note = (
        f"{folder}: the weights read {widened[PATCH_WEIGHT]} input channels, config.json has "
        f"{config.total_in_channels}. The new ones start at zero: they change nothing until they are trained."
    )
    logger.warning(note)
    return (note,)
