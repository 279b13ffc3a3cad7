"""Pictures of what an autoencoder keeps of clips: the truth above, what is left below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from motionstream.errors import OutputError
from motionstream.models.vae.tiny import TinyVAE
from motionstream.streaming.model import to_uint8

PREVIEW_SEEDS = (41_000_000, 41_000_001, 41_000_002)
"""Clips that no stage trains on."""

_NUM_SHOWN = 5


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
    return film_strips(rows)


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


def film_strips(rows: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """Lays some frames of each video side by side, one video below the other."""
    lines = []
    for frames in rows:
        shown = np.linspace(0, len(frames) - 1, _NUM_SHOWN).round().astype(int)
        lines.append(np.concatenate(frames[shown], axis=1))
    return np.concatenate(lines, axis=0)
