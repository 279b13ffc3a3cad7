"""`motionstream train`: the stages that make the embedded checkpoint, one after the other.

Every stage works in a folder and goes on from what lies there: the same command continues an interrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from motionstream.cli.console import notes
from motionstream.cli.train_runs import LATENTS, ROLLOUT, TINY_VAE, TrainRollout, TrainStudent, TrainTinyVAE
from motionstream.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Encode:
    """Stage 2: procedural clips, encoded once to be trained on many times."""

    folder: Path = LATENTS
    """Where the shards go; those that lie there are left alone."""
    vae: Path = TINY_VAE
    """Folder of the autoencoder's run."""
    shards: int = 32
    """Shards to end up with, of 256 clips and 190 MB each."""
    workers: int = 2
    """Processes, each on one core."""

    def run(self) -> int:
        """Make the shards that are missing."""
        from rich.progress import track

        from motionstream.training.encoding import EncodingSettings, encode_shards, missing_shards
        from motionstream.training.export import EMBEDDED_STREAM

        for flag, value in (("shards", self.shards), ("workers", self.workers)):
            if value < 1:
                raise InputError(f"--{flag}: wanted at least 1, got {value}.")
        settings = EncodingSettings(num_shards=self.shards)
        total = len(missing_shards(self.folder, settings))
        done = encode_shards(self.vae, self.folder, EMBEDDED_STREAM, settings, self.workers)
        for _ in track(done, "encoding", total=total, console=notes()):
            pass
        print(f"{self.folder}: {self.shards * settings.shard_clips} clips, {total} shards new")
        return 0


@dataclass(frozen=True, kw_only=True)
class Export:
    """Stage 4: a checkpoint that the engine streams, from the averaged weights."""

    out: Path
    """The checkpoint's folder; an older checkpoint is replaced, its model card stays."""
    vae: Path = TINY_VAE
    """Folder of the autoencoder's run."""
    student: Path = ROLLOUT
    """Folder of the student's run."""

    def run(self) -> int:
        """Write it."""
        from motionstream.training.export import EMBEDDED_STREAM, export_checkpoint

        folder = export_checkpoint(self.vae, self.student, self.out, EMBEDDED_STREAM)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{folder}: {size / 1e6:.1f} MB; `motionstream generate --checkpoint {self.out}` streams it")
        return 0


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Draw what the loss did, one row a run."""

    out: Path
    """The PNG to write."""
    folders: tuple[Path, ...] = field(default=(ROLLOUT,))
    """Folders of runs."""

    def run(self) -> int:
        """Draw them."""
        from motionstream.training.curves import CURVE_FILE, draw_curves, read_curve

        print(draw_curves({str(folder): read_curve(folder / CURVE_FILE) for folder in self.folders}, self.out))
        return 0


def _stage(name: str) -> object:
    return tyro.conf.subcommand(name, prefix_name=False)


@dataclass(frozen=True)
class Train:
    """Make the embedded checkpoint, stage by stage: tiny-vae, encode, rollout, export."""

    stage: tyro.conf.OmitArgPrefixes[
        Annotated[TrainTinyVAE, _stage("tiny-vae")]
        | Annotated[Encode, _stage("encode")]
        | Annotated[TrainStudent, _stage("student")]
        | Annotated[TrainRollout, _stage("rollout")]
        | Annotated[Export, _stage("export")]
        | Annotated[Curves, _stage("curves")]
    ]

    def run(self) -> int:
        """Run the stage."""
        return self.stage.run()
