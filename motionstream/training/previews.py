"""Pictures of what a run has learnt so far: the truth above, the network's answer below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from motionstream.errors import OutputError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.model import to_uint8
from motionstream.training.world import Clip, make_clip

PREVIEW_SEEDS = (41_000_000, 41_000_001, 41_000_002)
"""Clips that no stage trains on."""

_NUM_SHOWN = 5
_POINTS_TOLD = 200


def reconstruction_grid(
    vae: TinyVAE, size: tuple[int, int], seeds: Sequence[int] = PREVIEW_SEEDS
) -> UInt8[np.ndarray, "h w 3"]:
    """Shows clips, and what is left of them after the autoencoder; `size` is their height and width in pixels."""
    rows = []
    for seed in seeds:
        frames = make_clip(seed, 17, *size).frames
        video = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 255
        with torch.inference_mode():
            made = vae.decode(vae.encode(video.to(vae.latents_mean.device)))[0].cpu()
        rows += [frames, to_uint8(made).numpy()]
    return _grid(rows)


def sample_grid(checkpoint: Checkpoint, seeds: Sequence[int] = PREVIEW_SEEDS) -> UInt8[np.ndarray, "h w 3"]:
    """Shows clips, and what the model streams from their first frame, caption and some of their tracks."""
    engine = StreamEngine(checkpoint)
    stream, rows = engine.config, []
    num_frames = stream.first_video_frame(3)
    for seed in seeds:
        clip = make_clip(seed, num_frames, stream.height, stream.width)
        rows += [clip.frames, _streamed(engine, clip, seed)]
    return _grid(rows)


def save_png(pixels: UInt8[np.ndarray, "h w 3"], path: Path) -> Path:
    """Writes a picture, making its folder.

    Raises:
        OutputError: It cannot be written.
    """
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Free space, or choose another folder.") from error
    return path


def _streamed(engine: StreamEngine, clip: Clip, seed: int) -> UInt8[np.ndarray, "t h w 3"]:
    told = clip.tracks.select(np.random.default_rng(seed).permutation(clip.tracks.ids)[:_POINTS_TOLD].tolist())
    session, start, parts = engine.open_session(clip.frames[0], clip.caption, seed), 0, []
    while start < len(clip.frames):
        stop = start + engine.config.video_frames_in_chunk(session.num_chunks)
        parts.append(session.step(told.slice(start, stop)).frames)
        start = stop
    return np.concatenate(parts)


def _grid(rows: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    lines = []
    for frames in rows:
        shown = np.linspace(0, len(frames) - 1, _NUM_SHOWN).round().astype(int)
        lines.append(np.concatenate(frames[shown], axis=1))
    return np.concatenate(lines, axis=0)
