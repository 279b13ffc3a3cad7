"""An autoencoder's stage of training as data, and the run that it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training.clip_source import ClipSource
from motionstream.training.crops import CropSettings, batches
from motionstream.training.loop import PRINTING, STATE_FILE, LoopSettings, Run, Watch
from motionstream.training.picture_training import PictureDistance, PictureSettings, PictureTraining, Try


@dataclass(frozen=True, kw_only=True)
class PictureStage:
    """What an autoencoder is trained by.

    Attributes:
        config: Of the autoencoder.
        start: Gives a new one its weights.
        attempt: What it makes of a batch.
        crops: Shape of a batch.
        pictures: Weights of the losses.
        loop: Steps and rates.
    """

    config: TinyVAEConfig
    start: Callable[[TinyVAE], None]
    attempt: Try
    crops: CropSettings
    pictures: PictureSettings
    loop: LoopSettings


def train_pictures(
    folder: Path,
    stage: PictureStage,
    seed: int = 0,
    *,
    distance: PictureDistance | None = None,
    source: ClipSource | None = None,
    workers: int = 1,
    device: torch.device | str = "cpu",
    watch: Watch = PRINTING,
) -> Run:
    """Trains an autoencoder in `folder`, resuming what lies there.

    Args:
        folder: Of the run.
        stage: What it is trained by.
        seed: Decides weights, crops and noise.
        distance: A perceptual one beside the features', such as LPIPS.
        source: Of the clips; by default the procedural world.
        workers: Processes that make batches.
        device: Where it is trained.
        watch: Told of the progress.
    """
    torch.manual_seed(seed)
    vae, loop = TinyVAE(stage.config), stage.loop
    if not (folder / STATE_FILE).exists():
        stage.start(vae)
    training = PictureTraining(stage.attempt, stage.pictures, distance)
    run = Run(vae.use_channels_last().to(device), loop, folder, seed, training.beside(seed, device))
    run.resume()
    # a batch an update of the autoencoder: the discriminator sees the same pictures
    steps = range(run.step * loop.accumulate, loop.steps * loop.accumulate)
    run.fit_steps(batches(stage.crops, 10_000_000 * (seed + 1), steps, source, workers), training.step, watch)
    return run
