"""A run on encoded clips: what the stages that train networks on them have in common."""

from collections.abc import Iterator
from pathlib import Path

from motionstream.training.batch import BatchSettings, ClipBatch, batches
from motionstream.training.latent_cache import LatentCache
from motionstream.training.loop import PRINTING, LoopSettings, Loss, Run, Watch
from motionstream.training.networks import Networks


def train_on_clips(
    folder: Path,
    cache: LatentCache,
    networks: Networks,
    loss: Loss,
    settings: BatchSettings,
    loop: LoopSettings,
    seed: int = 0,
    *,
    compile_model: bool = False,
    watch: Watch = PRINTING,
) -> Run:
    """Trains networks in `folder` on encoded clips, on the device they lie on, resuming what lies there.

    Args:
        folder: Of the run.
        cache: The clips.
        networks: With their first weights; those of a run that is resumed take their place.
        loss: The stage's.
        settings: Of the batches.
        loop: Of the steps.
        seed: Decides the batches and the noise.
        compile_model: Whether to compile the transformer for the training's one shape.
        watch: Told of the progress.
    """
    run = Run(networks, loop, folder, seed)
    run.resume()
    if compile_model:
        networks.compile_transformer()
    run.fit(_on_device(batches(cache, settings, seed, run.num_batches), networks), loss, watch)
    return run


def _on_device(made: Iterator[ClipBatch], networks: Networks) -> Iterator[ClipBatch]:
    return (batch.to(networks.device) for batch in made)
