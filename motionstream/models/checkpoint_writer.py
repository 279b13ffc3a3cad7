"""Writes a checkpoint folder in one step: a reader sees the old one or the new one, never a half."""

import shutil
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from motionstream.config import StreamConfig
from motionstream.errors import OutputError
from motionstream.models.checkpoint import INDEX_FILE, SCHEDULER, STREAM_FILE, TRACK_HEAD, TRANSFORMER, VAE
from motionstream.models.components import CONFIG_FILE
from motionstream.models.json_file import write_json
from motionstream.models.scheduler import shift_to_json
from motionstream.models.text_encoder import ENCODER_FOLDER, TOKENIZER_FOLDER, TextEncoder
from motionstream.models.track_head import TrackHead
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.wan import WanVAE
from motionstream.models.wan.transformer import WanTransformer
from motionstream.models.weights import check_storage_dtype, save_weights

OWN_ENTRIES = frozenset(
    {INDEX_FILE, STREAM_FILE, TRANSFORMER, TRACK_HEAD, VAE, SCHEDULER, ENCODER_FOLDER, TOKENIZER_FOLDER}
)


def save_checkpoint(
    folder: str | PathLike[str],
    *,
    transformer: WanTransformer,
    vae: TinyVAE | WanVAE,
    text_encoder: TextEncoder,
    stream: StreamConfig,
    shift: float,
    track_head: TrackHead | None = None,
    storage_dtype: torch.dtype = torch.bfloat16,
) -> Path:
    """Writes all parts of a model; what else lies in an older checkpoint's folder (its model card) is kept.

    Args:
        folder: a new folder, or an older checkpoint that is replaced.
        transformer: the denoising network.
        vae: the autoencoder; one that is not ours is written by its own library, in its own type.
        text_encoder: its weights are loaded for this where they are not in memory.
        stream: size, frame rate, memory and timesteps.
        shift: timestep shift that the model was trained with.
        track_head: None where the model has none.
        storage_dtype: bfloat16, float16 or float32.

    Returns:
        The folder.

    Raises:
        InputError: a storage type that is none of the three.
        OutputError: the folder holds something else, or cannot be written.
    """
    target = Path(folder).expanduser().absolute()
    check_storage_dtype(storage_dtype)
    _check_replaceable(target)
    fresh = target.with_name(f".{target.name}.{uuid4().hex}.new")
    try:
        fresh.mkdir(parents=True)
        _write_networks(fresh, transformer, track_head, storage_dtype)
        _write_vae(fresh, vae, storage_dtype)
        text_encoder.save(fresh, storage_dtype)
        _write_settings(fresh, stream, shift, vae, has_head=track_head is not None)
        _keep_foreign_entries(target, fresh)
        _swap(fresh, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error}. Free space, or choose another folder.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _check_replaceable(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()) and not (target / INDEX_FILE).exists():
        raise OutputError(f"{target} holds files but no {INDEX_FILE}: it is no checkpoint and is left as it is.")
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file; wanted a folder for the checkpoint.")


def _write_networks(folder: Path, transformer: WanTransformer, head: TrackHead | None, dtype: torch.dtype) -> None:
    _write_network(folder / TRANSFORMER, transformer, dtype)
    if head is not None:
        _write_network(folder / TRACK_HEAD, head, dtype)


def _write_vae(folder: Path, vae: TinyVAE | WanVAE, dtype: torch.dtype) -> None:
    if isinstance(vae, WanVAE):
        vae.vae.save_pretrained(folder / VAE)
    else:
        _write_network(folder / VAE, vae, dtype)


def _write_network(folder: Path, network: WanTransformer | TrackHead | TinyVAE, dtype: torch.dtype) -> None:
    save_weights(network.state_dict(), folder, storage_dtype=dtype)
    # A class name tells the autoencoders apart; the transformer's configuration brings diffusers' name itself.
    values: dict[str, Any] = {"_class_name": type(network).__name__, **network.config.to_json()}
    write_json(folder / CONFIG_FILE, values)


def _write_settings(folder: Path, stream: StreamConfig, shift: float, vae: TinyVAE | WanVAE, *, has_head: bool) -> None:
    (folder / SCHEDULER).mkdir()
    write_json(folder / SCHEDULER / "scheduler_config.json", shift_to_json(shift))
    write_json(folder / STREAM_FILE, stream.to_json())
    index: dict[str, Any] = {
        "_class_name": "MotionStream",
        TRANSFORMER: ["motionstream", "WanTransformer"],
        VAE: ["motionstream", "TinyVAE"] if isinstance(vae, TinyVAE) else ["diffusers", "AutoencoderKLWan"],
        ENCODER_FOLDER: ["transformers", "UMT5EncoderModel"],
        TOKENIZER_FOLDER: ["transformers", "AutoTokenizer"],
        SCHEDULER: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    }
    if has_head:
        index[TRACK_HEAD] = ["motionstream", "TrackHead"]
    write_json(folder / INDEX_FILE, index)


def _keep_foreign_entries(old: Path, fresh: Path) -> None:
    for entry in old.iterdir() if old.is_dir() else ():
        if entry.name in OWN_ENTRIES:
            continue
        if entry.is_dir():
            shutil.copytree(entry, fresh / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, fresh / entry.name, follow_symlinks=False)


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    old = target.with_name(f".{target.name}.{uuid4().hex}.old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        with suppress(OSError):
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
