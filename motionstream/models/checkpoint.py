"""A checkpoint: all networks of one model and how they stream, from a folder laid out as diffusers lays out its own.

::

    model_index.json        names the parts
    transformer/            config.json, diffusion_pytorch_model.safetensors (or shards and their index)
    track_head/             the same; optional
    vae/                    the same: TinyVAE, or diffusers' AutoencoderKLWan
    text_encoder/           config.json, model.safetensors
    tokenizer/
    scheduler/              scheduler_config.json: the timestep shift
    stream.json             size, frame rate and memory of a stream; optional in others' checkpoints

Only JSON and safetensors are read: opening a checkpoint never runs code from it.
"""

import logging
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from motionstream.config import PRESETS, StreamConfig
from motionstream.errors import CheckpointError, InputError
from motionstream.models.checkpoint_source import find_checkpoint
from motionstream.models.components import load_track_head, load_transformer, load_vae
from motionstream.models.json_file import read_json
from motionstream.models.scheduler import shift_from_json
from motionstream.models.text_encoder import TextEncoder
from motionstream.models.track_head import TrackHead
from motionstream.models.vae.protocol import VideoVAE
from motionstream.models.wan.transformer import WanTransformer

logger = logging.getLogger(__name__)

INDEX_FILE, STREAM_FILE = "model_index.json", "stream.json"
TRANSFORMER, TRACK_HEAD, VAE, SCHEDULER = "transformer", "track_head", "vae", "scheduler"
DEFAULT_STREAM = "wan2.1-1.3b"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """All networks of a model, in evaluation mode on one device, and how to stream with them.

    Attributes:
        transformer: the denoising network.
        track_head: turns tracks into input channels; None where the model has none.
        vae: pixels <-> latents.
        text_encoder: prompts -> embeddings; its weights load at the first prompt.
        stream: size, frame rate, memory and timesteps.
        shift: timestep shift that the model was trained with.
        device: where the weights lie.
        dtype: type of the weights and of the input.
        path: the folder it was read from.
        notes: what a user should know about it, each already logged as a warning.
    """

    transformer: WanTransformer
    track_head: TrackHead | None
    vae: VideoVAE
    text_encoder: TextEncoder
    stream: StreamConfig
    shift: float
    device: torch.device
    dtype: torch.dtype
    path: Path
    notes: tuple[str, ...] = ()


def load_checkpoint(
    path_or_hub_id: str | PathLike[str],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    stream: StreamConfig | None = None,
) -> Checkpoint:
    """Loads a checkpoint folder, or a hub repository with the same layout.

    Args:
        path_or_hub_id: a folder, or `owner/name` on the hub where no such folder exists.
        device: where the weights go.
        dtype: type of the loaded weights, whatever the file holds.
        stream: used instead of the folder's `stream.json`.

    Raises:
        CheckpointError: a part is missing, damaged or does not fit the others; the message names the file.
    """
    folder = find_checkpoint(path_or_hub_id)
    _check_parts(folder)
    shift = _read_shift(folder / SCHEDULER / "scheduler_config.json")
    settings, stream_notes = (stream, ()) if stream is not None else _read_stream(folder / STREAM_FILE)
    text_encoder = TextEncoder.load(folder, device, dtype)
    transformer, notes = load_transformer(folder / TRANSFORMER, device, dtype)
    has_head = (folder / TRACK_HEAD).is_dir()
    checkpoint = Checkpoint(
        transformer=transformer,
        track_head=load_track_head(folder / TRACK_HEAD, device, dtype) if has_head else None,
        vae=load_vae(folder / VAE, device, dtype),
        text_encoder=text_encoder,
        stream=settings,
        shift=shift,
        device=torch.device(device),
        dtype=dtype,
        path=folder,
        notes=(*stream_notes, *notes),
    )
    _check_fit(checkpoint)
    return checkpoint


def _check_parts(folder: Path) -> None:
    index = read_json(folder / INDEX_FILE)
    # diffusers writes [library, class], and [null, null] for a part that is left out
    parts = {name for name, value in index.items() if isinstance(value, list) and any(value)}
    if "transformer_2" in parts:
        raise CheckpointError(
            f"{folder}: the model has two transformers (Wan 2.2 A14B); wanted one. Use a Wan 2.1 or Wan 2.2 5B model."
        )
    wanted = {TRANSFORMER, VAE, SCHEDULER, "text_encoder", "tokenizer"} | (parts & {TRACK_HEAD})
    missing = sorted(name for name in wanted if not (folder / name).is_dir())
    if missing:
        raise CheckpointError(f"{folder}: missing {', '.join(missing)}. Copy or download the whole checkpoint again.")


def _read_shift(path: Path) -> float:
    values = read_json(path)
    try:
        return shift_from_json(values)
    except CheckpointError as error:
        raise CheckpointError(f"{path.parent.parent}: {error}") from error


def _read_stream(path: Path) -> tuple[StreamConfig, tuple[str, ...]]:
    if path.exists():
        try:
            return StreamConfig.from_json(read_json(path)), ()
        except InputError as error:
            raise CheckpointError(f"{path}: {error}") from error
    note = (
        f"{path} is missing: streaming with the settings of {DEFAULT_STREAM}. Write the file, or pass a StreamConfig, "
        "where the model was trained for another size, memory or list of timesteps."
    )
    logger.warning(note)
    return PRESETS[DEFAULT_STREAM], (note,)


def _check_fit(checkpoint: Checkpoint) -> None:
    """Refuses parts that load well one by one and would make noise, or fail late, together."""
    network, vae, head = checkpoint.transformer.config, checkpoint.vae, checkpoint.track_head
    pairs = [
        ("text_encoder's width", checkpoint.text_encoder.width, "text_dim", network.text_dim),
        ("vae's latent channels", vae.latent_channels, "out_channels", network.out_channels),
    ]
    if head is None:
        pairs.append(("the absent track_head's channels", 0, "track_channels", network.track_channels))
    else:
        condition = head.config.condition_channels(vae.latent_channels)
        pairs.append(("track_head's out_channels", head.config.out_channels, "track_channels", network.track_channels))
        pairs.append(("track_head's image condition", condition, "condition_channels", network.condition_channels))
    problems = [f"{part} is {a}, transformer's {field} is {b}" for part, a, field, b in pairs if a != b]
    for axis, size, patch in zip(
        ("height", "width"), (checkpoint.stream.height, checkpoint.stream.width), network.patch_size[1:], strict=True
    ):
        if size % (vae.spatial_stride * patch):
            problems.append(f"the stream's {axis} {size} is no multiple of {vae.spatial_stride * patch}")
    if problems:
        raise CheckpointError(f"{checkpoint.path}: the parts do not fit: {'; '.join(problems)}. Combine others.")
