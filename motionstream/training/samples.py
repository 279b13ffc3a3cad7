"""What a run's averaged networks make of clips they never saw: as a picture, as a video, and in the event files.

Above are the true clips, below what was made; the told tracks are drawn on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from motionstream.config import StreamConfig
from motionstream.models.checkpoint import Checkpoint
from motionstream.streaming.clip_generator import ClipGenerator
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.enlarge import enlarge
from motionstream.streaming.overlay import draw_tracks
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.streaming.video_file import VideoWriter
from motionstream.tracks import Tracks
from motionstream.training.base import Base
from motionstream.training.export import assembled
from motionstream.training.loop import Run
from motionstream.training.networks import Networks
from motionstream.training.previews import PREVIEW_SEEDS, film_strips, save_png

Generate = Callable[[np.ndarray, Tracks, str, int], np.ndarray]
"""generate(first frame uint8 [h, w, 3], tracks, prompt, seed) -> uint8 [t, h, w, 3]."""

_POINTS_TOLD = 200
_TEACHER_STEPS = 12
_ENLARGED = 2


@dataclass(frozen=True)
class Sample:
    """A clip, and what a model made of it, both enlarged and with the told tracks drawn on them."""

    true: UInt8[np.ndarray, "t h w 3"]
    made: UInt8[np.ndarray, "t h w 3"]


def make_samples(generate: Generate, stream: StreamConfig, seeds: Sequence[int] = PREVIEW_SEEDS) -> list[Sample]:
    """Makes clips of three chunks from their first frames, captions and some of their tracks.

    The last one brings something into view that only its caption names.
    """
    from motionstream.training.world import make_clip  # needs OpenCV, which training itself does not

    num_frames, samples = stream.first_video_frame(3), []
    for seed in seeds:
        clip = make_clip(seed, num_frames, stream.height, stream.width, newcomer=seed == seeds[-1])
        told = clip.tracks.select(np.random.default_rng(seed).permutation(clip.tracks.ids)[:_POINTS_TOLD].tolist())
        made = generate(clip.frames[0], told, clip.caption, seed)
        samples.append(Sample(*(draw_tracks(enlarge(video, _ENLARGED), told) for video in (clip.frames, made))))
    return samples


def show_student(run: Run, base: Base) -> Path:
    """Shows what the averaged student streams."""
    return _show(run, base, StreamGenerator(StreamEngine(_averaged(run, base))))


def show_teacher(run: Run, base: Base) -> Path:
    """Shows what the averaged teacher makes under joint guidance."""
    guidance = base.preset.distillation.guidance
    return _show(run, base, ClipGenerator(checkpoint=_averaged(run, base), guidance=guidance, num_steps=_TEACHER_STEPS))


def _averaged(run: Run, base: Base) -> Checkpoint:
    networks = Networks.fresh(base.preset.transformer, base.preset.track_head)
    networks.load_state_dict(run.averaged_state())
    return assembled(networks.to(next(run.model.parameters()).device).eval(), base, run.folder)


def _show(run: Run, base: Base, generate: Generate) -> Path:
    """Writes picture and video into the run's folder, puts them into its event files, and returns the picture."""
    samples, stream = make_samples(generate, base.preset.stream), base.preset.stream
    strips = film_strips([video for sample in samples for video in (sample.true, sample.made)])
    picture = save_png(strips, run.folder / "previews" / f"step_{run.step:06d}.png")
    rows = [np.concatenate([getattr(sample, row) for sample in samples], axis=2) for row in ("true", "made")]
    video = np.concatenate(rows, axis=1)
    with VideoWriter(picture.with_suffix(".mp4"), fps=stream.fps) as writer:
        writer.write(video)
    run.show("samples", strips)
    run.show("clips", video, stream.fps)
    return picture
