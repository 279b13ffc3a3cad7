"""Train a tiny depth network: `python -m motionstream_camera.train_depth --help`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from motionstream.errors import MotionStreamError
from motionstream_camera.depth_training.examples import ExampleStore
from motionstream_camera.depth_training.network import save_network
from motionstream_camera.depth_training.source import clip_maker
from motionstream_camera.depth_training.trainer import DepthTrainer, TrainingSettings

_SAVE_EVERY = 50
_TOLD_EVERY = 10


def main(arguments: list[str] | None = None) -> int:
    """Train, or go on training, and write the network's folder."""
    wanted = _parser().parse_args(arguments)
    try:
        _train(wanted)
    except MotionStreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    default = TrainingSettings()
    parser.add_argument("--run", type=Path, default=Path("runs/depth_tiny"), help="state, curve and rendered scenes")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/depth-tiny"), help="the network's folder")
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--batch", type=int, default=default.batch)
    parser.add_argument("--rate", type=float, default=default.rate, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=default.seed, help="of weights, scenes and augmentation")
    parser.add_argument("--examples", type=int, default=6000, help="scenes, each rendered once")
    parser.add_argument("--clips", default="", help="module:function that makes layered clips with depth, as well")
    parser.add_argument("--clip-share", type=float, default=0.1, help="part of the examples that are such clips")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16")
    return parser


def _train(wanted: argparse.Namespace) -> None:
    import cv2
    import torch

    torch.set_num_threads(wanted.threads)
    cv2.setNumThreads(wanted.threads if wanted.threads > 1 else 0)
    settings = TrainingSettings(
        steps=wanted.steps, batch=wanted.batch, rate=wanted.rate, seed=wanted.seed, bf16=wanted.bf16
    )
    store = ExampleStore(
        wanted.run,
        seed=wanted.seed,
        size=wanted.examples,
        make_clip=clip_maker(wanted.clips),
        clip_share=wanted.clip_share,
    )
    trainer = DepthTrainer(settings, store)
    state = wanted.run / "state.safetensors"
    if state.is_file():
        trainer.load(state)
        print(f"Going on after step {trainer.done}.")
    _run(trainer, state)
    save_network(trainer.network, settings.size, wanted.out)
    print(f"Wrote {wanted.out}.")


def _run(trainer: DepthTrainer, state: Path) -> None:
    """Train to the end with a progress bar, saving on the way."""
    from rich.progress import track

    losses: list[float] = []
    began = time.perf_counter()
    for _ in track(range(trainer.done, trainer.settings.steps), description="depth"):
        losses.append(trainer.step())
        if trainer.done % _TOLD_EVERY == 0:
            with (state.parent / "curve.tsv").open("a") as curve:
                seconds = time.perf_counter() - began
                curve.write(f"{trainer.done}\t{sum(losses) / len(losses):.5f}\t{seconds:.0f}\n")
            losses.clear()
        if trainer.done % _SAVE_EVERY == 0 or trainer.done == trainer.settings.steps:
            trainer.save(state)


if __name__ == "__main__":
    raise SystemExit(main())
