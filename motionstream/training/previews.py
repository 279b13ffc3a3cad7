"""Pictures of what a run has learnt so far: the truth above, the network's answer below."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from motionstream.config import StreamConfig
from motionstream.errors import OutputError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.clip_generator import ClipGenerator
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.model import to_uint8
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.tracks import Tracks
from motionstream.training.base import Base
from motionstream.training.export import assembled
from motionstream.training.loop import Run
from motionstream.training.networks import Networks

Generate = Callable[[np.ndarray, Tracks, str, int], np.ndarray]
"""generate(first frame uint8 [h, w, 3], tracks, prompt, seed) -> uint8 [t, h, w, 3]."""

PREVIEW_SEEDS = (41_000_000, 41_000_001, 41_000_002)
"""Clips that no stage trains on."""

_NUM_SHOWN = 5
_POINTS_TOLD = 200
_TEACHER_STEPS = 12


def reconstruction_grid(
    vae: TinyVAE, size: tuple[int, int], seeds: Sequence[int] = PREVIEW_SEEDS
) -> UInt8[np.ndarray, "h w 3"]:
    """Shows clips, and what is left of them after the autoencoder; `size` is their height and width in pixels."""
    from motionstream.training.world import make_clip  # needs OpenCV, which training itself does not

    rows = []
    for seed in seeds:
        frames = make_clip(seed, 17, *size).frames
        video = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 255
        with torch.inference_mode():
            made = vae.decode(vae.encode(video.to(vae.latents_mean.device)))[0].cpu()
        rows += [frames, to_uint8(made).numpy()]
    return _grid(rows)


def sample_grid(
    generate: Generate, stream: StreamConfig, seeds: Sequence[int] = PREVIEW_SEEDS
) -> UInt8[np.ndarray, "h w 3"]:
    """Shows clips, and what a model makes of their first frame, caption and some of their tracks."""
    from motionstream.training.world import make_clip

    num_frames, rows = stream.first_video_frame(3), []
    for seed in seeds:
        clip = make_clip(seed, num_frames, stream.height, stream.width)
        told = np.random.default_rng(seed).permutation(clip.tracks.ids)[:_POINTS_TOLD]
        rows += [clip.frames, generate(clip.frames[0], clip.tracks.select(told.tolist()), clip.caption, seed)]
    return _grid(rows)


def draw_student(run: Run, base: Base) -> Path:
    """Draws what the averaged student streams, into the run's folder."""
    return _draw(run, base, StreamGenerator(StreamEngine(_averaged(run, base))))


def draw_teacher(run: Run, base: Base) -> Path:
    """Draws what the averaged teacher makes under joint guidance, into the run's folder."""
    return _draw(run, base, ClipGenerator(checkpoint=_averaged(run, base), num_steps=_TEACHER_STEPS))


def _averaged(run: Run, base: Base) -> Checkpoint:
    networks = Networks.fresh(base.preset.transformer, base.preset.track_head)
    networks.load_state_dict(run.averaged_state())
    return assembled(networks.to(next(run.model.parameters()).device).eval(), base, run.folder)


def _draw(run: Run, base: Base, generate: Generate) -> Path:
    return save_png(sample_grid(generate, base.preset.stream), run.folder / "previews" / f"step_{run.step:06d}.png")


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


def _grid(rows: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    lines = []
    for frames in rows:
        shown = np.linspace(0, len(frames) - 1, _NUM_SHOWN).round().astype(int)
        lines.append(np.concatenate(frames[shown], axis=1))
    return np.concatenate(lines, axis=0)
